"""Launches: every start of a kernel, whoever asked, from queued to its end.

Two doors lead here. `submit` is ours: it answers at once, works in the background and ends by
asking Jupyter for a kernel of the environment. `begin` is called by the provisioner, for kernels
that Jupyter starts of its own accord as well as for those that `submit` asked for.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Protocol

from jupyter_gpu_containers.errors import (
    GpuContainersError,
    ImageNotFoundError,
    KernelNotRunningError,
    LaunchCancelledError,
    LaunchNotFoundError,
)
from jupyter_gpu_containers.model.environment import Environment
from jupyter_gpu_containers.model.gpu import Problem
from jupyter_gpu_containers.model.job import JobKind, JobState
from jupyter_gpu_containers.model.launch import Launch, LaunchRequest, Phase

from .environments import Environments
from .images import Images
from .jobs import Jobs
from .kernels import Kernels

KEPT = 200  # finished launches that are remembered

NOT_ATTACHED = Problem(
    "not_attached",
    "The kernel was shut down again: its notebook was closed while it was being started.",
    "Open the notebook and start it again.",
)


class KernelDoor(Protocol):
    """Jupyter's own kernel and session managers, as far as a launch needs them."""

    async def start(self, kernel_id: str, name: str, path: str) -> None:
        """Start a kernel of a kernelspec under an id; return when it is up, raise why not."""

    async def stop(self, kernel_id: str) -> None:
        """Shut a kernel down, and forget one that never came up."""

    async def attached(self, kernel_id: str) -> bool:
        """Tell whether a session or a connection uses the kernel."""


class Launches:
    """All launches of this process; change listeners are called on its event loop.

    Parameters
    ----------
    attach_timeout : float
        Seconds after which a launch for a notebook is given up when nobody took its kernel.
    """

    def __init__(
        self,
        environments: Environments,
        images: Images,
        kernels: Kernels,
        jobs: Jobs,
        *,
        attach_timeout: float = 60.0,
        log: logging.Logger | None = None,
    ) -> None:
        self._environments = environments
        self._images = images
        self._kernels = kernels
        self._jobs = jobs
        self._attach_timeout = attach_timeout
        self._log = log or logging.getLogger(__name__)
        self._launches: OrderedDict[str, Launch] = OrderedDict()
        self._replaces: dict[str, str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._listeners: list[Callable[[Launch], None]] = []
        self.door: KernelDoor | None = None  # set by the server extension

    def on_change(self, listener: Callable[[Launch], None]) -> None:
        """Call the listener with every new state of every launch."""
        self._listeners.append(listener)

    def list(self) -> list[Launch]:
        """Return all that are remembered, newest first."""
        return list(reversed(self._launches.values()))

    def get(self, launch_id: str) -> Launch:
        """Return one launch. Raises `LaunchNotFoundError`."""
        try:
            return self._launches[launch_id]
        except KeyError:
            raise LaunchNotFoundError(
                f"There is no launch {launch_id}.", "It may be long over; list the launches."
            ) from None

    def running(self, launch_id: str) -> str:
        """Return the id of a launch's kernel, which runs.

        Raises
        ------
        LaunchNotFoundError, KernelNotRunningError
        """
        launch = self.get(launch_id)
        if launch.phase is not Phase.RUNNING or launch.kernel_id is None:
            raise KernelNotRunningError(
                f"The kernel {launch_id} does not run: its launch is {launch.phase.value}.",
                "Start it again." if launch.phase.final else "Wait until it is up.",
            )
        return launch.kernel_id

    def submit(self, request: LaunchRequest) -> Launch:
        """Accept a request and begin to work on it.

        Raises
        ------
        EnvironmentNotFoundError
            There is no environment of the name that was given.
        """
        environment = self._environments.get(request.environment) if request.environment else None
        launch_id = str(uuid.uuid4())
        launch = Launch(
            launch_id,
            environment=environment.name if environment else "",
            display_name=environment.display_name if environment else request.image or "",
            image=environment.reference if environment else request.image or "",
            path=request.path,
        ).advance(Phase.QUEUED, time.time())
        if request.replaces:
            self._replaces[launch_id] = request.replaces
        self._put(launch)
        self._spawn(launch_id, self._work(launch_id, request))
        return launch

    async def cancel(self, launch_id: str) -> None:
        """Give a launch up, or shut its kernel down; its GPUs are free when this returns."""
        launch = self.get(launch_id)
        if launch.phase.final:
            return
        task = None if launch.phase is Phase.RUNNING else self._tasks.get(launch_id)
        if not self._kernels.cancel(launch_id) and task is not None:
            task.cancel()
        if task is not None:
            await asyncio.wait({task})
        elif self.door is not None:
            await self.door.stop(launch_id)

    async def close(self) -> None:
        """Give up everything that is in progress; running kernels are Jupyter's to end."""
        tasks = list(self._tasks.values())
        for launch_id, task in list(self._tasks.items()):
            if not self._kernels.cancel(launch_id):
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- what the provisioner tells -----------------------------------------------------------

    def begin(self, kernel_id: str, environment: Environment, path: str) -> None:
        """Note that Jupyter starts a kernel of an environment, by `submit` or of its own accord."""
        launch = self._launches.get(kernel_id)
        if launch is None:
            launch = Launch(kernel_id, image=environment.reference, path=path)
            launch = launch.advance(Phase.QUEUED, time.time())
        self._put(
            replace(
                launch,
                kernel_id=kernel_id,
                environment=environment.name,
                display_name=environment.display_name,
            )
        )

    def advance(self, launch_id: str, phase: Phase, /, **changes: Any) -> None:
        """Note the next phase of a kernel's start."""
        launch = self._launches.get(launch_id)
        if launch is not None and launch.phase is not phase:
            self._put(launch.advance(phase, time.time(), **changes))

    def fail(self, kernel_id: str, error: GpuContainersError) -> None:
        """Note that a start failed, was cancelled, or that a running kernel died."""
        cancelled = isinstance(error, LaunchCancelledError)
        self.advance(
            kernel_id,
            Phase.CANCELLED if cancelled else Phase.FAILED,
            error=None if cancelled else Problem(error.error_code, error.message, error.hint),
        )

    def end(self, kernel_id: str) -> None:
        """Note that a kernel was shut down on request."""
        launch = self._launches.get(kernel_id)
        if launch is not None and not launch.phase.final:
            self.advance(kernel_id, Phase.CANCELLED, error=launch.error)

    def replaced_by(self, kernel_id: str) -> str | None:
        """Return the kernel whose GPUs this one may take over."""
        return self._replaces.get(kernel_id)

    # --- inside -------------------------------------------------------------------------------

    async def _work(self, launch_id: str, request: LaunchRequest) -> None:
        assert self.door is not None
        try:
            environment = await self._environment(launch_id, request)
            self._change(
                launch_id, environment=environment.name, display_name=environment.display_name
            )
            await self.door.start(launch_id, environment.name, request.path)
        except asyncio.CancelledError:
            self.fail(launch_id, LaunchCancelledError("The launch was cancelled."))
            await self.door.stop(launch_id)
        except GpuContainersError as exc:
            self.fail(launch_id, exc)
            await self.door.stop(launch_id)
        else:
            if request.path:
                self._spawn(launch_id, self._reap(launch_id))

    async def _environment(self, launch_id: str, request: LaunchRequest) -> Environment:
        """Return the environment of a request: the named one, or one for its image."""
        if request.environment:
            return self._environments.get(request.environment)
        reference = request.image or ""
        try:
            image = await self._images.get(reference)
        except ImageNotFoundError:
            if not request.pull:
                raise
            self.advance(launch_id, Phase.PULLING)
            await self._pull(reference)
            image = await self._images.get(reference)
        return self._environments.add(
            image,
            kernel=request.kernel,
            gpus=request.gpus,
            memory=request.memory,
            shm_size=request.shm_size,
            reference=reference,
        )

    async def _pull(self, reference: str) -> None:
        """Fetch an image by a job, which everybody can see, and who asks for the same shares."""
        job = self._jobs.submit(JobKind.PULL, reference)
        ours = job.state is JobState.QUEUED  # else somebody else waits for it, too
        try:
            job = await self._jobs.finished(job.id)
        except asyncio.CancelledError:
            if ours:
                await self._jobs.cancel(job.id)
            raise
        if job.error is not None:
            raise GpuContainersError(job.error.message, job.error.hint, code=job.error.code)
        if job.state is JobState.CANCELLED:
            raise LaunchCancelledError("The pull of the launch's image was cancelled.")

    async def _reap(self, launch_id: str) -> None:
        """Shut a launched kernel down when its notebook's page is gone: nobody would find it."""
        assert self.door is not None
        await asyncio.sleep(self._attach_timeout)
        if self.get(launch_id).phase is Phase.RUNNING and not await self.door.attached(launch_id):
            self._change(launch_id, error=NOT_ATTACHED)
            await self.door.stop(launch_id)

    def _spawn(self, launch_id: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks[launch_id] = task
        task.add_done_callback(lambda task: self._settle(launch_id, task))

    def _settle(self, launch_id: str, task: asyncio.Task[None]) -> None:
        """Forget a finished task; a bug in it ends the launch instead of leaving it hanging."""
        if self._tasks.get(launch_id) is task:
            del self._tasks[launch_id]
        if task.cancelled() and self._launches[launch_id].phase is Phase.QUEUED:
            # before its first step, so that it could not say so itself
            self.fail(launch_id, LaunchCancelledError("The launch was cancelled."))
        exc = None if task.cancelled() else task.exception()
        if exc is not None and self.door is not None:
            self._log.error("launch %s", launch_id, exc_info=exc)
            words = f"Something went wrong inside: {type(exc).__name__}: {exc}"
            hint = "This is a bug; please report it with the server's log."
            self.fail(launch_id, GpuContainersError(words, hint, code="internal_error"))
            self._spawn(launch_id, self.door.stop(launch_id))

    def _change(self, launch_id: str, /, **changes: Any) -> None:
        self._put(replace(self._launches[launch_id], **changes))

    def _put(self, launch: Launch) -> None:
        self._launches[launch.id] = launch
        finished = [key for key, value in self._launches.items() if value.phase.final]
        for key in finished[: max(0, len(finished) - KEPT)]:
            del self._launches[key]
            self._replaces.pop(key, None)
        for listener in self._listeners:
            listener(launch)
