"""Whether a cell runs in a kernel: as its messages said, or as the kernel itself answers.

Jupyter Server keeps a kernel's state from the messages that it sees on the IOPub channel. It cannot
see them while it connects anew, as after a restart, and a message on another channel than the shell
ends a running cell's "busy" too early. A kernel answers on its shell channel between two cells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

PATIENCE = 3.0  # seconds for an answer; where the machine is slower, the kernel counts as busy


class Presumed(str):
    """An execution state that nobody has told: a kernel that was found may be in a long cell."""

    __slots__ = ()


def has_started(kernel: Any) -> bool:
    """Tell whether a kernel's start, or restart, is over and came to something."""
    ready: Any = getattr(kernel, "ready", None)
    return (
        ready is not None
        and ready.done()
        and not ready.cancelled()
        and ready.exception() is None
        and not getattr(kernel, "shutting_down", False)
    )


def is_free(kernel: Any) -> bool:
    """Tell whether a kernel is known to have started, and to run nothing."""
    return has_started(kernel) and _state(kernel) == "idle"


def presume_busy(kernel: Any) -> None:
    """Find out whether a cell runs: an idle kernel answers on its shell channel, at once.

    Until then it counts as busy, so that nothing that ends idle kernels ends this one.
    """
    kernel.execution_state = Presumed("busy")
    _ask(kernel, lambda: _settle(kernel, isinstance(_state(kernel), Presumed)))


def restarting(kernel: Any) -> None:
    """Note that no cell runs any more: the end of the one that did is never told."""
    kernel.execution_state = "starting"


def find_out(kernel: Any) -> Callable[[], None]:
    """Find out when a kernel that has just started runs nothing: where no page asks, nobody does.

    Returns what gives the answer up.
    """
    return _ask(kernel, lambda: _settle(kernel, _state(kernel) == "starting"))


async def answers(kernel: Any, patience: float | None = None) -> bool:
    """Tell whether a kernel answers within ``patience`` seconds; None: within `PATIENCE`."""
    answered = asyncio.Event()
    close = _ask(kernel, answered.set)
    try:
        await asyncio.wait_for(answered.wait(), PATIENCE if patience is None else patience)
    except asyncio.TimeoutError:
        return False
    finally:
        close()
    return True


def _state(kernel: Any) -> Any:
    return getattr(kernel, "execution_state", None)


def _settle(kernel: Any, unknown: bool) -> None:
    if unknown:  # no cell has told otherwise meanwhile
        kernel.execution_state = "idle"


def _ask(kernel: Any, answered: Callable[[], None]) -> Callable[[], None]:
    """Ask for what every kernel tells, and is no use of it; return what gives the answer up."""
    stream = kernel.connect_shell()

    def close() -> None:
        if not stream.closed():
            stream.close()

    def received(_: Any) -> None:
        close()
        answered()

    stream.on_recv(received)
    kernel.session.send(stream, "kernel_info_request")
    return close
