"""Waiting, in whichever event loop runs now, for something that a thread will report."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import TypeVar

T = TypeVar("T")


async def from_thread(future: concurrent.futures.Future[T]) -> T:
    """Await a thread's future; cancelling the wait leaves the future alone.

    Unlike `asyncio.wrap_future`, which cancels it, and complains when its loop was closed meanwhile
    (jupyter_client's blocking managers open and close loops at will).
    """
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def wake(_future: object) -> None:
        if not loop.is_closed():
            try:
                loop.call_soon_threadsafe(done.set)
            except RuntimeError:  # closed between the two lines; nobody waits there any more
                return

    future.add_done_callback(wake)
    await done.wait()
    return future.result()


async def set_within(event: asyncio.Event, seconds: float | None) -> bool:
    """Wait for an event for so long; tells whether it is set.

    Not `asyncio.wait_for`: before Python 3.12 it loses a cancellation that comes with the event,
    and a task that looks at something again and again would never end.

    Parameters
    ----------
    event : asyncio.Event
    seconds : float, optional
        None waits for ever.
    """
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({waiting}, timeout=seconds)
    finally:
        waiting.cancel()
    return event.is_set()
