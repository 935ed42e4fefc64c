"""Jobs: work on images in the background, told of step by step, until it is done or given up."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

from jupyter_gpu_containers.errors import (
    DiskFullError,
    GpuContainersError,
    InvalidImageReferenceError,
    JobNotFoundError,
    RegistryError,
    RegistryUnreachableError,
    TransferStalledError,
    WrongArchitectureError,
)
from jupyter_gpu_containers.model import job as model
from jupyter_gpu_containers.model.container import EngineInfo
from jupyter_gpu_containers.model.gpu import Problem
from jupyter_gpu_containers.model.image import ImageReference
from jupyter_gpu_containers.model.job import Job, JobKind, Step
from jupyter_gpu_containers.model.registry import Credential, RemoteImage
from jupyter_gpu_containers.ports import ContainerBackend, CredentialStore, Progress, Registry

from .images import Images, as_problem
from .lookups import Lookups
from .news import News

KEPT = 100  # ended jobs that are remembered
ROOM = 2.5  # bytes on disk for each byte that is fetched: packed and unpacked
ASK_TIMEOUT = 30.0  # seconds for the registry's answers before a pull
TICK = 1.0  # seconds after which the speed is told anew when nothing comes

# Does what a job is for, and returns the id of the image that came of it.
Work = Callable[[Progress], Coroutine[Any, Any, str]]


class Jobs:
    """All jobs of this process; change listeners are called on its event loop.

    Parameters
    ----------
    backend : ContainerBackend
    images : Images
    registry : Registry, optional
        Asked before a pull; None, or one that only the engine can reach, is no obstacle.
    credentials : CredentialStore, optional
    stall_timeout : float
        Seconds without a word from the engine, while bytes are still to come, after which a
        transfer is given up.
    interval : float
        Seconds between two snapshots of a job, at least.
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
        stall_timeout: float = 120.0,
        interval: float = 0.25,
        lookups: Lookups | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        self._backend = backend
        self._images = images
        self._registry = registry
        self._credentials = credentials
        self._stall_timeout = stall_timeout
        self._interval = interval
        self._log = log or logging.getLogger(__name__)
        self._lookups = lookups or Lookups(backend)
        self._engine: EngineInfo | None = None  # its processor and its disk do not change
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._listeners: list[Callable[[Job], None]] = []

    def on_change(self, listener: Callable[[Job], None]) -> None:
        """Call the listener with the first and last state of every job, and some between."""
        self._listeners.append(listener)

    def list(self) -> list[Job]:
        """Return all that are remembered, newest first."""
        return list(reversed(self._jobs.values()))

    def get(self, job_id: str) -> Job:
        """Return one job. Raises `JobNotFoundError`."""
        try:
            return self._jobs[job_id]
        except KeyError:
            raise JobNotFoundError(
                f"There is no job {job_id}.", "It may be long over; list the jobs."
            ) from None

    def submit(self, kind: JobKind, reference: str) -> Job:
        """Begin a job, or return the one that does the same just now: two people, one pull.

        Raises
        ------
        InvalidImageReferenceError
        """
        parsed = ImageReference.parse(reference)
        if kind is JobKind.PUSH and parsed.digest is not None:
            raise InvalidImageReferenceError(
                f"“{reference[:80]}” names a digest; an image is pushed under a tag.",
                "Write it as [registry/]repository[:tag].",
            )
        for job in self._jobs.values():
            if (job.kind, job.reference) == (kind, parsed.familiar) and not job.state.final:
                return job
        transfer = self._pull if kind is JobKind.PULL else self._push
        return self._begin(kind, parsed.familiar, lambda job_id: transfer(job_id, parsed))

    def begin(self, kind: JobKind, reference: str, work: Work) -> Job:
        """Begin a job that somebody else knows how to do, at once: a build, for instance.

        Parameters
        ----------
        kind : JobKind
        reference : str
            The image that it is about, in familiar form.
        work : callable
            Takes a `Progress`, and returns the id of the image that came of it. Cancelling it must
            stop what it does.
        """
        return self._begin(kind, reference, lambda job_id: self._carry(job_id, work))

    def _begin(
        self, kind: JobKind, reference: str, work: Callable[[str], Coroutine[Any, Any, str]]
    ) -> Job:
        job = Job(str(uuid.uuid4()), kind, reference, created=time.time())
        self._put(job)
        task = asyncio.ensure_future(self._work(job.id, work))
        self._tasks[job.id] = task
        task.add_done_callback(lambda task: self._settle(job.id, task))
        return job

    async def cancel(self, job_id: str) -> Job:
        """Give a job up, for everybody who waits for it; the engine's work is stopped then."""
        self.get(job_id)
        task = self._tasks.get(job_id)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        return self.get(job_id)

    async def finished(self, job_id: str) -> Job:
        """Return a job when it has ended; giving this wait up leaves the job alone."""
        self.get(job_id)
        task = self._tasks.get(job_id)
        if task is not None:
            await asyncio.wait({task})
        return self.get(job_id)

    async def close(self) -> None:
        """Give up everything that is in progress."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- one job ------------------------------------------------------------------------------

    async def _work(self, job_id: str, work: Callable[[str], Coroutine[Any, Any, str]]) -> None:
        try:
            self._put(model.begun(self._jobs[job_id], time.monotonic()))
            image_id = await work(job_id)
        except asyncio.CancelledError:
            self._put(model.cancelled(self._jobs[job_id], time.time()))
        except GpuContainersError as exc:
            self._put(model.failed(self._jobs[job_id], as_problem(exc), time.time()))
        else:
            self._put(model.succeeded(self._jobs[job_id], image_id, time.time()))

    async def _pull(self, job_id: str, reference: ImageReference) -> str:
        credential = await self._credential(reference.registry)
        await self._plan(job_id, reference)

        async def pull(progress: Progress) -> str:
            name = reference.familiar
            image = await self._images.pull(name, credential=credential, progress=progress)
            return image.id

        return await self._carry(job_id, pull)

    async def _push(self, job_id: str, reference: ImageReference) -> str:
        credential = await self._credential(reference.registry)

        async def push(progress: Progress) -> str:
            name = reference.familiar
            image = await self._backend.image(name)
            await self._backend.push(name, credential=credential, progress=progress)
            return image.id

        return await self._carry(job_id, push)

    async def _credential(self, host: str) -> Credential | None:
        if self._credentials is None:
            return None
        return await asyncio.to_thread(self._credentials.get, host)

    async def _plan(self, job_id: str, reference: ImageReference) -> None:
        """Learn from the registry what is to come, and refuse what cannot come to a good end.

        Raises
        ------
        WrongArchitectureError, DiskFullError, RegistryError
        """
        if self._registry is None:
            return
        if self._engine is None:
            self._engine = await self._backend.info()  # which takes an engine its time
        engine = self._engine
        remote = await self._ask(self._registry, reference, engine.architecture)
        if remote is None:
            return
        if remote.architecture and remote.architecture != engine.architecture:
            raise WrongArchitectureError(
                f"The image {reference.familiar} is for {remote.architecture} processors; "
                f"this engine's is {engine.architecture}.",
                "Choose another image or another tag.",
            )
        job = model.planned(self._jobs[job_id], remote, remote.shared(await self._lookups.layers()))
        free = await asyncio.to_thread(_disk_free, engine.root_dir)
        needed = int((job.total or 0) * ROOM)
        if free is not None and needed > free:
            raise DiskFullError(
                f"The image {reference.familiar} needs about {_gib(needed)} on the engine's disk, "
                f"packed and unpacked; {_gib(free)} are free at {engine.root_dir}.",
                "Remove images that nobody uses, or choose a smaller one.",
            )
        self._jobs[job_id] = job  # told with the first step

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

    async def _carry(self, job_id: str, work: Work) -> str:
        """Do the work, and take in what the engine tells of it meanwhile.

        Raises
        ------
        TransferStalledError
            Nothing came for too long; the engine's work is stopped.
        """
        news = News()
        transfer = asyncio.ensure_future(work(news.tell))
        transfer.add_done_callback(lambda _: news.wake())
        heard = time.monotonic()
        try:
            while not transfer.done():
                await news.wait(min(TICK, self._stall_timeout))
                if steps := news.take():
                    heard = time.monotonic()
                self._advance(job_id, steps)
                silent = time.monotonic() - heard
                if silent >= self._stall_timeout and self._jobs[job_id].transferring:
                    raise _stalled(self._jobs[job_id], silent)
                await asyncio.wait({transfer}, timeout=self._interval)
            self._jobs[job_id] = model.told(self._jobs[job_id], news.take(), time.monotonic())
            return await transfer  # its end is the next that listeners hear
        finally:
            if not transfer.done():
                transfer.cancel()
                await asyncio.wait({transfer})

    def _advance(self, job_id: str, steps: tuple[Step, ...]) -> None:
        before = self._jobs[job_id]
        job = model.told(before, steps, time.monotonic())
        if steps or job.speed != before.speed:
            self._put(job)

    def _settle(self, job_id: str, task: asyncio.Task[None]) -> None:
        """Forget a finished task; a bug in it ends the job instead of leaving it hanging."""
        del self._tasks[job_id]
        job = self._jobs[job_id]
        if task.cancelled():
            if not job.state.final:  # before its first step, so that it could not say so itself
                self._put(model.cancelled(job, time.time()))
        elif (exc := task.exception()) is not None:
            self._log.error("job %s", job_id, exc_info=exc)
            words = f"Something went wrong inside: {type(exc).__name__}: {exc}"
            hint = "This is a bug; please report it with the server's log."
            problem = Problem("internal_error", words, hint)
            self._put(model.failed(job, problem, time.time()))

    def _put(self, job: Job) -> None:
        self._jobs[job.id] = job
        ended = [key for key, value in self._jobs.items() if value.state.final]
        for key in ended[: max(0, len(ended) - KEPT)]:
            del self._jobs[key]
        for listener in self._listeners:
            listener(job)


def _disk_free(folder: str) -> int | None:
    """Return the free bytes where an engine keeps its images; None where that is not here."""
    try:
        return shutil.disk_usage(folder).free if folder else None
    except OSError:
        return None


def _stalled(job: Job, seconds: float) -> TransferStalledError:
    of = "" if job.total is None else f" of {_gib(job.total)}"
    return TransferStalledError(
        f"Nothing came for {seconds:.0f} seconds: {job.reference} stopped at "
        f"{_gib(job.current)}{of}.",
        "Check the network, then try again.",
    )


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
