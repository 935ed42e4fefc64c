"""What others wrote, put where a line means something: logs and terminals. Pure."""

from __future__ import annotations

import re

# C0 and C1 but for the tab, and what Unicode breaks lines or turns their direction with
_UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
MARGIN = "  | "


def one_line(text: str) -> str:
    """Return a text in one line, with what could act on a terminal or a log written out.

    >>> one_line("it ended.\\n[I 12:00 ServerApp] all is well\\x1b[2J")
    'it ended.\\\\n[I 12:00 ServerApp] all is well\\\\x1b[2J'
    """
    return _UNSAFE.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def quoted(text: str) -> str:
    """Return lines, each behind a margin: none of them can be taken for a line of somebody else.

    >>> print(quoted("no licence\\n[I ServerApp] fine\\n"))
      | no licence
      | [I ServerApp] fine
    """
    return "\n".join(MARGIN + one_line(line) for line in text.split("\n") if line)
