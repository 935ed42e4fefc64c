"""A sequence that goes wrong is counted, and told with its steps."""

from __future__ import annotations

from collections import Counter

from tests.faults.broken_orders import Unchecked
from tests.faults.claims_machine import ClaimsMachine, SharingMachine

from .sequences import PACK, Tally, figures, pack

DONE = ["claims won", "releases", "crashes", "restarts"]
ANSWERED = ["answer", "late", "lose", "refuse", "overdue", "repeated", "strays"]
HAPPENED = Counter({"sequences": 100, **dict.fromkeys(DONE + ANSWERED, 1)})


def test_sequences_are_counted_and_nothing_is_found() -> None:
    tally = pack(SharingMachine, 0)
    assert (tally.sequences, tally.doubles, tally.lost, tally.told) == (PACK, 0, 0, [])
    assert tally.seen["steps"] > 20 * PACK


def test_what_goes_wrong_is_told_with_its_steps() -> None:
    tally = pack(ClaimsMachine, 0, Unchecked)
    assert (tally.doubles, tally.lost) == (1, 0)
    assert tally.sequences < PACK
    assert tally.told[0].startswith("ClaimsMachine, seed 0: GPU-")
    assert "state.claim" in tally.told[0]
    assert pack(ClaimsMachine, 0).sequences == PACK  # nothing is kept of the broken order


def test_figures_are_met_only_by_enough_sequences_without_a_fault() -> None:
    good = Tally(seen=HAPPENED)
    assert all(figure.met for figure in figures(good, 100, 1.0))
    assert [f.met for f in figures(good, 101, 1.0)] == [False, True, True]
    assert not figures(Tally(doubles=1, seen=good.seen), 100, 1.0)[0].met
    assert not figures(Tally(lost=1, seen=good.seen), 100, 1.0)[0].met


def test_what_never_happened_was_not_survived() -> None:
    idle = Tally(seen=Counter({**HAPPENED, "strays": 0}))
    assert [figure.met for figure in figures(idle, 100, 1.0)] == [True, True, False]
