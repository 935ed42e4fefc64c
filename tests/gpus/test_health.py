"""GPUs that fail, told by the real pynvml on a fake driver library."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.gpu.health import GpuEventKind, RecoveryAction
from tests.doubles.nvml import fake_driver, uuid_of
from tests.gpus import health_scenarios
from tests.gpus.child import run_with
from tests.gpus.health_scenarios import Step
from tests.model.test_gpu_health import LOST, RESET, SCRIPTS, A, B

MACHINE = "dgx-a100"  # eight whole GPUs
SECTIONS = {A: "gpu0", B: "gpu1"}
TYPES = {
    GpuEventKind.XID: 0x8,
    GpuEventKind.DOUBLE_BIT_ECC: 0x2,
    GpuEventKind.UNAVAILABLE: 0x4000,
}
ACTIONS = {"none": "0", "reset": "1", "drain_and_reset": "4", None: ""}
# what a driver library cannot show while it stays initialised
ONLY_IN_THE_MODEL = {
    "lost and never seen again",
    "driver reloaded meanwhile is no word",
    "gone from the list and back",
}


def step_of(step: tuple[object, ...]) -> Step:
    """Return a step of the model's scripts as the fake driver's."""
    match step:
        case ("event", GpuEventKind() as kind, uuid, number):
            who = SECTIONS.get(str(uuid), "unknown")
            return ("event", f"{who} {TYPES[kind]} {number or 0}")
        case ("says", uuid, action, problem):
            assert problem in (None, LOST, RESET)
            state = "lost" if problem == LOST else "ok"
            recovery = ACTIONS[action]  # type: ignore[index]
            return ("says", SECTIONS[str(uuid)], f"state={state}", f"recovery={recovery}")
        case ("wait", seconds):
            return ("wait", str(seconds))
    pytest.fail(f"no such step: {step}")


def test_scripts(tmp_path: Path) -> None:
    """The model's scripts, from the event set and the snapshots of NVML."""
    chosen = {name: script for name, script in SCRIPTS.items() if name not in ONLY_IN_THE_MODEL}
    assert len(chosen) >= 40
    driver = fake_driver(tmp_path, MACHINE)
    played = run_with(
        driver,
        health_scenarios.scripts,
        tmp_path,
        {name: [step_of(step) for step in steps] for name, (steps, _) in chosen.items()},
    )
    uuids = {uuid_of(MACHINE, section): uuid for uuid, section in SECTIONS.items()}
    found = {
        name: {uuids[uuid] for uuid in withheld if uuid in uuids}
        for name, (withheld, _) in played.items()
    }
    assert found == {name: withheld for name, (_, withheld) in chosen.items()}
    assert played["fallen off the bus"][1] == ["gpu_failed"]
    assert played["row remapped, reset wanted"][1] == ["gpu_reset_required"]


def test_events_name_their_gpu(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, MACHINE)
    lines = ["gpu3 8 79", "gpu0 2 0", "gpu1 16384 0", "unknown 8 62", "gpu4 8 31"]
    assert run_with(driver, health_scenarios.events, lines) == [
        ("xid", uuid_of(MACHINE, "gpu3"), 79),
        ("double_bit_ecc", uuid_of(MACHINE, "gpu0"), None),
        ("unavailable", uuid_of(MACHINE, "gpu1"), None),
        ("xid", None, 62),
        ("xid", uuid_of(MACHINE, "gpu4"), 31),
    ]


def test_gpus_without_events_do_not_keep_others_from_being_watched(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, MACHINE)
    driver.edit("gpu0", events="none")
    driver.edit("gpu1", state="lost")
    assert run_with(driver, health_scenarios.events, ["gpu2 8 79"]) == [
        ("xid", uuid_of(MACHINE, "gpu2"), 79)
    ]


def test_gpu_that_is_lost_while_it_is_watched(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, MACHINE)
    lost, goes_on = run_with(driver, health_scenarios.lost_while_waiting)
    assert lost == [uuid_of(MACHINE, "gpu2")]
    assert goes_on


def test_driver_that_comes_later(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, MACHINE)
    driver.edit("system", init="driver_not_loaded")
    assert run_with(driver, health_scenarios.driver_comes_later) == 79


def test_closing(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, MACHINE)
    assert run_with(driver, health_scenarios.close_at_once) == (True, 1)


def test_recovery_actions(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, "h200")
    snapshots = run_with(driver, health_scenarios.recovery, [None, "0", "1", "2", "3", "4", "99"])
    found = [(s.gpus[0].recovery_action, s.gpus[0].problem) for s in snapshots]
    assert [action for action, _ in found] == [
        None,
        "none",
        "reset",
        "reboot",
        "drain",
        "drain_and_reset",
        "other",
    ]
    assert [problem is None for _, problem in found] == [True, True, *[False] * 5]
    assert found[2][1] == Problem(
        "gpu_reset_required",
        "GPU 0 must be reset before it can be used again, says NVML.",
        "Stop all programs on it and run `sudo nvidia-smi --gpu-reset -i 0`, or reboot.",
    )
    assert {action for action, _ in found if action} == {action.value for action in RecoveryAction}
