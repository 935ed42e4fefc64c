"""Which devices a launch gets: the least loaded, close to each other, leaving good groups whole."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

from jupyter_gpu_containers.errors import GpusBusyError, NotEnoughGpusError

from .device import Gpu, GpuRequest, GpuSnapshot, suitable_gpus
from .links import FARTHEST
from .slots import SlotUse

_MANY = 3000  # groups that are all compared; of more, only those that grow around each device
_STEPS = 8  # in how many steps memory is compared: megabytes decide nothing


def select_gpus(
    snapshot: GpuSnapshot,
    busy: Collection[str],
    request: GpuRequest,
    *,
    use: Mapping[str, SlotUse] | None = None,
    handover: Sequence[str] = (),
    shuffle: Iterable[int] = (),
) -> tuple[Gpu, ...]:
    """Choose leaf devices for a request.

    Devices with fewer taken slots come first, then larger ones. Among equals, of one product
    where that can be: those closest to each other (NVLink, then by PCIe), with more free memory,
    and whose taking leaves the closest groups for others. Devices in ``handover`` belong to the
    kernel that the launch replaces: they are taken only when there are too few free ones.

    Parameters
    ----------
    snapshot : GpuSnapshot
    busy : collection of str
        UUIDs that cannot be had, such as those of somebody else's process.
    request : GpuRequest
    use : mapping of str to SlotUse, optional
        Slots by UUID, without that of the kernel that is replaced; a device that is not there has
        one, and it is free.
    handover : sequence of str
        UUIDs that may be taken over although they are busy.
    shuffle : iterable of int
        Tie-breakers, one per device, so that several servers rarely want the same one.

    Raises
    ------
    NotEnoughGpusError
        More devices than this machine has, however busy they are.
    GpusBusyError
        More devices than are free now.
    """
    if request.count == 0:
        return ()
    usable = suitable_gpus(snapshot, request)
    if len(usable) < request.count:
        raise _too_many(snapshot, request, len(usable))
    ties = dict(enumerate(shuffle))
    largest = max(gpu.memory_total for gpu in usable) or 1
    seats = []
    for number, gpu in enumerate(usable):
        slots = (use or {}).get(gpu.uuid, SlotUse())
        mine = gpu.uuid in handover
        if slots.free and (mine or gpu.uuid not in busy):
            seats.append(
                _Seat(
                    gpu,
                    rank=(
                        mine and (gpu.uuid in busy or slots.free == 1),
                        slots.used + mine,
                        -_steps(gpu.memory_total, largest),
                    ),
                    memory=_steps(gpu.memory_free, largest),
                    tie=ties.get(number, number),
                )
            )
    if len(seats) < request.count:
        raise _busy(request, usable, len(seats))
    return tuple(seat.gpu for seat in _best(snapshot, seats, request.count))


@dataclass(frozen=True, eq=False)
class _Seat:
    """A device that can be had."""

    gpu: Gpu
    rank: tuple[bool, int, int]
    memory: int
    tie: int


def _steps(memory: int, largest: int) -> int:
    return round(_STEPS * memory / largest)


def _best(snapshot: GpuSnapshot, seats: Sequence[_Seat], count: int) -> list[_Seat]:
    """Return the best group, in the order of the machine."""
    last = sorted(seat.rank for seat in seats)[count - 1]
    certain = [seat for seat in seats if seat.rank < last]
    equals = [seat for seat in seats if seat.rank == last]
    distances = {
        (a.gpu.uuid, b.gpu.uuid): _distance(snapshot, a, b)
        for a in seats
        for b in seats
        if a is not b
    }
    # devices that nobody has: only their groups can be broken up
    untouched = [seat for seat in seats if not any(seat.rank[:2])]

    def cost(group: Sequence[_Seat]) -> tuple[int, int, int, int, int, list[int]]:
        inside = sum(distances[a.gpu.uuid, b.gpu.uuid] for a, b in combinations(group, 2))
        broken = sum(
            FARTHEST - distances[a.gpu.uuid, b.gpu.uuid]
            for a in group
            for b in untouched
            if b not in group
        )
        return (
            len({seat.gpu.name for seat in group}),
            inside,
            -sum(seat.memory for seat in group),
            broken,
            sum(seat.tie for seat in group),
            sorted(seat.tie for seat in group),
        )

    chosen = min(_groups(certain, equals, count, distances), key=cost)
    return [seat for seat in seats if seat in chosen]


def _groups(
    certain: list[_Seat],
    equals: list[_Seat],
    count: int,
    distances: Mapping[tuple[str, str], int],
) -> Iterator[list[_Seat]]:
    missing = count - len(certain)
    if comb(len(equals), missing) <= _MANY:
        for rest in combinations(equals, missing):
            yield [*certain, *rest]
        return
    for first in equals:
        group = [*certain, first]
        while len(group) < count:
            group.append(
                min(
                    (seat for seat in equals if seat not in group),
                    key=lambda seat: (
                        sum(distances[seat.gpu.uuid, other.gpu.uuid] for other in group),
                        seat.tie,
                    ),
                )
            )
        yield group


def _distance(snapshot: GpuSnapshot, one: _Seat, other: _Seat) -> int:
    link = snapshot.link(one.gpu.uuid, other.gpu.uuid)
    return FARTHEST if link is None else link.distance


def _busy(request: GpuRequest, usable: Sequence[Gpu], free: int) -> GpusBusyError:
    if request.uuids:
        which = " and ".join(str(gpu.index) for gpu in usable)
        message = f"GPU {which} was asked for, but it is not free."
        if len(usable) > 1:
            message = f"GPUs {which} were asked for, but not all of them are free."
        return GpusBusyError(
            message,
            "Take any GPU instead of a particular one, or stop the kernel that holds it.",
        )
    return GpusBusyError(
        f"{request.words} asked for, but {free or 'none'} of {len(usable)} "
        f"{'are' if free > 1 else 'is'} free.",
        "Stop a kernel that holds a GPU (panel, or `jupyter gpu-containers ps`), "
        "ask for fewer, or start on CPU.",
    )


def _too_many(snapshot: GpuSnapshot, request: GpuRequest, usable: int) -> NotEnoughGpusError:
    if request.uuids:
        known = {g.uuid for g in snapshot.gpus if g.problem is None}
        missing = ", ".join(u for u in request.uuids if u not in known)
        return NotEnoughGpusError(
            f"This machine has no usable GPU {missing}.",
            "List the GPUs with `jupyter gpu-containers gpus`.",
        )
    if request.profile is not None:
        return _no_profile(snapshot, request, usable)
    if usable == 0:
        why = f" {snapshot.problem.message}" if snapshot.problem else ""
        return NotEnoughGpusError(
            f"{request.words} asked for, but this machine has none that can be used.{why}",
            (snapshot.problem.hint if snapshot.problem else "") or "Start with 0 GPUs, on the CPU.",
        )
    return NotEnoughGpusError(
        f"{request.words} asked for, but this machine has {usable}.",
        f"Ask for at most {usable}.",
    )


def _no_profile(snapshot: GpuSnapshot, request: GpuRequest, usable: int) -> NotEnoughGpusError:
    profiles = sorted({g.mig_profile for g in snapshot.gpus if g.mig_profile and not g.problem})
    if usable:
        hint = f"Ask for at most {usable}."
    elif profiles:
        hint = f"It has instances of {', '.join(profiles)}."
    else:
        hint = "It has no MIG instance; ask for whole GPUs."
    return NotEnoughGpusError(
        f"{request.words} asked for, but this machine has {usable or 'none'}.", hint
    )
