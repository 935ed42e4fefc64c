"""Programs that run in a container beside its kernel: how they are begun, and how they end.

An engine does not end such a program when whoever sees its output goes away: a shell on a terminal
would stay in the container for ever. So a guard is beside it, whose standard input is a connection
of ours. When that closes, whatever the reason (the server was killed, the machine's network is
gone), the guard hangs the program up, as a terminal that is closed does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# The number of the process comes first, so that the guard can be told; then it becomes the program.
_BEGIN = 'printf "%s\\n" "$$"; exec "$@"'
# Not a login shell: /etc/profile of Debian takes the image's own folders off PATH. Of the settings
# of language only the encoding is needed; C.UTF-8 needs no data. A user without an entry in the
# image's /etc/passwd is "I have no name!" to bash, whatever USER says.
_SHELL = """\
[ -n "${LC_ALL-}${LC_CTYPE-}${LANG-}" ] || export LC_CTYPE=C.UTF-8
if command -v bash >/dev/null 2>&1; then
  export PROMPT_COMMAND='PS1=${PS1//\\\\u/${USER-}}; unset PROMPT_COMMAND'
  exec bash
fi
exec sh
"""
# The group, not the process: a command without a terminal has children that nobody else would end.
_GUARD = """\
read -r program || exit 0
read -r over && exit 0
kill -s HUP -- "-$program" 2>/dev/null || exit 0
kill -s CONT -- "-$program" 2>/dev/null
sleep 1
kill -s KILL -- "-$program" 2>/dev/null
exit 0
"""
OVER = b"over\n"  # tells the guard that the program has ended by itself
_PROCESS = re.compile(rb"([1-9][0-9]{0,9})\r?\n")
LONGEST_NUMBER = 12  # bytes of such a line

SHELL: tuple[str, ...] = ("/bin/sh", "-c", _SHELL)
GUARD: tuple[str, ...] = ("/bin/sh", "-c", _GUARD)
_TERM = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,63}")


@dataclass(frozen=True)
class TerminalSize:
    """Of a terminal, in characters."""

    rows: int
    columns: int


@dataclass(frozen=True)
class Program:
    """A process of this machine that is to be on a terminal."""

    argv: tuple[str, ...]
    env: dict[str, str | None]  # what is added to the environment; None: taken away
    cwd: str


def begun(command: Sequence[str]) -> tuple[str, ...]:
    """Return what runs a command, or a shell where it is empty, and tells its process first."""
    return ("/bin/sh", "-c", _BEGIN, "sh", *(command or SHELL))


def process_line(number: int) -> bytes:
    """Return what tells the guard whom to guard."""
    return b"%d\n" % number


def split_process(output: bytes) -> tuple[int | None, bytes] | None:
    """Take the process's number off the begin of an output.

    Returns
    -------
    tuple or None
        The number and the rest; no number where the program could not be begun. None: what came so
        far does not tell.
    """
    match = _PROCESS.match(output)
    if match is not None:
        return int(match[1]), output[match.end() :]
    may_come = len(output) < LONGEST_NUMBER and output.rstrip(b"\r").isdigit()
    return None if may_come or not output else (None, output)


def terminal_variables(term: str | None) -> dict[str, str]:
    """Return the variables of a program on a terminal of this kind; an odd name is none."""
    named = term is not None and _TERM.fullmatch(term)
    return {"TERM": term if named and term else "xterm-256color"}


def title(called: str, *, ended: bool = False) -> str:
    """Return what entitles a terminal (xterm's control sequences, "OSC 0").

    By its end pages know that there are words to be read in a terminal whose program has ended.
    """
    plain = "".join(sign for sign in called if sign.isprintable())[:60]
    return f"\x1b]0;{plain} – container{' ended' if ended else ''}\x07"
