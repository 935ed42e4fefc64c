"""What a container or a builder wrote, as a person reads it. Pure."""

from __future__ import annotations

import re

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
# a progress bar's former states; from a line's begin, or a long line would take its time squared
_OVERWRITTEN = re.compile(r"^[^\n]*\r(?!\n)", re.M)


def plain_text(data: bytes) -> str:
    """Decode what a container wrote, as a terminal would leave it standing.

    Escape sequences of ECMA-48 ("ANSI") are taken out, and what a carriage return overwrote.
    """
    text = _ANSI.sub("", data.decode("utf-8", "replace")).replace("\r\n", "\n")
    return _OVERWRITTEN.sub("", text)
