"""`rigs/reliability`: each program in a small round, and something wrong that it finds out.

A round of `killed`, `faults` and `races` needs an engine of its own: `tests/faults` does the same.
`hostile_requests` and `canaries` have modules of their own beside this one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_gpu_containers.service.recovery.crashpoints import POINTS
from rigs.reliability import faults, idle, killed, launches, races, sequences, soak
from rigs.reliability.__main__ import sections
from rigs.reliability.figures import Figure
from rigs.reliability.lives import Census, Tally
from tests.conftest import ROOT
from tests.faults.broken_orders import Unchecked
from tests.faults.claims_machine import ClaimsMachine, SharingMachine
from tests.faults.history import History
from tests.faults.race import Race
from tests.faults.race_worker import SHARED
from tests.rooms import Room
from tests.servers import Server

PAGE = (ROOT / "docs" / "reliability.md").read_text()


def missed(figures: Sequence[Figure]) -> list[int]:
    """Return which figures are not as they have to be."""
    return [number for number, figure in enumerate(figures) if not figure.met]


def test_every_command_is_in_the_documentation() -> None:
    said = set(re.findall(r"^`([a-z_]+)`:", PAGE, re.M))
    assert said == set(sections())


# --- sequences ------------------------------------------------------------------------------------


def test_random_sequences_give_no_gpu_twice_and_lose_none() -> None:
    tally = sequences.pack(SharingMachine, 0)
    assert missed(sequences.figures(tally, sequences.PACK, 1.0)) == []


def test_a_sequence_that_goes_wrong_is_told_with_its_steps() -> None:
    tally = sequences.pack(ClaimsMachine, 0, Unchecked)
    assert missed(sequences.figures(tally, 0, 1.0))[:1] == [0]
    assert tally.told[0].startswith("ClaimsMachine, seed 0: GPU-")
    assert "state.claim" in tally.told[0]


# --- idle -----------------------------------------------------------------------------------------


async def test_no_cell_is_lost_and_no_warning_cut_short() -> None:
    [figure] = idle.figures(await idle.orders(range(50)), 50, 0.0)
    assert figure.met, figure


async def test_a_cell_that_is_lost_is_found_out() -> None:
    tried, lost = await idle.until_found(idle.Unchecked)
    assert lost, tried


# --- launches -------------------------------------------------------------------------------------


def test_as_many_as_there_are_gpus_run_and_the_others_wait_in_order() -> None:
    rush = launches.one_round(gpus=2)
    assert (rush.running, rush.placed) == (2, launches.LAUNCHES - 2)
    assert rush.in_order


def test_another_order_is_noticed() -> None:
    waiting = [{"queue": {"position": 1}}, {"queue": {"position": 2}}]
    assert launches.in_order([{"queue": None}, *waiting])
    assert not launches.in_order([{"queue": None}, *reversed(waiting)])


# --- killed ---------------------------------------------------------------------------------------


def test_every_point_has_its_scene_and_the_documentation_says_how_many_there_are() -> None:
    scenes = [*killed.START, *killed.SHUTDOWN, *killed.RECOVERY, *killed.ENDED, *killed.OFF]
    assert sorted([*scenes, killed.HALF, killed.STRANGE]) == sorted(POINTS)
    assert re.findall(r"(\d+) named points", PAGE) == [str(len(killed.ALL))]


def test_what_a_killed_server_leaves_is_noticed() -> None:
    one, two = frozenset({"k1"}), frozenset({"k1", "k2"})
    census = Census(containers=one, run_dirs=one, homes=one, records=one)
    good = Tally(starts=1, deaths=1, reached={"claim.created"}, seconds=[1.0])
    good.left |= census.left_beside(one)
    assert missed(killed.figures(good, same_lists=True, points=1)) == []
    good.left |= replace(census, containers=two).left_beside(one)
    assert missed(killed.figures(good, same_lists=True, points=1)) == [2]


# --- faults ---------------------------------------------------------------------------------------


def test_a_failure_without_a_hint_is_noticed() -> None:
    told = {"what": "start", "code": "engine_error", "message": "It failed.", "hint": "Wait."}
    outcome = faults.Outcome(calls=100, faults=Counter(drop=30), ran=1)
    outcome.take(told)
    assert missed(faults.figures(2, outcome)) == []
    outcome.take({**told, "what": "end", "hint": ""})
    assert missed(faults.figures(2, outcome)) == [2]


# --- races ----------------------------------------------------------------------------------------


def test_a_gpu_that_was_given_twice_is_noticed() -> None:
    history = History(starts=12, wins=10, of_several=2, most={SHARED: 2, "G1": 1})
    clean = Race(history, deaths=3, left=0, seats=4)
    double = replace(clean, history=replace(history, doubles=["G1 of 1: b started while a ran"]))
    assert missed(races.figures(clean, double, 10, 1.0)) == []
    assert missed(races.figures(double, clean, 10, 1.0)) == [0, 3]


# --- soak -----------------------------------------------------------------------------------------


@pytest.mark.engine
def test_a_kernel_that_is_over_leaves_nothing(tmp_path: Path) -> None:
    room = Room("docker", tmp_path)
    try:
        server = Server(room, env={"PYTHONPATH": str(ROOT)})
        try:
            (sample,) = soak.soak(room, server, 1)
        finally:
            server.terminate()
    finally:
        room.close()
    assert (sample.containers, sample.folders) == (0, 0)
    assert sample.descriptors > 0
    assert sample.memory > 0


def test_one_thing_more_in_ten_starts_is_noticed() -> None:
    flat = soak.Sample(descriptors=40, threads=9, memory=100 * 2**20, containers=0, folders=0)
    assert missed(soak.figures([flat] * 40)) == []
    grown = [replace(flat, descriptors=flat.descriptors + i // 10) for i in range(40)]
    assert missed(soak.figures(grown)) == [0]
