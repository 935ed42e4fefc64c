"""Samples as pictures: bars for medians, a line from the minimum to the 95th percentile. SVG.

Drawn by hand, since it is little: colours follow the reader's light or dark page.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from .tables import UNITS, Cases, figures

WIDTH = 760
LEFT, RIGHT = 250, 150  # pixels for names and for figures
ROW, BAR = 26, 14
TOP = 34
STYLE = """\
svg { background: #ffffff }
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.quiet { fill: #59636e }
.bar { fill: #8c959f }
.ours { fill: #0969da }
.spread { stroke: #1f2328; stroke-width: 1.5 }
.base { stroke: #59636e; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117 }
  text { fill: #f0f6fc }
  .quiet { fill: #9198a1 }
  .bar { fill: #6e7681 }
  .ours { fill: #4493f8 }
  .spread { stroke: #f0f6fc }
  .base { stroke: #9198a1 }
}
"""


def bars(
    title: str,
    cases: Cases,
    quantity: str,
    base: str,
    *,
    unit: str = "ms",
    failures: Mapping[str, str] | None = None,
) -> str:
    """Return a picture of all cases, the ones that failed included.

    Parameters
    ----------
    base : str
        The case whose median is drawn through all rows.
    failures : mapping
        By case, why there are no samples.
    """
    found = {name: figures(samples, quantity) for name, samples in cases.items()}
    shown = {name: one for name, one in found.items() if one or name in (failures or {})}
    known = [one for one in shown.values() if one]
    scale = (WIDTH - LEFT - RIGHT) / max([one.p95 for one in known], default=1.0)
    other = found.get(base)
    height = TOP + ROW * len(shown) + 8
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<text class="title" x="0" y="16">{escape(title)}</text>',
    ]
    for number, (name, one) in enumerate(shown.items()):
        middle = TOP + ROW * number + ROW / 2
        parts.append(_text(LEFT - 10, middle, name, end=True))
        if one is None:
            parts.append(_text(LEFT + 4, middle, "fails", quiet=True))
            continue
        kind = "bar ours" if name.startswith("container") else "bar"
        parts.append(
            f'<rect class="{kind}" x="{LEFT}" y="{middle - BAR / 2:g}" '
            f'width="{one.median * scale:.1f}" height="{BAR}" rx="2"/>'
        )
        parts.append(
            f'<path class="spread" d="M{LEFT + one.minimum * scale:.1f} {middle:g}'
            f'H{LEFT + one.p95 * scale:.1f}"/>'
        )
        text = f"{one.median * UNITS[unit]:.{0 if unit == 'ms' else 1}f} {unit}"
        if other is not None and other.median:
            text += f" · {one.median / other.median:.2f}×"
        parts.append(_text(LEFT + one.p95 * scale + 8, middle, text))
    if other is not None:
        at = LEFT + other.median * scale
        parts.append(f'<path class="base" d="M{at:.1f} {TOP}V{height - 8}"/>')
    return "\n".join([*parts, "</svg>", ""])


def _text(x: float, middle: float, text: str, *, end: bool = False, quiet: bool = False) -> str:
    more = ' text-anchor="end"' if end else ""
    kind = ' class="quiet"' if quiet else ""
    return f'<text{kind} x="{x:.1f}" y="{middle + 4.5:g}"{more}>{escape(text)}</text>'
