"""What is said of a race in which a GPU was given twice, or a container left."""

from __future__ import annotations

from dataclasses import replace

from tests.faults.history import History
from tests.faults.race import Race
from tests.faults.race_worker import SHARED

from .races import figures

HISTORY = History(starts=12, wins=10, of_several=2, most={SHARED: 2, "G1": 1})
CLEAN = Race(HISTORY, deaths=3, left=0, seats=4)
NAIVE = Race(replace(HISTORY, doubles=["G1 of 1: b started while a ran"]), 1, 0, 4)


def met(ours: Race, naive: Race = NAIVE, goal: int = 10) -> list[bool]:
    return [figure.met for figure in figures(ours, naive, goal, 1.0)]


def test_a_clean_race_is_met() -> None:
    assert met(CLEAN) == [True] * 4


def test_a_double_is_noticed() -> None:
    assert met(NAIVE) == [False, True, True, True]


def test_too_few_wins_and_a_log_with_gaps_are_noticed() -> None:
    assert met(CLEAN, goal=11) == [False, True, True, True]
    gaps = replace(CLEAN, history=replace(HISTORY, missed=["the start of a"]))
    assert met(gaps) == [False, True, True, True]


def test_who_never_shared_proves_nothing_of_sharing() -> None:
    alone = replace(CLEAN, history=replace(HISTORY, most={SHARED: 1, "G1": 1}))
    assert met(alone) == [True, False, True, True]


def test_what_is_left_is_noticed() -> None:
    assert met(replace(CLEAN, left=1)) == [True, True, False, True]
    assert met(replace(CLEAN, seats=3)) == [True, True, False, True]
    kept = replace(CLEAN, history=replace(HISTORY, never_removed={"a"}))
    assert met(kept) == [True, True, False, True]


def test_a_naive_order_that_is_not_found_out_is_a_fault_of_the_rig() -> None:
    assert met(CLEAN, naive=CLEAN) == [True, True, True, False]
