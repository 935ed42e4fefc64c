"""Which GPUs a launch gets: properties of `select_gpus`, over made-up machines, and its words."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from jupyter_gpu_containers.errors import GpusBusyError, NotEnoughGpusError
from jupyter_gpu_containers.model.gpu.choice import select_gpus
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuRequest, GpuSnapshot, Problem
from jupyter_gpu_containers.model.gpu.slots import SlotUse

GIB = 2**30
LOST = Problem("gpu_lost", "GPU 1 is lost.", "Reboot.")


def gpu(number: int, *, free: int = 16, mig: bool = False, problem: Problem | None = None) -> Gpu:
    """A device with 16 GiB, of which ``free`` are free."""
    return Gpu(
        uuid=f"{'MIG' if mig else 'GPU'}-{number}",
        index=number,
        name="NVIDIA T4",
        memory_total=16 * GIB,
        memory_used=(16 - free) * GIB,
        mig_profile="1g.10gb" if mig else None,
        parent_uuid="GPU-parent" if mig else None,
        problem=problem,
    )


def machine(*gpus: Gpu) -> GpuSnapshot:
    return GpuSnapshot(gpus)


def uuids(gpus: tuple[Gpu, ...]) -> list[str]:
    return [g.uuid for g in gpus]


@pytest.mark.parametrize("seed", range(200))
def test_properties(seed: int) -> None:
    """Over random machines, either the right refusal or a right choice, never anything else."""
    rng = random.Random(seed)
    gpus = [
        gpu(
            n,
            free=rng.randint(0, 16),
            mig=rng.random() < 0.4,
            problem=LOST if rng.random() < 0.2 else None,
        )
        for n in range(rng.randint(0, 8))
    ]
    names = [g.uuid for g in gpus]
    busy = set(rng.sample(names, rng.randint(0, len(names)))) | {"GPU-of-another-machine"}
    handover = rng.sample(sorted(busy), rng.randint(0, len(busy)))
    particular = tuple(rng.sample(names, rng.randint(0, len(names)))) if rng.random() < 0.3 else ()
    profile = "1g.10gb" if rng.random() < 0.3 else None
    request = GpuRequest(rng.randint(0, 5), particular, profile)
    shuffle = rng.sample(range(100), len(gpus))
    use = {name: SlotUse(rng.randint(1, 3), rng.randint(0, 3)) for name in names[::2]}
    full = {name for name, slots in use.items() if slots.used >= slots.slots}

    healthy = {g.uuid for g in gpus if g.problem is None}
    whole = {u for u in healthy if u.startswith("GPU")}
    if particular:
        eligible = healthy & set(particular)
    else:
        eligible = healthy - whole if profile else whole or healthy
    reachable = eligible - (busy - set(handover)) - full
    try:
        chosen = select_gpus(
            machine(*gpus), busy, request, use=use, handover=handover, shuffle=iter(shuffle)
        )
    except NotEnoughGpusError:
        assert len(eligible) < request.count
    except GpusBusyError:
        assert len(reachable) < request.count <= len(eligible)
    else:
        assert len(chosen) == request.count
        assert len(set(uuids(chosen))) == len(chosen)
        assert set(uuids(chosen)) <= reachable
        if particular:
            assert set(uuids(chosen)) == set(particular)
        # a device is taken over from the replaced kernel only when no free one is left
        if set(uuids(chosen)) & busy:
            assert reachable - busy - set(handover) <= set(uuids(chosen))
        # one that somebody shares already is taken only when no free one is left
        shared = {u for u in uuids(chosen) if use.get(u, SlotUse()).used}
        if shared - set(handover):
            untouched = {u for u in reachable if not use.get(u, SlotUse()).used}
            assert untouched - busy - set(handover) <= set(uuids(chosen))


@pytest.mark.parametrize("snapshot", [machine(), machine(gpu(0, problem=LOST)), machine(gpu(0))])
def test_a_cpu_kernel_needs_no_gpu(snapshot: GpuSnapshot) -> None:
    assert select_gpus(snapshot, {"GPU-0"}, GpuRequest()) == ()


def test_more_free_memory_first() -> None:
    snapshot = machine(gpu(0, free=2), gpu(1, free=12), gpu(2, free=7))
    assert uuids(select_gpus(snapshot, (), GpuRequest(2))) == ["GPU-1", "GPU-2"]


def test_one_gpu_is_a_whole_one_where_there_are_any() -> None:
    """Nobody who asks for a GPU gets a part of one, and waits for no part either."""
    snapshot = machine(gpu(0, mig=True), gpu(1, free=1))
    assert uuids(select_gpus(snapshot, (), GpuRequest(1))) == ["GPU-1"]
    with pytest.raises(GpusBusyError, match="1 GPU was asked for, but none of 1 is free"):
        select_gpus(snapshot, {"GPU-1"}, GpuRequest(1))
    only_mig = machine(gpu(0, mig=True), gpu(1, mig=True, free=3))
    assert uuids(select_gpus(only_mig, (), GpuRequest(1))) == ["MIG-0"]


def test_shuffle_breaks_ties_only() -> None:
    snapshot = machine(gpu(0), gpu(1), gpu(2, free=3))
    assert uuids(select_gpus(snapshot, (), GpuRequest(1), shuffle=[5, 1, 0])) == ["GPU-1"]
    assert uuids(select_gpus(snapshot, (), GpuRequest(1), shuffle=[1, 5, 0])) == ["GPU-0"]


def test_handover_only_when_none_is_free() -> None:
    snapshot = machine(gpu(0), gpu(1, free=1))
    busy = {"GPU-0"}
    assert uuids(select_gpus(snapshot, busy, GpuRequest(1), handover=["GPU-0"])) == ["GPU-1"]
    assert uuids(select_gpus(snapshot, {"GPU-0", "GPU-1"}, GpuRequest(1), handover=["GPU-0"])) == [
        "GPU-0"
    ]


def test_particular_devices() -> None:
    snapshot = machine(gpu(0), gpu(1), gpu(2))
    request = GpuRequest(uuids=("GPU-2", "GPU-0"))
    assert request.count == 2
    assert set(uuids(select_gpus(snapshot, (), request))) == {"GPU-0", "GPU-2"}


@pytest.mark.parametrize(
    ("gpus", "busy", "request_", "message"),
    [
        ((gpu(0), gpu(1)), (), GpuRequest(3), "3 GPUs were asked for, but this machine has 2."),
        (
            (gpu(0, problem=LOST),),
            (),
            GpuRequest(1),
            "1 GPU was asked for, but this machine has none that can be used.",
        ),
        (
            (),
            (),
            GpuRequest(2),
            "2 GPUs were asked for, but this machine has none that can be used.",
        ),
        ((gpu(0),), (), GpuRequest(uuids=("GPU-9",)), "This machine has no usable GPU GPU-9."),
    ],
)
def test_not_enough(
    gpus: tuple[Gpu, ...], busy: tuple[str, ...], request_: GpuRequest, message: str
) -> None:
    with pytest.raises(NotEnoughGpusError) as refusal:
        select_gpus(machine(*gpus), busy, request_)
    assert refusal.value.message == message
    assert refusal.value.hint


def test_no_driver_is_said_in_its_own_words() -> None:
    problem = Problem("driver_not_loaded", "The kernel module is not loaded.", "modprobe nvidia")
    with pytest.raises(NotEnoughGpusError) as refusal:
        select_gpus(replace(machine(), problem=problem), (), GpuRequest(1))
    assert refusal.value.message.endswith("The kernel module is not loaded.")
    assert refusal.value.hint == "modprobe nvidia"


@pytest.mark.parametrize(("busy", "free"), [({"GPU-0"}, "1"), ({"GPU-0", "GPU-1"}, "none")])
def test_busy(busy: set[str], free: str) -> None:
    with pytest.raises(GpusBusyError) as refusal:
        select_gpus(machine(gpu(0), gpu(1)), busy, GpuRequest(2))
    assert refusal.value.message == f"2 GPUs were asked for, but {free} of 2 is free."
    assert refusal.value.hint


def test_free_memory_is_never_negative() -> None:
    assert gpu(0, free=20).memory_free == 20 * GIB
    assert replace(gpu(0), memory_used=17 * GIB).memory_free == 0
