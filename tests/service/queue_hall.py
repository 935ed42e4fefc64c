"""A queue over a few GPUs, and what asks, claims and ends there; with the fixtures of its tests."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Iterator

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend, MemoryStore
from jupyter_gpu_containers.errors import (
    EngineUnreachableError,
)
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuRequest, GpuSnapshot
from jupyter_gpu_containers.model.gpu.slots import GpuSlots
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container, ContainerSpec
from jupyter_gpu_containers.model.queue import Ticket
from jupyter_gpu_containers.service.kernel.claims import Claim, Claims
from jupyter_gpu_containers.service.kernel.owner import Owner
from jupyter_gpu_containers.service.queue import queue as queue_module
from jupyter_gpu_containers.service.queue.admission import Asker
from jupyter_gpu_containers.service.queue.queue import Queue

__all__ = [
    "Hall",
    "Machine",
    "SometimesAway",
    "hall",
    "make_spec",
    "no_poll",
    "store",
]

IMAGE = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"
ME = str(Owner.current())


class SometimesAway(MemoryBackend):
    """An engine that can be away."""

    away = False

    async def containers(self, label: str) -> list[Container]:
        """List, if the engine is there."""
        if self.away:
            raise EngineUnreachableError("The engine does not answer.", "Start it.")
        return await super().containers(label)


class Machine(FixedInventory):
    """GPUs that can go away."""

    gone: GpuSnapshot | None = None

    async def snapshot(self) -> GpuSnapshot:
        """Return what there is."""
        return self.gone or await super().snapshot()


class Hall:
    """A queue over a number of GPUs, and what asks and claims."""

    def __init__(
        self, store: MemoryStore, gpus: int = 2, *, limit: int = 50, slots: int = 1
    ) -> None:
        self.backend = SometimesAway(store=store)
        self.inventory = Machine([{"count": gpus}])
        self.claims = Claims(
            self.backend,
            self.inventory,
            slots=GpuSlots({"*": slots}),
            rng=random.Random(1),
            backoff=0.001,
        )
        self.queue = Queue(self.claims, limit=limit)
        self.running: dict[str, Claim] = {}
        self.tasks: dict[str, asyncio.Task[tuple[str, ...]]] = {}
        self._changed = asyncio.Event()
        self.queue.on_change(lambda: self._changed.set())

    def asker(self, name: str, count: int = 1, user: str = "ada") -> Asker:
        return Asker(name, user, GpuRequest(count), f"{name}.ipynb")

    def ask(
        self,
        name: str,
        count: int = 1,
        user: str = "ada",
        *,
        handover: Callable[[], str | None] = lambda: None,
        ticket: Ticket | None = None,
        patience: float | None = None,
    ) -> asyncio.Task[tuple[str, ...]]:
        asker = Asker(name, user, GpuRequest(count), f"{name}.ipynb", handover)
        turn = self.queue.turn(asker, patience=patience, ticket=ticket)
        self.tasks[name] = asyncio.ensure_future(turn)
        return self.tasks[name]

    async def claim(self, name: str, *, handover: str | None = None) -> Claim:
        """Wait for the turn of who has asked, and claim."""
        uuids = await asyncio.wait_for(self.tasks[name], 10)
        claim = await self.claims.claim(GpuRequest(uuids=uuids), make_spec(name), handover=handover)
        self.queue.done(name)
        self.running[name] = claim
        return claim

    async def run(self, name: str, count: int = 1, user: str = "ada") -> Claim:
        """Ask and claim."""
        self.ask(name, count, user)
        return await self.claim(name)

    async def end(self, name: str) -> None:
        """Remove a container."""
        await self.claims.release(self.running.pop(name).container_id)

    async def waits(self, *names: str) -> None:
        """Wait until these wait, in this order."""

        async def until() -> None:
            while [ticket.id for ticket in self.queue.waiting()] != list(names):
                self._changed.clear()
                await self._changed.wait()

        await asyncio.wait_for(until(), 10)

    async def close(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


def make_spec(name: str) -> Callable[[tuple[Gpu, ...], str], ContainerSpec]:
    def make(gpus: tuple[Gpu, ...], container: str) -> ContainerSpec:
        uuids = tuple(gpu.uuid for gpu in gpus)
        return ContainerSpec(
            image=IMAGE,
            command=("sleep", "1000"),
            name=container,
            user=f"{os.getuid()}:{os.getgid()}",
            working_dir="/",
            labels=labels.make_labels(
                purpose="kernel", owner=ME, user="ada", gpus=uuids, notebook=f"{name}.ipynb"
            ),
            gpus=uuids,
        )

    return make


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    store = MemoryStore()
    yield store
    store.kill_all()


@pytest.fixture
def hall(store: MemoryStore, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Hall]:
    hall = Hall(store)
    yield hall
    jp_asyncio_loop.run_until_complete(hall.close())


@pytest.fixture
def no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is told wakes anybody."""
    monkeypatch.setattr(queue_module, "POLL", 3600.0)
