"""What a container or a builder wrote, as a person reads it. Pure."""

from __future__ import annotations

import codecs
import re

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
# a progress bar's former states; from a line's begin, or a long line would take its time squared
_OVERWRITTEN = re.compile(r"^[^\n]*\r(?!\n)", re.M)
# the begin of an escape sequence whose end may come yet
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?)?\Z")
_LONGEST = 4096  # characters of a sequence; what is longer is none
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def plain_text(data: bytes) -> str:
    """Decode what a container wrote, as a terminal would leave it standing.

    Escape sequences of ECMA-48 ("ANSI") are taken out, and what a carriage return overwrote.
    """
    text = _ANSI.sub("", data.decode("utf-8", "replace")).replace("\r\n", "\n")
    return _OVERWRITTEN.sub("", text)


class PlainText:
    """The same for a stream that comes in parts; a carriage return stays, for who shows it.

    Invalid UTF-8 is replaced, and control characters other than tab and the ends of lines go.
    """

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""

    def feed(self, data: bytes, *, final: bool = False) -> str:
        """Return the text of the next part, as far as its meaning is known."""
        text = self._rest + self._decode(data, final)
        self._rest = ""
        if "\x1b" in text:
            text = _ANSI.sub("", text)
            begun = None if final else _BEGUN.search(text, max(0, len(text) - _LONGEST))
            if begun is not None:
                self._rest = text[begun.start() :]
                text = text[: begun.start()]
        return _CONTROLS.sub("", text)
