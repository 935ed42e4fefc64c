"""What does not fit into a narrow panel."""

from __future__ import annotations

from playwright.sync_api import Locator

_FIND = """root => {
  const name = node => node.outerHTML.slice(0, 160);
  const found = [];
  if (root.scrollWidth > root.clientWidth) {
    found.push(`wider than the panel: ${root.scrollWidth} of ${root.clientWidth} px`);
  }
  const { left } = root.getBoundingClientRect();
  const right = left + root.clientWidth;
  for (const node of root.querySelectorAll('*')) {
    const { left: from, right: to, width, height } = node.getBoundingClientRect();
    const style = getComputedStyle(node);
    if (!width || !height || style.visibility === 'hidden' || style.position === 'fixed') {
      continue;
    }
    const isForScreenReaders = width <= 1 && height <= 1;
    if (!isForScreenReaders && (from < left - 1 || to > right + 1)) {
      found.push(`reaches out: ${name(node)}`);
    }
    const isControl = node.matches(
      'a, button, input, jp-button, select, summary, textarea, [role=button], [tabindex]'
    );
    const isCut = node.scrollWidth > node.clientWidth + 1 && style.overflowX !== 'visible';
    if (isControl && isCut && style.overflowX !== 'auto' && style.textOverflow !== 'ellipsis') {
      found.push(`cut off: ${name(node)}`);
    }
    // an ellipsis is fine where the whole text can be had otherwise
    if (isCut && style.textOverflow === 'ellipsis' && !node.closest('[title], [aria-label]')) {
      found.push(`shortened without a title: ${name(node)}`);
    }
  }
  return found;
}"""


def overflows(panel: Locator) -> list[str]:
    """Return what reaches out of a panel, or is cut off in it, in words."""
    found: list[str] = panel.evaluate(_FIND)
    return found
