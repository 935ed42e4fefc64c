"""What a kernel says while no page is connected: kept for the page that comes back, with a bound.

Jupyter Server keeps all of it, in memory; a kernel that prints in a loop while nobody looks would
take the whole server down, and everybody's kernels with it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from jupyter_client.session import Session

from jupyter_gpu_containers.model.size import format_bytes

OUTPUT = 32 << 20  # bytes of messages after which no more output is kept
REST = 8 << 20  # bytes for what follows: states, replies, errors
SMALL = 16 << 10  # bytes of a message that still has a place among the rest
OVERHEAD = 600  # bytes of Python's own for each message, about
SEPARATOR = b"<IDS|MSG>"  # then come signature, header, parent header, metadata, content, buffers
HEADER, PARENT = 2, 3  # places after it

Message = Sequence[bytes]


class OfflineBuffer(list[tuple[str, Message]]):
    """Messages of one kernel, in order; beyond a size no output, and then nothing any more.

    Output that does not fit is dropped from the end, as Jupyter's own limit does with a page that
    is there; a last message says so. States, errors and replies follow it, so that a page that
    comes back sees whether the cell still runs.

    Parameters
    ----------
    session : jupyter_client.session.Session
        The kernel's, which signs messages.
    output, rest : int
        Bytes.
    """

    def __init__(self, session: Session, *, output: int = OUTPUT, rest: int = REST) -> None:
        super().__init__()
        self._session = session
        self._output, self._limit = output, output + rest
        self.size = 0  # bytes
        self.full = False  # something was dropped

    def append(self, row: tuple[str, Message]) -> None:
        """Keep a message, or drop it."""
        channel, parts = row
        size = sum(map(len, parts)) + OVERHEAD
        if not self.full and self.size + size <= self._output:
            self._keep(row, size)
            return
        if not self.full:
            self.full = True
            self._tell(_part(parts, PARENT))
        fits = size <= SMALL and self.size + size <= self._limit
        if fits and not (channel == "iopub" and _is_output(parts)):
            self._keep(row, size)

    def _keep(self, row: tuple[str, Message], size: int) -> None:
        super().append(row)
        self.size += size

    def _tell(self, parent: dict[str, Any]) -> None:
        text = (
            "Output is missing from here on: of what a kernel says while its page is not connected "
            f"Jupyter Server keeps the first {format_bytes(self._output)}.\n"
        )
        content = {"name": "stderr", "text": text}
        said = self._session.msg("stream", content, parent={"header": parent})
        notice = self._session.serialize(said)
        self._keep(("iopub", notice), sum(map(len, notice)) + OVERHEAD)


def _is_output(parts: Message) -> bool:
    """Tell what a cell shows from what a page needs to know."""
    return _part(parts, HEADER).get("msg_type") not in ("status", "error", "execute_input")


def _part(parts: Message, place: int) -> dict[str, Any]:
    """Return a part of a message, counted from the separator; {} where there is none."""
    try:
        found = json.loads(bytes(parts[list(parts).index(SEPARATOR) + place]))
    except (ValueError, IndexError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
