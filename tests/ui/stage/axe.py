"""axe-core in the page: what of ours people cannot see, read or reach."""

from __future__ import annotations

from collections.abc import Sequence

from playwright.sync_api import Locator

from tests.ui.server import ROOT

_AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"

# JupyterLab's own, in parts that we only use: rule, and what is said of a node then.
_UPSTREAM = (
    # its toolbar buttons all say aria-pressed, which <jp-button> may not
    (
        "aria-allowed-attr",
        r"^<jp-button .*\n  ARIA attribute is not allowed: aria-pressed=.false.$",
    ),
    # its launcher's cards show a kernel's picture and its name, and say the name of both
    ("image-redundant-alt", r'^<img src="([^"]*/kernelspecs/|data:image/svg\+xml,)'),
    # inside of its <jp-search>
    ("button-name", r'^<button part="clear-button"'),
)

_RUN = """async (root, { upstream, only }) => {
  const { violations } = await axe.run(root, only ? { runOnly: only } : {});
  return violations.flatMap(({ id, help, nodes }) =>
    nodes
      .map(({ html, failureSummary }) => `${html.slice(0, 300)}: ${failureSummary}`)
      .filter(node => !upstream.some(
        ([rule, how]) => rule === id && new RegExp(how, 's').test(node)
      ))
      .map(node => `${id}: ${help}: ${node}`)
  );
}"""


def violations(what: Locator, only: Sequence[str] | None = None) -> list[str]:
    """Return what axe-core finds in a part of the page, in words.

    Parameters
    ----------
    what : Locator
        The part.
    only : sequence of str, optional
        The rules to look at; otherwise all.
    """
    page = what.page
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_AXE.read_text(encoding="utf-8"))
    options = {"upstream": _UPSTREAM, "only": only}
    found: list[str] = what.evaluate(_RUN, options)
    return found
