"""Which GPUs are given out after what NVML reported: 40 scripts of events and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from jupyter_gpu_containers.model.gpu.device import Gpu, GpuSnapshot, Problem
from jupyter_gpu_containers.model.gpu.health import (
    APPLICATION_XIDS,
    FATAL_XIDS,
    GpuEvent,
    GpuEventKind,
    GpuFailure,
    Quarantine,
    RecoveryAction,
    access_warning,
    lost_warning,
    recovery_problem,
)

A, B, PARENT = "GPU-a", "GPU-b", "GPU-p"
M1, M2 = "MIG-1", "MIG-2"
WHOLE = GpuSnapshot((Gpu(A, 0, "A100"), Gpu(B, 1, "A100")))
SPLIT = GpuSnapshot(
    (
        Gpu(M1, 0, "A100", parent_uuid=PARENT, mig_profile="1g.10gb"),
        Gpu(M2, 0, "A100", parent_uuid=PARENT, mig_profile="1g.10gb"),
        Gpu(B, 1, "A100"),
    )
)
LOST = Problem("gpu_lost", "GPU 0 has fallen off the bus or is otherwise not accessible.")
RESET = recovery_problem(0, RecoveryAction.RESET)
MISMATCH = Problem("driver_library_mismatch", "The NVIDIA driver was upgraded.")
NONE = "none"


def xid(number: int, uuid: str | None = A) -> tuple[object, ...]:
    return ("event", GpuEventKind.XID, uuid, number)


def ecc(uuid: str = A) -> tuple[object, ...]:
    return ("event", GpuEventKind.DOUBLE_BIT_ECC, uuid, None)


def unavailable(uuid: str | None = A) -> tuple[object, ...]:
    return ("event", GpuEventKind.UNAVAILABLE, uuid, None)


def wait(seconds: float) -> tuple[object, ...]:
    return ("wait", seconds)


def says(action: str | None, problem: Problem | None = None, uuid: str = A) -> tuple[object, ...]:
    """NVML's answer about a GPU from now on, at which the quarantine is reviewed."""
    return ("says", uuid, action, problem)


def gone(uuid: str = A) -> tuple[object, ...]:
    return ("gone", uuid)


ALL = frozenset({A, B})
# name: (steps, GPUs that are not given out at the end)
SCRIPTS: Mapping[str, tuple[list[tuple[object, ...]], set[str]]] = {
    "nothing happened": ([says(NONE)], set()),
    **{f"application Xid {n}": ([xid(n)], set()) for n in sorted(APPLICATION_XIDS)},
    "application Xids in a row": ([xid(13), xid(31), xid(43), xid(13)], set()),
    "fallen off the bus": ([xid(79)], {A}),
    "double-bit ECC by Xid": ([xid(48)], {A}),
    "double-bit ECC by event": ([ecc()], {A}),
    "row remapped": ([xid(63)], {A}),
    "row remapped, and all is well": ([xid(63), wait(6), says(NONE)], set()),
    "row remapped, asked too soon": ([xid(63), wait(1), says(NONE)], {A}),
    "row remapped, reset wanted": ([xid(63), wait(6), says("reset", RESET)], {A}),
    "row remapped, reset done": (
        [xid(63), wait(6), says("reset", RESET), wait(60), says(NONE)],
        set(),
    ),
    "row not remapped": ([xid(64), wait(6), says(NONE)], {A}),
    "contained ECC error, NVML content": ([xid(94), wait(6), says(NONE)], set()),
    "uncontained ECC error, NVML content too soon": ([xid(95), wait(6), says(NONE)], {A}),
    "uncontained ECC error, then reset": (
        [xid(95), wait(6), says("reset", RESET), wait(60), says(NONE)],
        set(),
    ),
    "lost and never seen again": ([xid(79), gone(), wait(9999), says(None, LOST)], {A}),
    "lost, answers lost, comes back": (
        [xid(79), says(None, LOST), wait(600), says(NONE)],
        set(),
    ),
    "lost, NVML says only none": ([xid(79), wait(9999), says(NONE), says(NONE)], {A}),
    "lost, and its sister is well": ([xid(79), wait(6), says(NONE, uuid=B)], {A}),
    "old driver, row remapped: no word": ([xid(63), wait(9999), says(None)], {A}),
    "old driver, lost, then answers again": (
        [xid(79), says(None, LOST), wait(600), says(None)],
        set(),
    ),
    "old driver, lost, never said so": ([xid(79), wait(9999), says(None)], {A}),
    "driver reloaded meanwhile is no word": (
        [xid(79), says(None, MISMATCH), wait(600), says(NONE)],
        {A},
    ),
    "gone from the list and back": ([xid(79), gone(), wait(600), says(NONE)], {A}),
    "event without a GPU": ([xid(62, None)], {A, B}),
    "event of a GPU that is not known": ([xid(62, "GPU-unknown")], {A, B}),
    "application event without a GPU": ([xid(31, None)], set()),
    "unknown Xid": ([xid(4711)], {A}),
    "unknown Xid, and all is well": ([xid(4711), wait(6), says(NONE)], set()),
    "two GPUs": ([xid(79, A), xid(48, B)], {A, B}),
    "two GPUs, one comes back": (
        [xid(79, A), xid(63, B), wait(6), says(NONE, uuid=B)],
        {A},
    ),
    "harmless after fatal": ([xid(79), xid(63), wait(6), says(NONE)], {A}),
    "fatal after harmless": ([xid(63), xid(79), wait(6), says(NONE)], {A}),
    "application after fatal": ([xid(79), xid(45), wait(6), says(NONE)], {A}),
    "returned, then failed again": (
        [xid(63), wait(6), says(NONE), xid(63), wait(1), says(NONE)],
        {A},
    ),
    "cannot be watched any more": ([unavailable()], {A}),
    "cannot be watched, then reset": (
        [unavailable(), says("drain_and_reset", RESET), wait(6), says(NONE)],
        set(),
    ),
    "none can be watched any more": ([unavailable(None)], {A, B}),
}


def test_there_are_enough_scripts() -> None:
    assert len(SCRIPTS) >= 40


@pytest.mark.parametrize("script", SCRIPTS)
def test_script(script: str) -> None:
    steps, withheld = SCRIPTS[script]
    quarantine, now, snapshot = Quarantine(), 100.0, WHOLE
    for step in steps:
        match step:
            case ("event", GpuEventKind() as kind, uuid, number):
                event = GpuEvent(kind, uuid, now, number)  # type: ignore[arg-type]
                quarantine = quarantine.after(event, ALL)
            case ("wait", float() | int() as seconds):
                now += seconds
            case ("says", uuid, action, problem):
                gpus = {gpu.uuid: gpu for gpu in (*WHOLE.gpus, *snapshot.gpus)}
                gpus[str(uuid)] = replace(
                    gpus[str(uuid)],
                    recovery_action=action,  # type: ignore[arg-type]
                    problem=problem,  # type: ignore[arg-type]
                )
                snapshot = GpuSnapshot(tuple(gpus.values()))
                quarantine = quarantine.reviewed(snapshot, now)
            case ("gone", uuid):
                snapshot = GpuSnapshot(tuple(g for g in snapshot.gpus if g.uuid != uuid))
                quarantine = quarantine.reviewed(snapshot, now)
            case _:
                pytest.fail(f"no such step: {step}")
    marked = quarantine.mark(snapshot)
    shown = {gpu.uuid for gpu in marked.gpus if gpu.problem is not None}
    assert set(quarantine.faults) == withheld
    assert shown == {uuid for uuid in withheld if uuid in {gpu.uuid for gpu in snapshot.gpus}}


def test_mark_keeps_everything_else() -> None:
    quarantine = Quarantine().after(GpuEvent(GpuEventKind.XID, A, 0.0, 79), ALL)
    assert quarantine.mark(WHOLE) == replace(
        WHOLE,
        gpus=(
            replace(
                WHOLE.gpus[0],
                problem=Problem(
                    "gpu_failed",
                    "GPU 0 failed (Xid 79: the GPU has fallen off the bus) and is not given out.",
                    "Stop all programs on it and run `sudo nvidia-smi --gpu-reset -i 0`, or "
                    "reboot.",
                ),
            ),
            WHOLE.gpus[1],
        ),
    )


def test_an_instance_goes_with_its_gpu() -> None:
    quarantine = Quarantine().after(
        GpuEvent(GpuEventKind.XID, PARENT, 0.0, 63), frozenset({PARENT, B})
    )
    marked = quarantine.mark(SPLIT)
    assert [gpu.problem is not None for gpu in marked.gpus] == [True, True, False]
    healthy = GpuSnapshot(tuple(replace(gpu, recovery_action=NONE) for gpu in SPLIT.gpus))
    assert quarantine.reviewed(healthy, 10.0) == Quarantine()


def test_a_problem_that_nvml_has_itself_is_not_written_over() -> None:
    quarantine = Quarantine().after(GpuEvent(GpuEventKind.XID, A, 0.0, 79), ALL)
    lost = GpuSnapshot((replace(WHOLE.gpus[0], problem=LOST), WHOLE.gpus[1]))
    assert quarantine.mark(lost) == lost


def test_application_xids_are_never_fatal() -> None:
    assert not APPLICATION_XIDS & FATAL_XIDS
    assert {13, 31, 43, 45, 68, 109} == APPLICATION_XIDS


@pytest.mark.parametrize("action", RecoveryAction)
def test_each_recovery_action_says_what_to_do(action: RecoveryAction) -> None:
    problem = recovery_problem(7, action)
    if action is RecoveryAction.NONE:
        assert problem is None
    else:
        assert problem is not None
        assert problem.message.startswith("GPU 7 ")
        assert problem.hint
        assert "{" not in problem.hint


def test_warnings() -> None:
    event = GpuEvent(GpuEventKind.XID, A, 0.0, 79)
    assert lost_warning(GpuFailure(0, event)) == Problem(
        "gpu_lost",
        "GPU 0 failed (Xid 79: the GPU has fallen off the bus): work of this kernel on that GPU is "
        "lost.",
        "Save what is in the kernel's memory, then start the kernel on another GPU.",
    )
    assert access_warning(("/dev/nvidia0",)).code == "gpu_access_lost"
