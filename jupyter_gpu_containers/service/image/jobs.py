"""Jobs: work on images in the background, told of step by step, until it is done or given up."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from jupyter_gpu_containers.errors import (
    GpuContainersError,
    JobNotFoundError,
    TransferStalledError,
)
from jupyter_gpu_containers.model import job as model
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.image.image import ImageReference
from jupyter_gpu_containers.model.job import Job, JobKind, Step
from jupyter_gpu_containers.model.size import format_bytes
from jupyter_gpu_containers.ports import Progress
from jupyter_gpu_containers.service.policy import Gate

from .images import as_problem
from .news import News
from .transfers import Transfers

KEPT = 100  # ended jobs that are remembered
TICK = 1.0  # seconds after which the speed is told anew when nothing comes

# Does what a job is for, and returns the id of the image that came of it.
Work = Callable[[Progress], Coroutine[Any, Any, str]]


class Jobs:
    """All jobs of this process; change listeners are called on its event loop.

    Parameters
    ----------
    transfers : Transfers
        What `submit` has done.
    gate : Gate, optional
        What is allowed; by default everything.
    stall_timeout : float
        Seconds without a word from the engine, while bytes are still to come, after which a
        transfer is given up.
    interval : float
        Seconds between two snapshots of a job, at least.
    """

    def __init__(
        self,
        transfers: Transfers,
        *,
        gate: Gate | None = None,
        stall_timeout: float = 120.0,
        interval: float = 0.25,
        log: logging.Logger | None = None,
    ) -> None:
        self._transfers = transfers
        self.gate = gate or Gate()
        self._stall_timeout = stall_timeout
        self._interval = interval
        self._log = log or logging.getLogger(__name__)
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._ended: dict[str, None] = {}  # in the order of their ends, which is another one
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._listeners: list[Callable[[Job], None]] = []
        self._wanted: set[str] = set()  # by somebody who asked for the job itself
        self._sharing: dict[str, list[Callable[[Job], None]]] = {}  # who waits, by job

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
        InvalidImageReferenceError, PolicyError
        """
        job = self._job(kind, reference)
        self._wanted.add(job.id)
        return job

    async def share(self, kind: JobKind, reference: str, told: Callable[[Job], None]) -> Job:
        """Wait for the end of such a job, which is begun where there is none: and return it.

        Who gives this wait up gives the job up with it, unless somebody else wants it: by `submit`,
        or by a wait of the same kind.

        Parameters
        ----------
        kind : JobKind
        reference : str
        told : callable
            Called with the job as it is, and with every later state.

        Raises
        ------
        InvalidImageReferenceError, PolicyError
        """
        job = self._job(kind, reference)
        waiting = self._sharing.setdefault(job.id, [])
        waiting.append(told)
        told(job)
        try:
            return await self.finished(job.id)
        except asyncio.CancelledError:
            waiting.remove(told)
            if not waiting and job.id not in self._wanted:
                await self.cancel(job.id)
            raise

    def _job(self, kind: JobKind, reference: str) -> Job:
        parse = ImageReference.parse if kind is JobKind.PULL else ImageReference.parse_name
        parsed = parse(reference)
        self.gate.check_reference(parsed)
        return self.in_progress(kind, parsed.familiar) or self._begin(
            kind, parsed.familiar, lambda job_id: self._transfer(job_id, kind, parsed)
        )

    def in_progress(self, kind: JobKind, reference: str) -> Job | None:
        """Return the job of this kind for an image, in familiar form, that has not ended yet."""
        for job in self._jobs.values():
            if (job.kind, job.reference) == (kind, reference) and not job.state.final:
                return job
        return None

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

    async def _transfer(self, job_id: str, kind: JobKind, reference: ImageReference) -> str:
        if kind is JobKind.PUSH:
            return await self._carry(job_id, partial(self._transfers.push, reference))
        job = await self._transfers.plan(self._jobs[job_id], reference)
        self._jobs[job_id] = job  # told with the first step
        return await self._carry(job_id, partial(self._transfers.pull, reference))

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
        if job.state.final:
            self._ended.setdefault(job.id)
            while len(self._ended) > KEPT:
                oldest = next(iter(self._ended))
                del self._ended[oldest], self._jobs[oldest]
        for listener in (*self._listeners, *self._sharing.get(job.id, ())):
            listener(job)
        if job.state.final:
            self._sharing.pop(job.id, None)
            self._wanted.discard(job.id)


def _stalled(job: Job, seconds: float) -> TransferStalledError:
    of = "" if job.total is None else f" of {format_bytes(job.total)}"
    return TransferStalledError(
        f"Nothing came for {seconds:.0f} seconds: {job.reference} stopped at "
        f"{format_bytes(job.current)}{of}.",
        "Check the network, then try again.",
    )
