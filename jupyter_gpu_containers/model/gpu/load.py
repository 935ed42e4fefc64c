"""What GPUs are used for at one moment: memory, utilisation, and each container's share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .device import Gpu


@dataclass(frozen=True)
class HolderLoad:
    """What a container's processes hold on a device."""

    container_id: str
    memory_used: int | None  # bytes; None = nobody can say


@dataclass(frozen=True)
class GpuLoad:
    """The load of one leaf device."""

    uuid: str
    memory_used: int  # bytes
    utilization: int | None  # percent; None where not supported (MIG)
    holders: tuple[HolderLoad, ...] = ()


def gpu_load(gpu: Gpu, container_ids: Iterable[str]) -> GpuLoad:
    """Return a device's load, with the shares of these containers.

    Parameters
    ----------
    gpu : Gpu
    container_ids : iterable of str
        Of its holders, as far as they may be told of.
    """
    holders = tuple(HolderLoad(each, memory_of(gpu, each)) for each in container_ids)
    return GpuLoad(gpu.uuid, gpu.memory_used, gpu.utilization, holders)


def memory_of(gpu: Gpu, container_id: str) -> int | None:
    """Return the bytes that a container's processes hold on a device.

    None where nobody can say: the driver lists no processes or not their memory, or a process
    could be this container's but its container cannot be seen from here.
    """
    if not gpu.processes_known:
        return None
    total = 0
    for process in gpu.processes:
        if process.container_id is None:
            return None
        if process.container_id == container_id:
            if process.memory_used is None:
                return None
            total += process.memory_used
    return total
