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
