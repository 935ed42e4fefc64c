"""What the real pynvml tells of GPUs, by a fake driver library, keeps a silent kernel or not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.doubles.nvml import fake_driver, uuid_of
from tests.gpus import idle_scenarios
from tests.gpus.child import run_with
from tests.gpus.idle_scenarios import Edit

RUNS, WARNED, ENDED = "running", "warned", "cancelled"
MIG = "dgx-a100-mig"
ME = f"{os.getpid()}, 100"


@pytest.mark.parametrize(
    ("edits", "found"),
    [
        ([("gpu0", {"util": "0"})], [WARNED, ENDED]),
        ([("gpu0", {"util": "5", "proc0": ME})], [WARNED, ENDED]),
        ([("gpu0", {"util": "6"})], [RUNS, RUNS]),
        ([("gpu0", {"util": "90"}), ("gpu0", {"util": "0"})], [RUNS, WARNED, ENDED]),
        ([("gpu0", {"util": "0"}), ("gpu0", {"util": "90"})], [WARNED, RUNS, RUNS]),
        ([("system", {"init": "driver_not_loaded"})], [RUNS, RUNS]),
        ([("gpu0", {"state": "lost"})], [RUNS, RUNS]),
        ([("gpu0", {"procs": "na"})], [WARNED, ENDED]),  # its utilisation is known
    ],
    ids=["idle", "a little", "works", "ends", "begins", "away", "lost", "no processes"],
)
def test_a_whole_gpu(tmp_path: Path, edits: list[Edit], found: list[str]) -> None:
    driver = fake_driver(tmp_path, "h200")
    uuids = (uuid_of("h200", "gpu0"),)
    assert run_with(driver, idle_scenarios.after, uuids, edits) == found


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({}, [WARNED, ENDED]),
        ({"proc0": f"{ME}, 9, 0"}, [RUNS, RUNS]),
        ({"proc0": f"{ME}, 8, 0"}, [WARNED, ENDED]),  # on the neighbour
        ({"procs": "na"}, [RUNS, RUNS]),
    ],
    ids=["free", "used", "neighbour", "unknown"],
)
def test_a_mig_instance(tmp_path: Path, values: dict[str, str | None], found: list[str]) -> None:
    """It has no utilisation: what counts is whether a process computes on it."""
    driver = fake_driver(tmp_path, MIG)
    uuids = (uuid_of(MIG, "gpu0", 2),)
    assert run_with(driver, idle_scenarios.after, uuids, [("gpu0", values)]) == found


def test_one_of_two_is_enough(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, MIG)
    uuids = tuple(uuid_of(MIG, name) for name in ("gpu2", "gpu3"))
    edits: list[Edit] = [("gpu3", {"util": "40"}), ("gpu3", {"util": "0"})]
    assert run_with(driver, idle_scenarios.after, uuids, edits) == [RUNS, WARNED, ENDED]
