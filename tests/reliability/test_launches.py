"""Many launches at once: who gets the GPUs, and the order of those who wait."""

from __future__ import annotations

from .launches import GPUS, LAUNCHES, in_order, one_round


def test_as_many_as_there_are_gpus_run_and_the_others_wait_in_order() -> None:
    rush = one_round()
    assert (rush.running, rush.placed) == (GPUS, LAUNCHES - GPUS)
    assert rush.in_order


def test_another_order_is_noticed() -> None:
    waiting = [{"queue": {"position": 1}}, {"queue": {"position": 2}}]
    assert in_order([{"queue": None}, *waiting])
    assert not in_order([{"queue": None}, *reversed(waiting)])
    assert not in_order([waiting[0], {"queue": None}, waiting[1]])
