"""A server of the claims machine: one life of a process that claims, with what is on its record."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass, field
from typing import Any

from jupyter_gpu_containers.errors import UnavailableError
from jupyter_gpu_containers.model.gpu.device import Gpu
from jupyter_gpu_containers.model.gpu.slots import GpuSlots
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, ContainerStatus
from jupyter_gpu_containers.service.kernel.claims import Claim, Claims, MakeSpec

from .stepped_engine import SteppedBackend

IMAGE = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"


@dataclass
class Server:
    """One life of a server."""

    name: str  # the same in its next life
    owner: str
    backend: SteppedBackend
    claims: Claims
    slots: GpuSlots
    claiming: dict[asyncio.Task[Claim], str | None] = field(default_factory=dict)  # handed over
    held: set[str] = field(default_factory=set)  # containers, by id
    records: dict[str, bool] = field(default_factory=dict)  # those begun; True: they have answered
    pending: dict[str, bool] = field(default_factory=dict)  # records of its former life
    found: set[str] = field(default_factory=set)  # what it took over of them
    working: set[asyncio.Task[Any]] = field(default_factory=set)

    def spec(self) -> MakeSpec:
        """Return what makes the specs of this server's containers."""

        def make(gpus: tuple[Gpu, ...], name: str) -> ContainerSpec:
            uuids = tuple(gpu.uuid for gpu in gpus)
            text = labels.make_labels(
                purpose="kernel",
                owner=self.owner,
                user="ada",
                gpus=uuids,
                slots=[self.slots.of(gpu) for gpu in gpus],
                server=self.name,
            )
            user = f"{os.getuid()}:{os.getgid()}"
            return ContainerSpec(IMAGE, ("sleep", "9"), name, user, "/", text, gpus=uuids)

        return make

    async def shut_down(self, container_id: str) -> None:
        """End a kernel; what the engine does not confirm is left to reconciliation."""
        self.held.discard(container_id)
        self.found.discard(container_id)
        with contextlib.suppress(UnavailableError):
            await self.claims.release(container_id)
        self.records.pop(container_id, None)

    async def start(self, container_id: str) -> None:
        """Start a kernel, which is on record before."""
        self.records.setdefault(container_id, False)
        await self.backend.start(container_id)
        if container_id in self.records:
            self.records[container_id] = True

    async def recover(self) -> None:
        """Take over the kernels that run; remove what else is on record."""
        while self.pending:
            with contextlib.suppress(UnavailableError):
                await self._recover()

    async def _recover(self) -> None:
        found = await self.backend.containers(labels.VERSION)
        statuses = {container.id: container.status for container in found}
        for key, answered in list(self.pending.items()):
            if answered and statuses.get(key) is ContainerStatus.RUNNING:
                self.held.add(key)
                self.found.add(key)
                self.records[key] = True
            elif key in statuses:
                await self.claims.release(key)
            del self.pending[key]
