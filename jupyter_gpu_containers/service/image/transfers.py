"""Transfers: what a pull and a push do beside the engine's own work: login, plan, refusals."""

from __future__ import annotations

import asyncio
import logging
import shutil

from jupyter_gpu_containers.errors import (
    DiskFullError,
    RegistryError,
    RegistryUnreachableError,
    WrongArchitectureError,
)
from jupyter_gpu_containers.model.image.image import ImageReference
from jupyter_gpu_containers.model.image.registry import Credential, RemoteImage
from jupyter_gpu_containers.model.job import Job, planned
from jupyter_gpu_containers.model.kernel.container import EngineInfo
from jupyter_gpu_containers.model.size import format_bytes
from jupyter_gpu_containers.ports import ContainerBackend, CredentialStore, Progress, Registry

from .images import Images
from .lookups import Lookups

ROOM = 2.5  # bytes on disk for each byte that is fetched: packed and unpacked
ASK_TIMEOUT = 30.0  # seconds for the registry's answers before a pull


class Transfers:
    """Pulls and pushes of one engine.

    Parameters
    ----------
    backend : ContainerBackend
    images : Images
    registry : Registry, optional
        Asked before a pull; None, or one that only the engine can reach, is no obstacle.
    credentials : CredentialStore, optional
    lookups : Lookups, optional
        To be shared with others that look the same images up; by default its own.
    """

    def __init__(
        self,
        backend: ContainerBackend,
        images: Images,
        registry: Registry | None = None,
        credentials: CredentialStore | None = None,
        *,
        lookups: Lookups | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        self._backend = backend
        self._images = images
        self._registry = registry
        self._credentials = credentials
        self._lookups = lookups or Lookups(backend)
        self._log = log or logging.getLogger(__name__)
        self._engine: EngineInfo | None = None  # its processor and its disk do not change

    async def plan(self, job: Job, reference: ImageReference) -> Job:
        """Learn from the registry what is to come, and refuse what cannot come to a good end.

        Returns
        -------
        Job
            With its total, where the registry told it.

        Raises
        ------
        WrongArchitectureError, DiskFullError, RegistryError
        """
        if self._registry is None:
            return job
        if self._engine is None:
            self._engine = await self._backend.info()  # which takes an engine its time
        engine = self._engine
        remote = await self._ask(self._registry, reference, engine.architecture)
        if remote is None:
            return job
        if remote.architecture and remote.architecture != engine.architecture:
            raise WrongArchitectureError(
                f"The image {reference.familiar} is for {remote.architecture} processors; "
                f"this engine's is {engine.architecture}.",
                "Choose another image or another tag.",
            )
        job = planned(job, remote, remote.shared(await self._lookups.layers()))
        free = await asyncio.to_thread(_disk_free, engine.root_dir)
        needed = int((job.total or 0) * ROOM)
        if free is not None and needed > free:
            raise DiskFullError(
                f"The image {reference.familiar} needs about {format_bytes(needed)} on the "
                f"engine's disk, packed and unpacked; {format_bytes(free)} are free at "
                f"{engine.root_dir}.",
                "Remove images that nobody uses, or choose a smaller one.",
            )
        return job

    async def pull(self, reference: ImageReference, progress: Progress) -> str:
        """Fetch an image, and return its id."""
        credential = await self._credential(reference.registry)
        name = reference.familiar
        image = await self._images.pull(name, credential=credential, progress=progress)
        return image.id

    async def push(self, reference: ImageReference, progress: Progress) -> str:
        """Send an image, and return its id."""
        credential = await self._credential(reference.registry)
        name = reference.familiar
        image = await self._backend.image(name)
        await self._backend.push(name, credential=credential, progress=progress)
        return image.id

    async def _credential(self, host: str) -> Credential | None:
        if self._credentials is None:
            return None
        return await asyncio.to_thread(self._credentials.get, host)

    async def _ask(
        self, registry: Registry, reference: ImageReference, architecture: str
    ) -> RemoteImage | None:
        """Return the registry's manifest; None where it cannot be asked, or makes no sense."""
        question = asyncio.ensure_future(registry.image(str(reference), architecture))
        try:
            # not wait_for: before Python 3.12 it may lose a cancellation
            await asyncio.wait({question}, timeout=ASK_TIMEOUT)
            if question.done():
                return question.result()
            self._log.debug("%s: no answer in %g seconds before its pull", reference, ASK_TIMEOUT)
        except RegistryUnreachableError as exc:
            self._log.debug("%s before its pull: %s", reference, exc)
        except RegistryError as exc:
            if type(exc) is not RegistryError:
                raise  # a clear refusal, which the engine would get, too
            self._log.debug("%s before its pull: %s", reference, exc)
        finally:
            question.cancel()
        return None


def _disk_free(folder: str) -> int | None:
    """Return the free bytes where an engine keeps its images; None where that is not here."""
    try:
        return shutil.disk_usage(folder).free if folder else None
    except OSError:
        return None
