"""Engines that fail at a chosen moment: the memory backend, named after what happens in it."""

from __future__ import annotations

import asyncio

from jupyter_gpu_containers.backends.memory import MemoryBackend, MemoryStore
from jupyter_gpu_containers.errors import EngineUnreachableError, GpuVanishedError
from jupyter_gpu_containers.model.kernel.container import Container, ContainerSpec


def away() -> EngineUnreachableError:
    """Return what the Docker backend raises when nobody answers."""
    return EngineUnreachableError("No container engine answers.", "Start it.")


class LostReply(MemoryBackend):
    """The engine creates the container, and the answer never arrives."""

    async def create(self, spec: ContainerSpec) -> str:
        """Create, then fail."""
        await super().create(spec)
        raise away()


class RepeatedCreate(MemoryBackend):
    """Something between here and the engine sends a request a second time, when a test says so."""

    def __init__(self, *, store: MemoryStore) -> None:
        super().__init__(store=store)
        self._sent: list[ContainerSpec] = []

    async def create(self, spec: ContainerSpec) -> str:
        """Create, and remember what was asked for."""
        self._sent.append(spec)
        return await super().create(spec)

    async def repeat(self) -> str:
        """Send the latest request again; nobody hears the answer."""
        return await super().create(self._sent[-1])


class SlowCreate(MemoryBackend):
    """The engine takes its time to create a container."""

    def __init__(self, *, store: MemoryStore) -> None:
        super().__init__(store=store)
        self.asked = asyncio.Event()  # the request is with the engine
        self.may_answer = asyncio.Event()
        self.removed = asyncio.Event()

    async def create(self, spec: ContainerSpec) -> str:
        """Create when the test lets it."""
        self.asked.set()
        await self.may_answer.wait()
        return await super().create(spec)

    async def remove(self, container_id: str) -> None:
        """Remove, and tell the test."""
        await super().remove(container_id)
        self.removed.set()


class AwayAfterCreate(MemoryBackend):
    """The engine goes away when it has created a container, until the test brings it back."""

    is_away = False

    async def create(self, spec: ContainerSpec) -> str:
        """Create; then nobody answers any more."""
        container_id = await super().create(spec)
        self.is_away = True
        return container_id

    async def containers(self, label: str) -> list[Container]:
        """List, where somebody answers."""
        if self.is_away:
            raise away()
        return await super().containers(label)

    async def remove(self, container_id: str) -> None:
        """Remove, where somebody answers."""
        if self.is_away:
            raise away()
        await super().remove(container_id)


class AwayBeforeRemoval(MemoryBackend):
    """The engine answers everything but requests to remove, until the test says so."""

    is_away = True

    async def remove(self, container_id: str) -> None:
        """Remove, where somebody answers."""
        if self.is_away:
            raise away()
        await super().remove(container_id)


class AwayBeforeStart(MemoryBackend):
    """The engine is restarted between create and start."""

    async def start(self, container_id: str) -> None:
        """Fail."""
        raise away()


class GpuGoneAtStart(MemoryBackend):
    """A chosen GPU falls off the bus before the container is started."""

    async def start(self, container_id: str) -> None:
        """Fail as an engine does whose hook does not find the device."""
        raise GpuVanishedError(
            "A GPU that was chosen is not there any more: unknown device.",
            "List the GPUs with `jupyter gpu-containers gpus`, then try again.",
        )


class GpuNotGiven(MemoryBackend):
    """The engine starts the container and silently gives it no device."""

    async def verify_gpus(self, container_id: str, minor_numbers: object) -> None:
        """Find none."""
        raise GpuVanishedError("The container did not get its GPUs.", "Check the engine.")


class LastMomentRival(MemoryBackend):
    """Between my list and my create, somebody else creates a container for the same GPU."""

    def __init__(self, *, store: MemoryStore, rival: MemoryBackend, times: int = 1) -> None:
        super().__init__(store=store)
        self._rival = rival
        self._times = times
        self.rivals: list[str] = []
        self.came = asyncio.Event()

    async def create(self, spec: ContainerSpec) -> str:
        """Let the rival go first."""
        if len(self.rivals) < self._times:
            name = f"rival-{len(self.rivals)}"
            labels = {**spec.labels, "jupyter-gpu-containers.owner": "another machine"}
            rival = ContainerSpec(
                image=spec.image,
                command=spec.command,
                name=name,
                user=spec.user,
                working_dir=spec.working_dir,
                labels=labels,
                gpus=spec.gpus,
            )
            self.rivals.append(await self._rival.create(rival))
            self.came.set()
        return await super().create(spec)
