"""GPUs and who holds them: the inventory and the containers' labels, put side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from jupyter_gpu_containers.errors import UnavailableError
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuSnapshot, Problem
from jupyter_gpu_containers.model.gpu.foreign import ForeignContainer, uuids_of
from jupyter_gpu_containers.model.gpu.load import memory_of
from jupyter_gpu_containers.model.gpu.slots import GpuSlots, holders_of, slot_use, used_by_others
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container
from jupyter_gpu_containers.model.policy import Show
from jupyter_gpu_containers.ports import ContainerBackend, GpuInventory
from jupyter_gpu_containers.service.image.images import as_problem
from jupyter_gpu_containers.service.sight import Sight

Mean = Callable[[str, str], float | None]  # of a container and a GPU
Foreign = Callable[[], Awaitable[Sequence[ForeignContainer]]]


async def _nobody() -> tuple[ForeignContainer, ...]:
    return ()


class GpuState(str, Enum):
    """Whether a GPU can be had now."""

    FREE = "free"
    SHARED = "shared"  # by containers of ours, and there is a slot for another one
    CLAIMED = "claimed"  # by containers of ours, in whatever state
    IN_USE = "in_use"  # by another process, or a container of others has it
    UNAVAILABLE = "unavailable"  # broken, or nobody can say who has it


@dataclass(frozen=True)
class Holder:
    """The container that claims a GPU."""

    container_id: str
    kernel_id: str
    environment: str
    display_name: str
    notebook: str
    owner: str  # login name
    mine: bool  # driven by this process
    memory_used: int | None = None  # bytes of its processes on this GPU; None = nobody can say
    since: float | None = None  # seconds since the epoch; None = must not be told
    mean_utilization: int | None = None  # percent, since then; None = nobody here has measured it


@dataclass(frozen=True)
class GpuUse:
    """One leaf device and its present use."""

    gpu: Gpu
    state: GpuState
    holders: tuple[Holder, ...] = ()  # more than one where a GPU has several slots
    problem: Problem | None = None
    slots: int = 1

    @property
    def holder(self) -> Holder | None:
        """The first holder."""
        return self.holders[0] if self.holders else None


@dataclass(frozen=True)
class GpuUsage:
    """All leaf devices of this machine."""

    snapshot: GpuSnapshot
    uses: tuple[GpuUse, ...] = ()


async def gpu_usage(
    inventory: GpuInventory,
    backend: ContainerBackend,
    owner: str,
    slots: GpuSlots | None = None,
    *,
    server: str | None = None,
    sight: Sight | None = None,
    is_spare: Callable[[Container], bool] = lambda container: False,
    mean: Mean = lambda container, gpu: None,
    foreign: Foreign = _nobody,
) -> GpuUsage:
    """Look at the GPUs and at all containers of ours.

    Never raises: with an engine that does not answer nobody knows who holds what, so no GPU is
    shown as free.

    Parameters
    ----------
    inventory : GpuInventory
    backend : ContainerBackend
    owner : str
        Identity of this process.
    slots : GpuSlots, optional
        How many containers may hold one device; by default one each.
    server : str, optional
        Name of this process's server, whose former life's kernels are its own, too.
    sight : Sight, optional
        What may be told of containers; by default everything.
    is_spare : callable, optional
        Tells of a container whether it only waits for a kernel to come.
    mean : callable, optional
        Returns a container's mean utilisation of a GPU so far, 0 to 1, where it is known.
    foreign : callable, optional
        Finds containers of others that have GPUs, whether they compute on them or not.
    """
    slots = slots or GpuSlots()
    snapshot, found = await asyncio.gather(inventory.snapshot(), _containers(backend, foreign))
    if isinstance(found, Problem):
        return GpuUsage(snapshot, tuple(_unknown(gpu, found) for gpu in snapshot.gpus))
    containers, others = found
    taken = {uuid for other in others for uuid in uuids_of(other, snapshot.gpus)}
    holders, me = holders_of(containers), {owner, server or owner}
    seen = sight or Sight()
    uses = (
        _use(gpu, holders.get(gpu.uuid, []), slots, me, seen, mean, taken) for gpu in snapshot.gpus
    )
    spares = {container.id for container in containers if is_spare(container)}
    return GpuUsage(snapshot, tuple(_with_spares(use, spares) for use in uses))


def _with_spares(use: GpuUse, spares: set[str]) -> GpuUse:
    """Say of containers that wait for a kernel that they have none yet."""
    if not spares.intersection(holder.container_id for holder in use.holders):
        return use
    holders = (
        replace(holder, kernel_id="", display_name=f"{holder.display_name} (waits for a kernel)")
        if holder.container_id in spares
        else holder
        for holder in use.holders
    )
    return replace(use, holders=tuple(holders))


async def _containers(
    backend: ContainerBackend, foreign: Foreign
) -> tuple[list[Container], Sequence[ForeignContainer]] | Problem:
    try:
        return await backend.containers(labels.VERSION), await foreign()
    except UnavailableError as exc:
        return as_problem(exc)


def _use(
    gpu: Gpu,
    containers: list[Container],
    policy: GpuSlots,
    me: set[str],
    sight: Sight,
    mean: Mean,
    taken: set[str],
) -> GpuUse:
    slots = slot_use(gpu, policy, containers)
    holders = tuple(_holders(gpu, containers, me, sight, mean))
    foreign = gpu.uuid in taken or used_by_others(gpu, containers)
    if containers:
        can_be_had = slots.free and not foreign and gpu.problem is None
        state = GpuState.SHARED if can_be_had else GpuState.CLAIMED
    elif gpu.problem is not None:
        state = GpuState.UNAVAILABLE
    else:
        state = GpuState.IN_USE if foreign else GpuState.FREE
    return GpuUse(gpu, state, holders, gpu.problem, slots.slots)


def _unknown(gpu: Gpu, problem: Problem) -> GpuUse:
    return GpuUse(gpu, GpuState.UNAVAILABLE, (), gpu.problem or problem)


def _holders(
    gpu: Gpu, containers: list[Container], me: set[str], sight: Sight, mean: Mean
) -> Iterator[Holder]:
    for container in containers:
        if sight.sees(container):
            yield _holder(gpu, container, me, mean(container.id, gpu.uuid))
        elif sight.show is Show.COUNTS:
            yield Holder("", "", "", "another user’s kernel", "", "", mine=False)


def _holder(gpu: Gpu, container: Container, me: set[str], mean: float | None) -> Holder:
    text = container.labels
    return Holder(
        container_id=container.id,
        kernel_id=text.get(labels.KERNEL, ""),
        environment=text.get(labels.ENVIRONMENT, ""),
        display_name=text.get(labels.DISPLAY_NAME, ""),
        notebook=text.get(labels.NOTEBOOK, ""),
        owner=text.get(labels.USER, ""),
        mine=not me.isdisjoint((text.get(labels.OWNER, ""), text.get(labels.SERVER, ""))),
        memory_used=memory_of(gpu, container.id),
        since=container.created,
        mean_utilization=None if mean is None else round(100 * mean),
    )
