"""Jobs on a desk: a memory engine, its registry and a login, and all that was told of them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.backends.memory import registry as memory_registry
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.model.image.registry import (
    Credential,
    RemoteImage,
    SearchResult,
    TagPage,
)
from jupyter_gpu_containers.model.job import Job, JobKind
from jupyter_gpu_containers.model.kernel.container import EngineInfo
from jupyter_gpu_containers.ports import CredentialStore, Progress, Registry
from jupyter_gpu_containers.runtime.facts import FileImageFacts
from jupyter_gpu_containers.service.image.images import Images
from jupyter_gpu_containers.service.image.jobs import Jobs
from jupyter_gpu_containers.service.image.transfers import Transfers

REFERENCE = "pytorch/pytorch:2.7.1-cuda12.8-cudnn9-runtime"
HERE = DEMO_IMAGES[0].references[0]
TIMEOUT = 20.0


class ImageRegistry(Registry):
    """Tells of images; nothing else is asked."""

    async def tags(self, repository: str, *, contains: str = "", limit: int = 100) -> TagPage:
        raise NotImplementedError

    async def search(self, query: str, *, limit: int = 25) -> list[SearchResult]:
        raise NotImplementedError

    async def check_login(self, host: str, credential: Credential) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is open."""


class OneRegistry(ImageRegistry):
    """Tells of every image what the memory backend's registries have, or why not."""

    def __init__(self) -> None:
        self.fails: Exception | None = None
        self.change: Callable[[RemoteImage], RemoteImage] = lambda remote: remote
        self.asked: list[str] = []

    async def image(self, reference: str, architecture: str) -> RemoteImage:
        self.asked.append(reference)
        if self.fails is not None:
            raise self.fails
        image = memory_registry.find(reference)
        assert image.config is not None
        layers = memory_registry.layers_of(image)
        return self.change(
            RemoteImage(reference, image.id, image.id, image.config, layers, architecture)
        )


class OneLogin(CredentialStore):
    """A login for nvcr.io."""

    def get(self, host: str) -> Credential | None:
        assert threading.current_thread() is not threading.main_thread()  # it may ask a helper
        return Credential("$oauthtoken", "top secret") if host == "nvcr.io" else None

    def put(self, host: str, credential: Credential) -> str:
        raise NotImplementedError

    def erase(self, host: str) -> bool:
        raise NotImplementedError

    def hosts(self) -> dict[str, str]:
        raise NotImplementedError


class Engine(MemoryBackend):
    """Counts transfers and remembers the logins that came with them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"transfer_seconds": 0.0} | options)
        self.logins: list[Credential | None] = []
        self.root_dir = "/"

    async def info(self) -> EngineInfo:
        return replace(await super().info(), root_dir=self.root_dir)

    async def pull(
        self,
        reference: str,
        *,
        credential: Credential | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.logins.append(credential)
        await super().pull(reference, credential=credential, progress=progress)


class Desk:
    """Jobs of an engine, with all that was told of them, and when."""

    def __init__(self, folder: Path, engine: Engine | None = None, **options: Any) -> None:
        self.engine = engine or Engine()
        self.registry = OneRegistry()
        images = Images(self.engine, FileImageFacts(folder / "facts"), "me", "ada")
        given = {"registry": self.registry, "credentials": OneLogin()}
        given |= {key: options.pop(key) for key in given if key in options}
        self.jobs = Jobs(Transfers(self.engine, images, **given), **options)
        self.seen: list[Job] = []
        self.times: list[float] = []
        self._changed = asyncio.Event()
        self.jobs.on_change(self._note)

    def _note(self, job: Job) -> None:
        self.seen.append(job)
        self.times.append(time.monotonic())
        self._changed.set()

    async def until(self, wanted: Callable[[Job], bool]) -> Job:
        """Wait for a state of the last job that was told of."""

        async def wait() -> Job:
            while not (self.seen and wanted(self.seen[-1])):
                self._changed.clear()
                await self._changed.wait()
            return self.seen[-1]

        return await asyncio.wait_for(wait(), TIMEOUT)

    async def done(self, kind: JobKind, reference: str) -> Job:
        job = self.jobs.submit(kind, reference)
        return await asyncio.wait_for(self.jobs.finished(job.id), TIMEOUT)

    async def pulled(self, reference: str = REFERENCE) -> Job:
        return await self.done(JobKind.PULL, reference)


def assert_no_transfer() -> None:
    """The engine's work is about to end, or has ended."""
    for thread in threading.enumerate():
        if thread.name == "gpu-containers-transfer":
            thread.join(TIMEOUT)
            assert not thread.is_alive()


def code(job: Job) -> str:
    assert job.error is not None
    return job.error.code
