"""Futures of threads, awaited in loops that come and go."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading

import pytest

from jupyter_gpu_containers.runtime.threads import in_thread
from jupyter_gpu_containers.service.futures import from_thread, set_within


async def test_a_result_that_is_there() -> None:
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    future.set_result(3)
    assert await from_thread(future) == 3


async def test_a_result_that_comes() -> None:
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    waiting = [asyncio.ensure_future(from_thread(future)) for _ in range(3)]
    await asyncio.sleep(0)
    threading.Thread(target=future.set_result, args=(3,)).start()
    assert await asyncio.gather(*waiting) == [3, 3, 3]


async def test_an_error() -> None:
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    future.set_exception(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await from_thread(future)


async def test_giving_up_leaves_the_future_to_others() -> None:
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    first, second = (asyncio.ensure_future(from_thread(future)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    assert not future.cancelled()
    future.set_result(3)
    assert await second == 3


def test_a_loop_that_was_closed_meanwhile() -> None:
    """jupyter_client's blocking managers make a new loop for each call."""
    future: concurrent.futures.Future[int] = concurrent.futures.Future()

    async def wait_a_little() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(from_thread(future), 0.01)

    asyncio.run(wait_a_little())
    future.set_result(3)
    assert asyncio.run(from_thread(future)) == 3


async def test_in_thread() -> None:
    assert await in_thread(None, threading.get_ident) != threading.get_ident()


async def test_in_an_executor_that_takes_no_more_work() -> None:
    """At the interpreter's end; there the work is done where one stands."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert await in_thread(pool, threading.get_ident) != threading.get_ident()
    assert await in_thread(pool, threading.get_ident) == threading.get_ident()


@pytest.mark.parametrize("turns", range(5))
async def test_a_cancellation_that_comes_with_the_event_is_not_lost(turns: int) -> None:
    event = asyncio.Event()

    async def look_for_ever() -> None:
        while True:
            await set_within(event, 3600)
            event.clear()

    task = asyncio.ensure_future(look_for_ever())
    await asyncio.sleep(0)
    event.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=30)
    task.cancel()
    assert done == {task}
    assert task.cancelled()


async def test_an_event_that_does_not_come_is_waited_for_so_long() -> None:
    event = asyncio.Event()
    assert not await set_within(event, 0.001)
    event.set()
    assert await set_within(event, None)
