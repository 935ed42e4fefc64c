"""Which devices are taken of several that could be: links between them, slots, and kinds."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from jupyter_gpu_containers.errors import GpusBusyError, NotEnoughGpusError
from jupyter_gpu_containers.model.gpu.choice import select_gpus
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuRequest, GpuSnapshot
from jupyter_gpu_containers.model.gpu.links import GpuLink
from jupyter_gpu_containers.model.gpu.slots import SlotUse

GIB = 2**30
# `nvidia-smi topo -m` of an AWS p3.8xlarge: four V100 of a hybrid cube mesh
HYBRID = ["X NV1 NV1 NV2", "NV1 X NV2 NV1", "NV1 NV2 X NV2", "NV2 NV1 NV2 X"]
# a PCIe box: two sockets, two switches each
SOCKETS = [
    "X PIX NODE NODE SYS SYS SYS SYS",
    "PIX X NODE NODE SYS SYS SYS SYS",
    "NODE NODE X PIX SYS SYS SYS SYS",
    "NODE NODE PIX X SYS SYS SYS SYS",
    "SYS SYS SYS SYS X PIX NODE NODE",
    "SYS SYS SYS SYS PIX X NODE NODE",
    "SYS SYS SYS SYS NODE NODE X PIX",
    "SYS SYS SYS SYS NODE NODE PIX X",
]
NVSWITCH = [" ".join("X" if i == j else "NV12" for j in range(8)) for i in range(8)]


def gpus(count: int) -> list[Gpu]:
    return [Gpu(f"GPU-{n}", n, "NVIDIA V100", memory_total=32 * GIB) for n in range(count)]


def machine(matrix: list[str], devices: list[Gpu] | None = None) -> GpuSnapshot:
    links = {
        tuple(sorted((f"GPU-{i}", f"GPU-{j}"))): link
        for i, row in enumerate(matrix)
        for j, name in enumerate(row.split())
        if i < j and (link := GpuLink.parse(name))
    }
    return GpuSnapshot(tuple(devices or gpus(len(matrix))), links=links)


def chosen(snapshot: GpuSnapshot, count: int, busy: str = "", **more: object) -> str:
    """Return the digits of the chosen GPUs."""
    taken = [f"GPU-{digit}" for digit in busy]
    found = select_gpus(snapshot, taken, GpuRequest(count), **more)
    return "".join(gpu.uuid.removeprefix("GPU-") for gpu in found)


@pytest.mark.parametrize(
    ("matrix", "busy", "count", "expected"),
    [
        (HYBRID, "", 2, "03"),  # two links, and GPU 1 and 2, which stay, have two as well
        (HYBRID, "0", 2, "12"),
        (HYBRID, "2", 2, "03"),
        (HYBRID, "", 1, "0"),  # with the fewest links to the others
        (HYBRID, "", 3, "023"),
        (SOCKETS, "", 2, "01"),
        (SOCKETS, "0", 2, "23"),  # and not the first two that are free
        (SOCKETS, "0", 1, "1"),  # its neighbour is gone already
        (SOCKETS, "02", 1, "1"),
        (SOCKETS, "0", 3, "123"),  # on one socket, with a pair among them; the other stays whole
        (SOCKETS, "02", 4, "4567"),
        (SOCKETS, "0246", 4, "1357"),  # what there is
        (NVSWITCH, "", 2, "01"),
        (NVSWITCH, "03", 4, "1245"),
    ],
)
def test_close_to_each_other(matrix: list[str], busy: str, count: int, expected: str) -> None:
    assert chosen(machine(matrix), count, busy) == expected


@pytest.mark.parametrize("seed", range(60))
def test_no_free_group_is_closer(seed: int) -> None:
    """Over random links and loads of one kind, no group that could be had is closer."""
    rng = random.Random(seed)
    count = rng.randint(2, 8)
    names = ["NV4", "NV2", "NV1", "PIX", "PXB", "PHB", "NODE", "SYS"]
    matrix = [["X"] * count for _ in range(count)]
    for i, j in combinations(range(count), 2):
        matrix[i][j] = matrix[j][i] = rng.choice(names)
    snapshot = machine([" ".join(row) for row in matrix])
    busy = "".join(map(str, rng.sample(range(count), rng.randint(0, count - 2))))
    wanted = rng.randint(1, count - len(busy))

    def distance(group: str | tuple[str, ...]) -> int:
        pairs = combinations(group, 2)
        links = [snapshot.link(f"GPU-{a}", f"GPU-{b}") for a, b in pairs]
        return sum(link.distance for link in links if link)

    free = [str(n) for n in range(count) if str(n) not in busy]
    shuffle = rng.sample(range(count), count)
    group = chosen(snapshot, wanted, busy, shuffle=shuffle)
    assert distance(group) == min(map(distance, combinations(free, wanted)))


def test_sixteen_gpus() -> None:
    """More groups than can be compared: two boards of eight, of which one is chosen whole."""
    board = ["NV6" if i // 8 == j // 8 else "SYS" for i in range(16) for j in range(16)]
    rows = [" ".join(board[16 * i : 16 * i + 16]) for i in range(16)]
    devices = [Gpu(f"GPU-{n}", n, "NVIDIA V100", memory_total=32 * GIB) for n in range(16)]
    found = select_gpus(machine(rows, devices), {"GPU-1"}, GpuRequest(8))
    assert [gpu.index for gpu in found] == list(range(8, 16))


def test_nearer_is_smaller() -> None:
    names = ["NV18", "NV12", "NV2", "NV1", "PIX", "PXB", "PHB", "NODE", "SYS"]
    links = [GpuLink.parse(name) for name in names]
    assert [link.name for link in links if link] == names
    distances = [link.distance for link in links if link]
    assert distances == sorted(distances)
    assert len(set(distances[1:])) == len(names) - 1


@pytest.mark.parametrize("name", ["", "X", "NV", "NV0", "nv1", "PIX ", "NV1x", "NV٣"])
def test_no_link(name: str) -> None:
    assert GpuLink.parse(name) is None


def test_a_small_gpu_is_no_companion_however_close() -> None:
    """A card for the screen beside one of two large ones."""
    devices = [*gpus(2), Gpu("GPU-2", 2, "NVIDIA T400", memory_total=4 * GIB)]
    snapshot = machine(["X SYS PIX", "SYS X SYS", "PIX SYS X"], devices)
    assert chosen(snapshot, 2) == "01"
    assert chosen(snapshot, 1) == "1"  # as large as the other, and close to none
    assert chosen(snapshot, 3) == "012"


def test_one_product_where_that_can_be() -> None:
    devices = gpus(4)
    devices[1] = Gpu("GPU-1", 1, "NVIDIA A40", memory_total=32 * GIB)
    snapshot = machine(["X PIX SYS SYS", "PIX X SYS SYS", "SYS SYS X NODE", "SYS SYS NODE X"])
    mixed = GpuSnapshot(tuple(devices), links=snapshot.links)
    assert chosen(snapshot, 2) == "01"
    assert chosen(mixed, 2) == "23"
    assert chosen(mixed, 2, "23") == "01"


# --- slots ----------------------------------------------------------------------------------------


def test_least_loaded_first() -> None:
    use = {f"GPU-{n}": SlotUse(3, used) for n, used in enumerate([2, 1, 3])}
    snapshot = machine(["X PIX PIX", "PIX X PIX", "PIX PIX X"])
    assert chosen(snapshot, 1, use=use) == "1"
    assert chosen(snapshot, 2, use=use) == "01"
    with pytest.raises(GpusBusyError, match="3 GPUs were asked for, but 2 of 3 are free"):
        chosen(snapshot, 3, use=use)


def test_an_untouched_gpu_before_a_shared_one_however_close() -> None:
    use = {"GPU-1": SlotUse(4, 1)}
    snapshot = machine(["X NV2 SYS", "NV2 X SYS", "SYS SYS X"])
    assert chosen(snapshot, 2, use=use) == "02"


def test_a_kernel_takes_one_slot_of_each() -> None:
    use = {"GPU-0": SlotUse(8, 0)}
    with pytest.raises(NotEnoughGpusError):
        chosen(machine(["X"]), 2, use=use)


def test_the_replaced_kernel_gives_its_slot() -> None:
    """It counts for the load; only where there is no other slot, its own is taken over."""
    full = {"GPU-0": SlotUse(2, 1), "GPU-1": SlotUse(2, 2)}  # without the replaced kernel's
    snapshot = machine(["X SYS", "SYS X"])
    assert chosen(snapshot, 1, use=full, handover=["GPU-0"]) == "0"
    room = {"GPU-0": SlotUse(2, 0), "GPU-1": SlotUse(2, 0)}
    assert chosen(snapshot, 1, use=room, handover=["GPU-0"]) == "1"
    taken = {"GPU-0": SlotUse(2, 2), "GPU-1": SlotUse(2, 2)}  # by another heir, too
    with pytest.raises(GpusBusyError):
        chosen(snapshot, 1, use=taken, handover=["GPU-0"])


# --- kinds ----------------------------------------------------------------------------------------

PARTS = [
    Gpu("GPU-0", 0, "NVIDIA A100", memory_total=80 * GIB),
    *(
        Gpu(
            f"MIG-{n}",
            1,
            "NVIDIA A100",
            memory_total=int(profile[3:5]) * GIB,
            parent_uuid="GPU-1",
            mig_profile=profile,
        )
        for n, profile in enumerate(["1g.10gb", "3g.40gb", "1g.10gb"])
    ),
]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (GpuRequest(1), ["GPU-0"]),
        (GpuRequest(1, profile="1g.10gb"), ["MIG-0"]),
        (GpuRequest(2, profile="1g.10gb"), ["MIG-0", "MIG-2"]),
        (GpuRequest(1, profile="3g.40gb"), ["MIG-1"]),
        (GpuRequest(1, ("MIG-2",)), ["MIG-2"]),
        (GpuRequest(5, ("MIG-2", "MIG-0", "MIG-2")), ["MIG-0", "MIG-2"]),
    ],
)
def test_by_profile_and_by_uuid(request_: GpuRequest, expected: list[str]) -> None:
    assert [g.uuid for g in select_gpus(GpuSnapshot(tuple(PARTS)), (), request_)] == expected


@pytest.mark.parametrize(
    ("request_", "message", "hint"),
    [
        (
            GpuRequest(1, profile="7g.80gb"),
            "1 MIG instance 7g.80gb was asked for, but this machine has none.",
            "It has instances of 1g.10gb, 3g.40gb.",
        ),
        (
            GpuRequest(3, profile="1g.10gb"),
            "3 MIG instances 1g.10gb were asked for, but this machine has 2.",
            "Ask for at most 2.",
        ),
        (
            GpuRequest(2),
            "2 GPUs were asked for, but this machine has 1.",
            "Ask for at most 1.",
        ),
    ],
)
def test_not_enough_of_a_kind(request_: GpuRequest, message: str, hint: str) -> None:
    with pytest.raises(NotEnoughGpusError) as refusal:
        select_gpus(GpuSnapshot(tuple(PARTS)), (), request_)
    assert (refusal.value.message, refusal.value.hint) == (message, hint)


def test_no_mig_at_all() -> None:
    with pytest.raises(NotEnoughGpusError) as refusal:
        select_gpus(machine(HYBRID), (), GpuRequest(1, profile="1g.5gb"))
    assert refusal.value.hint == "It has no MIG instance; ask for whole GPUs."


@pytest.mark.parametrize(
    ("uuids", "message"),
    [
        (("GPU-0",), "GPU 0 was asked for, but it is not free."),
        (("GPU-0", "GPU-2"), "GPUs 0 and 2 were asked for, but not all of them are free."),
    ],
)
def test_particular_gpus_that_are_taken(uuids: tuple[str, ...], message: str) -> None:
    with pytest.raises(GpusBusyError) as refusal:
        select_gpus(machine(HYBRID), {"GPU-0"}, GpuRequest(uuids=uuids))
    assert refusal.value.message == message
