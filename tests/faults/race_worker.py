"""One of several servers that claim GPUs on one engine, and that may die at any moment.

Claims, starts, restarts and releases until its connection is closed. Dies by SIGKILL before or
after any call to the engine, at random.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import signal
import threading
import uuid
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import Any

from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.errors import GpusBusyError
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuRequest
from jupyter_gpu_containers.model.gpu.slots import GpuSlots
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, ContainerStatus, Network
from jupyter_gpu_containers.service.kernel.claims import Claim, Claims, Scene
from jupyter_gpu_containers.service.kernel.owner import Owner

SHARED = "GPU-shared"  # two kernels may have it at a time; the others are for one each
GPUS = [
    {"name": "NVIDIA T4", "memory_gib": 16, "uuid": SHARED},
    {"name": "NVIDIA T4", "memory_gib": 16, "count": 2},
]
SLOTS = GpuSlots({SHARED: 2})
REQUESTS = [1, 1, 1, 2, 3]  # GPUs, at random
CRASH = 0.003  # before and after each call to the engine
HOLD = 0.1  # seconds at most
PAUSE = 0.8  # seconds at most, after which somebody who found no GPU asks again

Claiming = Callable[[GpuRequest], Awaitable[Claim]]


def crash_maybe(rng: random.Random) -> None:
    if rng.random() < CRASH:
        os.kill(os.getpid(), signal.SIGKILL)


class CrashingBackend(DockerBackend):
    """The product's backend, in a process that may die around each call."""

    def __init__(self, url: str, rng: random.Random) -> None:
        super().__init__(url)
        self._rng = rng

    async def _ask(self, subject: str, request: Callable[..., Any]) -> Any:
        crash_maybe(self._rng)
        answer = await super()._ask(subject, request)
        crash_maybe(self._rng)
        return answer

    async def create(self, spec: ContainerSpec) -> str:
        crash_maybe(self._rng)
        container_id = await super().create(spec)
        crash_maybe(self._rng)
        return container_id


def spec_for(image: str) -> Callable[[tuple[Gpu, ...], str], ContainerSpec]:
    """Return what makes a container that holds GPUs in its label, the claim.

    There are no devices to ask for.
    """

    def make(gpus: tuple[Gpu, ...], name: str) -> ContainerSpec:
        return ContainerSpec(
            image=image,
            command=("sleep", "infinity"),
            name=name,
            user="65534:65534",
            working_dir="/",
            labels=labels.make_labels(
                purpose="kernel",
                owner=str(Owner.current()),
                user="race",
                gpus=[gpu.uuid for gpu in gpus],
                slots=[SLOTS.of(gpu) for gpu in gpus],
            ),
            network=Network.NONE,
        )

    return make


class Server:
    """Claims in one of two orders: the product's, or the obvious one."""

    def __init__(self, host: str, image: str, rng: random.Random) -> None:
        self.rng = rng
        self.spec = spec_for(image)
        self.backend = CrashingBackend(host, rng)
        self.inventory = FixedInventory(GPUS)
        self.claims = Claims(self.backend, self.inventory, slots=SLOTS, rng=rng)

    async def protocol(self, request: GpuRequest) -> Claim:
        return await self.claims.claim(request, self.spec)

    async def naive(self, request: GpuRequest) -> Claim:
        """What comes to mind first: a GPU is free when no running container has it."""
        await self.claims.reconcile()
        running = [
            container
            for container in await self.backend.containers(labels.VERSION)
            if container.status is ContainerStatus.RUNNING
        ]
        gpus = self.claims.choose(Scene(tuple(running), await self.inventory.snapshot()), request)
        spec = self.spec(gpus, f"jupyter-kernel-{uuid.uuid4().hex}")
        spec = self.claims.reconciler.signer.signed(spec)
        return Claim(await self.backend.create(spec), gpus)

    async def live(self, claim: Claiming, done: threading.Event) -> None:
        """Run kernels one after the other."""
        while not done.is_set():
            try:
                claimed = await claim(GpuRequest(self.rng.choice(REQUESTS)))
            except GpusBusyError:
                await asyncio.sleep(self.rng.random() * PAUSE)
                continue
            await self.backend.start(claimed.container_id)
            await asyncio.sleep(self.rng.random() * HOLD)
            if self.rng.random() < 0.2:
                await self.restart(claimed.container_id)
            await self.claims.release(claimed.container_id)

    async def restart(self, container_id: str) -> None:
        """As a kernel's restart does: the container ends, keeps its GPUs, and starts again."""
        end = self.backend.watch(container_id)
        await self.backend.signal(container_id, signal.SIGKILL)
        await asyncio.wrap_future(end)
        await self.backend.start(container_id)


def main(host: str, image: str, order: str, seed: str, life: Connection) -> None:
    """Be a server until the other end of the connection is closed."""
    # warnings of dead servers are what this is about; anything worse ends the process with a trace
    logging.getLogger("jupyter_gpu_containers").setLevel(logging.ERROR)
    server = Server(host, image, random.Random(seed))
    done = threading.Event()

    def until_closed() -> None:
        with contextlib.suppress(EOFError):
            life.recv()
        done.set()

    threading.Thread(target=until_closed, daemon=True).start()
    asyncio.run(server.live(server.naive if order == "naive" else server.protocol, done))
    server.backend.close()
