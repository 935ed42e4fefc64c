"""Tables that fit the terminal, and colours where they are wanted."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

GAP = 2  # columns between two cells
NARROWEST = 6  # columns; no cell is cut below this
NARROW = 12  # columns; no cell is cut below this as long as names are whole
NAMES = frozenset({"IMAGE", "NAME"})  # titles of what people type again; cut last
WHOLE = frozenset({"CONTAINER", "KERNEL", "LAUNCH", "JOB", "SINCE"})  # of no use in part; never cut
_COLOURS = {"good": "32", "bad": "31", "dim": "2", "bold": "1"}  # ECMA-48, select graphic rendition


@dataclass(frozen=True)
class Style:
    """How to write: ``width`` in columns (None = as wide as it gets), with colours or not."""

    width: int | None = None
    colour: bool = False

    @classmethod
    def of(cls, stream: TextIO) -> Style:
        """Return what suits a stream; https://no-color.org is respected."""
        if not stream.isatty():
            return cls()
        colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return cls(shutil.get_terminal_size().columns, colour)

    def paint(self, text: str, kind: str) -> str:
        """Return the text in the colour of "good", "bad", "dim" or "bold"."""
        return f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m" if self.colour and text else text


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], style: Style) -> str:
    """Return rows as aligned columns.

    Where room is short, columns without a value are left out, and the widest cells are cut with
    "…": names after all others, ids and times never. Cells are data from images, labels and files:
    what is not printable is left out.
    """
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [
        max(_columns(title), *(_columns(row[i]) for row in cells), 0)
        for i, title in enumerate(titles)
    ]
    if style.width is not None and _excess(widths, style.width) > 0:
        kept = [i for i in range(len(titles)) if not cells or any(row[i] for row in cells)]
        titles, widths = [titles[i] for i in kept], [widths[i] for i in kept]
        cells = [[row[i] for i in kept] for row in cells]
        widths = _fit(titles, widths, style.width)
    lines = [style.paint(_line(titles, widths), "bold")]
    lines += [_line(row, widths) for row in cells]
    return "\n".join(lines)


def _excess(widths: Sequence[int], room: int) -> int:
    return sum(widths) + GAP * (len(widths) - 1) - room


def _fit(titles: Sequence[str], widths: Sequence[int], room: int) -> list[int]:
    """Take columns from the widest cells until all fit or nothing more can be taken."""
    fitted = list(widths)
    for spared, least in ((WHOLE | NAMES, NARROW), (WHOLE, NARROWEST)):
        while _excess(fitted, room) > 0:
            able = [
                i for i, title in enumerate(titles) if title not in spared and fitted[i] > least
            ]
            if not able:
                break
            fitted[max(able, key=lambda i: fitted[i])] -= 1
    return fitted


def moment(at: str | float) -> str:
    """Return when something was, in this machine's time zone, to the minute.

    Parameters
    ----------
    at : str or float
        RFC 3339, or seconds since the epoch; "" stays so.
    """
    if at == "":
        return ""
    if isinstance(at, str):
        time = datetime.fromisoformat(at.replace("Z", "+00:00")).astimezone()
    else:
        time = datetime.fromtimestamp(at)
    return f"{time:%Y-%m-%d %H:%M}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        cell + " " * (width - _columns(cell))
        for cell, width in ((_cut(c, w), w) for c, w in zip(cells, widths, strict=True))
    )
    return (" " * GAP).join(padded).rstrip()


def _cut(text: str, width: int) -> str:
    if _columns(text) <= width:
        return text
    kept = ""
    for character in text:
        if _columns(kept + character) > width - 1:
            break
        kept += character
    return kept + "…"


def _columns(text: str) -> int:
    """Columns of a terminal that a text takes (Unicode Standard Annex 11)."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def plain(text: str) -> str:
    """Return a text without what would move the cursor or change colours."""
    return "".join(filter(str.isprintable, text))
