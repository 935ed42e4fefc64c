"""Waiting for a kernel's first answer, while its devices are compared with what it claimed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from jupyter_gpu_containers.ports import ContainerBackend
from jupyter_gpu_containers.runtime.heartbeat import heartbeat

if TYPE_CHECKING:
    from .kernels import KernelContainer


async def answered(backend: ContainerBackend, kernel: KernelContainer) -> None:
    """Return when a kernel has answered. Raises `GpuVanishedError`: its devices are not right."""
    beat = asyncio.ensure_future(heartbeat(kernel.heartbeat_url))
    minors = {g.minor_number for g in kernel.gpus if g.minor_number is not None}
    try:
        if minors:
            await backend.verify_gpus(kernel.container_id, minors)
        await beat
    finally:
        await end(beat)


async def end(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks and wait for their end: sockets must be closed before their loop is."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
