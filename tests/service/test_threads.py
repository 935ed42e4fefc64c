"""Work in a thread that nobody waits for at the end."""

from __future__ import annotations

import asyncio
import threading

import pytest

from jupyter_gpu_containers.runtime.threads import aside


async def test_results_and_failures_come_back() -> None:
    assert await aside(divmod, 7, 2) == (3, 1)
    assert await aside(int, "ff", base=16) == 255
    with pytest.raises(ZeroDivisionError):
        await aside(divmod, 7, 0)


async def test_the_thread_keeps_no_process_alive() -> None:
    assert await aside(lambda: threading.current_thread().daemon)


def test_who_gives_up_leaves_the_thread_to_itself() -> None:
    """Its end comes after that of the loop, and disturbs nobody."""
    begun, go_on, ended = (threading.Event() for _ in range(3))

    def work() -> None:
        begun.set()
        go_on.wait()
        ended.set()

    async def give_up() -> None:
        task = asyncio.ensure_future(aside(work))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(give_up())
    (thread,) = [one for one in threading.enumerate() if one.name == "aside-work"]
    go_on.set()
    thread.join()
    assert ended.is_set()
