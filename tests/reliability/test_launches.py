"""Many launches at once: who gets the GPUs, and the order of those who wait."""

from __future__ import annotations

import asyncio
import time

from . import heartbeat
from .launches import BLOCKED, GPUS, LAUNCHES, in_order, one_round


def test_as_many_as_there_are_gpus_run_and_the_others_wait_in_order() -> None:
    rush = one_round()
    assert (rush.running, rush.placed) == (GPUS, LAUNCHES - GPUS)
    assert rush.in_order


def test_another_order_is_noticed() -> None:
    waiting = [{"queue": {"position": 1}}, {"queue": {"position": 2}}]
    assert in_order([{"queue": None}, *waiting])
    assert not in_order([{"queue": None}, *reversed(waiting)])
    assert not in_order([waiting[0], {"queue": None}, waiting[1]])


def test_a_turn_of_many_steps_is_noticed_though_none_of_them_is_long() -> None:
    longest = heartbeat.Longest()

    def work() -> None:
        until = time.thread_time() + BLOCKED / 5
        while time.thread_time() < until:
            pass

    async def many() -> None:
        heartbeat.beat(longest, asyncio.get_running_loop())
        for _ in range(10):
            asyncio.get_running_loop().call_soon(work)
        await asyncio.sleep(2 * heartbeat.BEAT)

    run_once = asyncio.BaseEventLoop._run_once
    with heartbeat.watched(longest):
        asyncio.run(many())
    assert asyncio.BaseEventLoop._run_once is run_once
    assert longest.turn > 2 * BLOCKED * 0.99
    assert BLOCKED / 5 <= longest.step < longest.turn / 2
    assert longest.late > BLOCKED
    taken = longest.take()
    assert taken["busy"] >= taken["turn"] > BLOCKED
    assert set(longest.take().values()) == {0.0}
