"""GPUs and who holds them: the inventory and the containers' labels, put side by side."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum

from jupyter_gpu_containers.errors import UnavailableError
from jupyter_gpu_containers.model import labels
from jupyter_gpu_containers.model.container import Container
from jupyter_gpu_containers.model.gpu import Gpu, GpuSnapshot, Problem
from jupyter_gpu_containers.ports import ContainerBackend, GpuInventory

from .images import as_problem


class GpuState(str, Enum):
    """Whether a GPU can be had now."""

    FREE = "free"
    CLAIMED = "claimed"  # by a container of ours, in whatever state
    IN_USE = "in_use"  # by another process
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


@dataclass(frozen=True)
class GpuUse:
    """One leaf device and its present use."""

    gpu: Gpu
    state: GpuState
    holder: Holder | None = None
    problem: Problem | None = None


@dataclass(frozen=True)
class GpuUsage:
    """All leaf devices of this machine."""

    snapshot: GpuSnapshot
    uses: tuple[GpuUse, ...] = ()


async def gpu_usage(inventory: GpuInventory, backend: ContainerBackend, owner: str) -> GpuUsage:
    """Look at the GPUs and at all containers of ours.

    Never raises: with an engine that does not answer nobody knows who holds what, so no GPU is
    shown as free.

    Parameters
    ----------
    inventory : GpuInventory
    backend : ContainerBackend
    owner : str
        Identity of this process.
    """
    snapshot, containers = await asyncio.gather(inventory.snapshot(), _containers(backend))
    if isinstance(containers, Problem):
        return GpuUsage(snapshot, tuple(_unknown(gpu, containers) for gpu in snapshot.gpus))
    holders = {
        uuid: _holder(container, owner)
        for container in containers
        for uuid in labels.gpus_of(container)
    }
    return GpuUsage(snapshot, tuple(_use(gpu, holders.get(gpu.uuid)) for gpu in snapshot.gpus))


async def _containers(backend: ContainerBackend) -> list[Container] | Problem:
    try:
        return await backend.containers(labels.VERSION)
    except UnavailableError as exc:
        return as_problem(exc)


def _use(gpu: Gpu, holder: Holder | None) -> GpuUse:
    if holder is not None:
        return GpuUse(gpu, GpuState.CLAIMED, holder, gpu.problem)
    if gpu.problem is not None:
        return GpuUse(gpu, GpuState.UNAVAILABLE, None, gpu.problem)
    return GpuUse(gpu, GpuState.IN_USE if gpu.processes else GpuState.FREE)


def _unknown(gpu: Gpu, problem: Problem) -> GpuUse:
    return GpuUse(gpu, GpuState.UNAVAILABLE, None, gpu.problem or problem)


def _holder(container: Container, owner: str) -> Holder:
    text = container.labels
    return Holder(
        container_id=container.id,
        kernel_id=text.get(labels.KERNEL, ""),
        environment=text.get(labels.ENVIRONMENT, ""),
        display_name=text.get(labels.DISPLAY_NAME, ""),
        notebook=text.get(labels.NOTEBOOK, ""),
        owner=text.get(labels.USER, ""),
        mine=text.get(labels.OWNER) == owner,
    )
