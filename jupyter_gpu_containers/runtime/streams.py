"""What a thread reads, for an event loop: at the reader's pace, and given up when nobody reads."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

AHEAD = 8  # items that are held for a reader who is slower


async def read_in_thread(
    items: Iterable[T], close: Callable[[], None], *, name: str
) -> AsyncGenerator[T, None]:
    """Yield what an iterable gives that blocks, from a thread of its own.

    Parameters
    ----------
    items : iterable
        Iterated once, in the thread; what it raises is raised here.
    close : callable
        Ends the iteration, also while it waits; called once, when the reader leaves, in its thread.
    name : str
        Of the thread.
    """
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[tuple[bool, T | None, BaseException | None]] = asyncio.Queue()
    room = threading.Semaphore(AHEAD)
    left = threading.Event()

    def tell(more: bool, item: T | None = None, error: BaseException | None = None) -> None:
        if not left.is_set():
            with contextlib.suppress(RuntimeError):  # the loop has ended without the reader
                loop.call_soon_threadsafe(arrived.put_nowait, (more, item, error))

    def work() -> None:
        try:
            for item in items:
                room.acquire()
                if left.is_set():
                    return
                tell(True, item)
        except BaseException as exc:  # noqa: BLE001  the reader gets it
            tell(False, error=exc)
        else:
            tell(False)

    threading.Thread(target=work, name=name, daemon=True).start()
    try:
        while True:
            more, item, error = await arrived.get()
            if error is not None:
                raise error
            if not more:
                return
            room.release()
            yield item  # type: ignore[misc]  # there is one, where there is more
    finally:
        left.set()
        room.release()  # a thread that waits for room sees that nobody reads
        close()
