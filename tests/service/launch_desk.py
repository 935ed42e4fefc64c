"""Launches with all that they stand on, and Jupyter's managers played by a door."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from jupyter_gpu_containers.backends.memory import MemoryBackend, MemoryStore
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import Gpu
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerSpec
from jupyter_gpu_containers.model.kernel.launch import Caller, Launch, Phase, Policy
from jupyter_gpu_containers.runtime.facts import FileImageFacts
from jupyter_gpu_containers.service.image.images import Images
from jupyter_gpu_containers.service.image.jobs import Jobs
from jupyter_gpu_containers.service.image.transfers import Transfers
from jupyter_gpu_containers.service.kernel.claims import Claims, MakeSpec
from jupyter_gpu_containers.service.kernel.environments import Environments
from jupyter_gpu_containers.service.kernel.kernels import Kernels
from jupyter_gpu_containers.service.kernel.owner import Owner
from jupyter_gpu_containers.service.kernel.seats import Seats
from jupyter_gpu_containers.service.launch.door import Activity
from jupyter_gpu_containers.service.launch.launches import Launches
from jupyter_gpu_containers.service.launch.preparation import Preparation
from jupyter_gpu_containers.service.queue.queue import Queue

IMAGE = DEMO_IMAGES[0].references[0]


class ProvisionersDoor:
    """Starts "kernels" as the provisioner does it, as far as launches see; no process runs."""

    def __init__(self, launches: Launches, environments: Environments, claims: Claims) -> None:
        self._launches = launches
        self._environments = environments
        self._claims = claims
        self.claimed: dict[str, str] = {}  # containers by kernel
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.fails: Exception | None = None
        self.kernels: set[str] = set()
        self.stopped: list[str] = []
        self.attached_kernels: set[str] = set()
        self.started_in: list[str] = []

    async def start(self, kernel_id: str, name: str, path: str) -> None:
        """Go through the phases; wait where the test says so."""
        self.started_in.append(path)
        self.kernels.add(kernel_id)
        environment = self._environments.get(name)
        self._launches.begin(kernel_id, environment, path)
        request = await self._launches.turn(kernel_id, environment)
        self._launches.advance(kernel_id, Phase.CREATING)
        if request.count:
            old = self.claimed.get(self._launches.replaced_by(kernel_id) or "")
            claim = await self._claims.claim(request, kernel_spec(kernel_id), handover=old)
            self.claimed[kernel_id] = claim.container_id
        self._launches.advance(kernel_id, Phase.STARTING)
        await self.may_answer.wait()
        if self.fails is not None:
            raise self.fails
        self._launches.advance(kernel_id, Phase.RUNNING, kernel_id=kernel_id)

    async def stop(self, kernel_id: str) -> None:
        """Forget the kernel; the provisioner's cleanup ends the launch."""
        self.stopped.append(kernel_id)
        if kernel_id in self.claimed:
            await self._claims.release(self.claimed.pop(kernel_id))
        if kernel_id in self.kernels:
            self.kernels.discard(kernel_id)
            self._launches.end(kernel_id)

    async def attached(self, kernel_id: str) -> bool:
        """Tell what the test says."""
        return kernel_id in self.attached_kernels

    def activity(self, kernel_id: str) -> Activity:
        """Know nothing: a kernel is then taken to be in use."""
        return Activity(busy=True, last=time.time())

    async def answers(self, kernel_id: str) -> bool:
        """Know nothing here, either."""
        return False


def kernel_spec(kernel_id: str) -> MakeSpec:
    """Return what makes the container of a kernel, as far as its claim goes."""

    def make(gpus: tuple[Gpu, ...], name: str) -> ContainerSpec:
        uuids = tuple(gpu.uuid for gpu in gpus)
        return ContainerSpec(
            image=IMAGE,
            command=("sleep", "1000"),
            name=name,
            user=f"{os.getuid()}:{os.getgid()}",
            working_dir="/",
            labels=labels.make_labels(
                purpose="kernel",
                owner=str(Owner.current()),
                user="ada",
                kernel_id=kernel_id,
                gpus=uuids,
                notebook=f"{kernel_id}.ipynb",
            ),
            gpus=uuids,
        )

    return make


class Desk:
    """Launches with a door and two GPUs, and a way to wait for a phase."""

    def __init__(
        self,
        folder: Path,
        *,
        attach_timeout: float = 60.0,
        store: MemoryStore | None = None,
        wait_for_gpus: float = 0.0,
    ) -> None:
        self.backend = MemoryBackend(transfer_seconds=0, store=store)
        facts = FileImageFacts(folder / "facts")
        for image in DEMO_IMAGES:
            facts.put(image)
        images = Images(self.backend, facts, "me", "ada")
        specs: dict[str, dict[str, object]] = {}
        self.environments = Environments(folder / "kernels", lambda: read_specs(folder, specs))
        seats = Seats(run_root=folder / "r", home_root=folder / "h", caller=Caller(0, 0, "ada"))
        self.claims = Claims(self.backend, FixedInventory([{"count": 2}]))
        kernels = Kernels(self.backend, self.claims, seats, Policy())
        self.jobs = Jobs(Transfers(self.backend, images))
        self.launches = Launches(
            Preparation(self.environments, images, self.jobs),
            kernels,
            Queue(self.claims, limit=3),
            attach_timeout=attach_timeout,
            wait_for_gpus=wait_for_gpus,
        )
        self.door = ProvisionersDoor(self.launches, self.environments, self.claims)
        self.launches.door = self.door
        # the kernels' containers are the door's here, not those of `kernels`
        self.launches._room._handover = self.door.claimed.get
        self.seen: list[Launch] = []
        self._changed = asyncio.Event()
        self.launches.on_change(self._note)

    def _note(self, launch: Launch) -> None:
        self.seen.append(launch)
        self._changed.set()

    async def reached(self, launch_id: str, phase: Phase) -> Launch:
        """Wait for a phase."""

        async def wait() -> Launch:
            while (launch := self.launches.get(launch_id)).phase is not phase:
                self._changed.clear()
                await self._changed.wait()
            return launch

        return await asyncio.wait_for(wait(), 10)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so, after some change of a launch."""

        async def wait() -> None:
            while not condition():
                self._changed.clear()
                await self._changed.wait()

        await asyncio.wait_for(wait(), 10)


def read_specs(folder: Path, specs: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    """Read kernelspecs as jupyter_client's manager does."""
    for path in (folder / "kernels").glob("*/kernel.json"):
        specs[path.parent.name] = {
            "resource_dir": str(path.parent),
            "spec": json.loads(path.read_text()),
        }
    return specs
