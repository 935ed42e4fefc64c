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
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

from jupyter_gpu_containers.errors import (
    ConflictError,
    GpuContainersError,
    InvalidRequestError,
    LaunchCancelledError,
)
from jupyter_gpu_containers.model.gpu.device import GpuRequest, Problem, asked_gpus
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import Launch, LaunchRequest, Phase
from jupyter_gpu_containers.service.kernel.kernels import Kernels
from jupyter_gpu_containers.service.operations.launch_log import current
from jupyter_gpu_containers.service.pacing import next_turn
from jupyter_gpu_containers.service.policy import Gate
from jupyter_gpu_containers.service.queue.file import QueueFile, WaitingLaunch
from jupyter_gpu_containers.service.queue.queue import Queue
from jupyter_gpu_containers.service.queue.waiting import WaitingRoom

from .book import LaunchBook
from .door import KernelDoor
from .preparation import Preparation

NOT_ATTACHED = Problem(
    "not_attached",
    "The kernel was shut down again: its notebook was closed while it was being started.",
    "Open the notebook and start it again.",
)


class Launches(LaunchBook):
    """Takes every launch from its request to its end.

    Parameters
    ----------
    attach_timeout : float
        Seconds after which a launch for a notebook is given up when nobody took its kernel.
    wait_for_gpus : float
        Seconds that kernels which Jupyter starts of its own accord wait for GPUs; `submit` has no
        such limit.
    gate : Gate, optional
        What is allowed; by default everything.
    """

    def __init__(
        self,
        prepare: Preparation,
        kernels: Kernels,
        queue: Queue,
        *,
        attach_timeout: float = 60.0,
        wait_for_gpus: float = 0.0,
        gate: Gate | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        super().__init__()
        self._prepare = prepare
        self._kernels = kernels
        self._attach_timeout = attach_timeout
        self._wait_for_gpus = wait_for_gpus
        self._gate = gate or Gate()
        self._log = log or logging.getLogger(__name__)
        self._replaces: dict[str, str] = {}
        self._gpus: dict[str, GpuRequest] = {}  # where particular ones were asked for
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._room = WaitingRoom(
            queue, self, self._container_of, kernels.seats.caller.name, log=self._log
        )
        self._patience: dict[str, float | None] = {}  # seconds, of those that were submitted
        self._on_cpu: dict[str, Environment] = {}
        self._waited: list[WaitingLaunch] = []  # in an earlier process
        self._left_waiting: frozenset[str] = frozenset()  # when this process ended
        self.door: KernelDoor | None = None  # set by the server extension

    def submit(self, request: LaunchRequest, *, user: str = "") -> Launch:
        """Accept a request and begin to work on it.

        Parameters
        ----------
        request : LaunchRequest
        user : str
            Who asks; those of one user take turns with those of others in the queue for GPUs.

        Raises
        ------
        EnvironmentNotFoundError
            There is no environment of the name that was given.
        InvalidRequestError
            The GPUs contradict each other, or the environment would pass something over.
        DataMountUnknownError
        QueueFullError
        PolicyError
            What is asked for is never allowed; what depends on the image or on other kernels of
            the user is told by the launch.
        """
        if passed_over := request.beside_environment():
            raise InvalidRequestError(
                f"“{passed_over}” goes with an image alone: an environment says what it gets.",
                "Leave it out, or name an image; particular GPUs can be asked for by gpu_uuids.",
            )
        asked = asked_gpus(request.gpus, request.gpu_uuids, request.gpu_profile)
        environment = self._prepare.named(request.environment) if request.environment else None
        if environment is None:
            self._gate.check_kernel(asked.count, request.memory)
            self._gate.check_mounts(request.mounts)
        else:
            count = len(request.gpu_uuids) or environment.gpu_request.count
            self._gate.check_kernel(count, environment.memory, environment.network)
        wanted = environment.gpus if environment else request.gpus
        if wanted and request.wait and not request.replaces:
            self._room.check_room()
        launch_id = self.new_id(environment.name if environment else "")
        launch = Launch(
            launch_id,
            environment=environment.name if environment else "",
            display_name=environment.display_name if environment else request.image or "",
            image=environment.reference if environment else request.image or "",
            path=request.path,
        ).advance(Phase.QUEUED, time.time())
        if request.replaces:
            self._replaces[launch_id] = request.replaces
        self._patience[launch_id] = None if request.wait else 0.0
        self._room.ask(launch_id, request, user)
        self._put(launch)
        self._spawn(launch_id, self._work(launch_id, request))
        return launch

    def new_id(self, environment_name: str) -> str:
        """Return the id of a new kernel: that of a container which waits, else a fresh one."""
        return self._kernels.spares.promise(environment_name) or str(uuid.uuid4())

    async def cancel(self, launch_id: str) -> None:
        """Give a launch up, or shut its kernel down; its GPUs are free when this returns."""
        launch = self.get(launch_id)
        if launch.phase.final:  # by another shutdown, whose end may be yet to come
            await self._kernels.removals.settled(launch_id)
            return
        task = None if launch.phase is Phase.RUNNING else self._tasks.get(launch_id)
        if not self._kernels.cancel(launch_id) and task is not None:
            task.cancel()
        if task is not None:
            await asyncio.wait({task})
        elif self.door is not None:
            await self.door.stop(launch_id)
        await self._kernels.removals.settled(launch_id)

    async def close(self) -> None:
        """Give up everything that is in progress; running kernels are Jupyter's to end.

        What waits for GPUs goes on in the next process, where it is kept on disk.
        """
        self._left_waiting = frozenset(await self._room.close())
        tasks = list(self._tasks.values())
        for launch_id, task in list(self._tasks.items()):
            if not self._kernels.cancel(launch_id):
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._room.empty()  # kernels that Jupyter starts of its own accord

    # --- what the provisioner tells -----------------------------------------------------------

    def advance(self, launch_id: str, phase: Phase, /, **changes: Any) -> None:
        """Note the next phase of a kernel's start."""
        if phase.final or phase in (Phase.STARTING, Phase.RUNNING):
            self._room.done(launch_id)
        super().advance(launch_id, phase, **changes)

    def fail(self, kernel_id: str, error: GpuContainersError) -> None:
        """Note that a start failed, was cancelled, or that a running kernel died."""
        if kernel_id in self._left_waiting:
            return
        cancelled = isinstance(error, LaunchCancelledError)
        self.advance(
            kernel_id,
            Phase.CANCELLED if cancelled else Phase.FAILED,
            error=None
            if cancelled
            else Problem(error.error_code, error.message, error.hint, error.log),
        )

    def end(self, kernel_id: str) -> None:
        """Note that a kernel was shut down on request."""
        launch = self._launches.get(kernel_id)
        if launch is not None and not launch.phase.final:
            self.advance(kernel_id, Phase.CANCELLED, error=launch.error)

    def recover(self, launch: Launch) -> None:
        """List a launch of this server's former life again; its kernel runs on."""
        if (kernel := self._kernels.get(launch.id)) is not None:
            self._environments[launch.id] = kernel.environment
        self._put(replace(launch, recovered=True))
        if launch.path:
            self._spawn(launch.id, self._reap(launch.id))

    def lost(self, launch: Launch, why: Problem) -> None:
        """Note how a kernel ended that nobody drove any more."""
        launch = self._launches.get(launch.id, launch)
        self._put(launch.advance(Phase.FAILED, time.time(), error=why))

    def replaced_by(self, kernel_id: str) -> str | None:
        """Return the kernel whose GPUs this one may take over."""
        return self._replaces.get(kernel_id)

    def gpu_request(self, kernel_id: str, environment: Environment) -> GpuRequest:
        """Return the GPUs that a kernel is to have: those of its launch, else its environment's."""
        return self._gpus.get(kernel_id, environment.gpu_request)

    async def turn(self, kernel_id: str, environment: Environment) -> GpuRequest:
        """Wait until a kernel may claim its GPUs; return those that are kept for it meanwhile.

        Raises
        ------
        NotEnoughGpusError, GpusBusyError, QueueFullError, UnavailableError
            See `Queue.turn`.
        PolicyError
        LaunchCancelledError
        """
        request, replaces = self.gpu_request(kernel_id, environment), self._replaces.get(kernel_id)
        await self._gate.check_start(
            kernel_id,
            environment,
            request,
            replaced=self._container_of(replaces) if replaces else None,
        )
        kept = self._kernels.spares.kept(kernel_id, request)
        if kept:  # with a container that waits: there is none while anybody else waits for GPUs
            return GpuRequest(uuids=kept)
        return await self._room.turn(
            kernel_id,
            request,
            replaces=replaces,
            patience=self._patience.get(kernel_id, self._wait_for_gpus),
        )

    def overtaken(self, kernel_id: str) -> bool:
        """Note that somebody else claimed what was kept; tells whether to take another `turn`."""
        return self._room.lost(kernel_id) or self._kernels.spares.lost(kernel_id)

    def leave(self, kernel_id: str) -> bool:
        """End a kernel's `turn` with `LaunchCancelledError`; False where it is not in one."""
        return self._room.leave(kernel_id)

    # --- the queue for GPUs -------------------------------------------------------------------

    async def start_on_cpu(self, launch_id: str) -> Launch:
        """Start what waits for GPUs now, without any: in an environment like its own.

        Raises
        ------
        LaunchNotFoundError
        ConflictError
            It does not wait, or not before its kernel was made.
        ImageNotFoundError
        """
        launch = self.get(launch_id)
        if launch.phase is Phase.WAITING and launch_id in self._tasks and not launch.kernel_id:
            cpu = await self._prepare.without_gpus(launch.environment)
            self._on_cpu[launch_id] = cpu
            if self._room.excuse(launch_id):
                self.advance(
                    launch_id,
                    Phase.CREATING,
                    environment=cpu.name,
                    display_name=cpu.display_name,
                )
                return self.get(launch_id)
            del self._on_cpu[launch_id]
        raise ConflictError(
            f"The launch does not wait for a GPU: it is {self.get(launch_id).phase.value}.",
            "Start an environment without GPUs instead.",
            code="not_waiting",
        )

    def restore(self, file: QueueFile) -> None:
        """Keep who waits in a file, and show those who waited in an earlier process."""
        self._waited = self._room.keep_in(file)
        for waiting in self._waited:
            self._put(waiting.launch)

    def resume(self, cleared: Callable[[str], Awaitable[None]] | None = None) -> None:
        """Go on with what `restore` has found; on the event loop.

        Parameters
        ----------
        cleared : callable, optional
            Waits until nothing is left of the kernel that an earlier process began to start.
        """
        waited, self._waited = self._waited, []
        for waiting in waited:
            launch_id = waiting.launch.id
            if (
                self.get(launch_id).phase is Phase.RUNNING
            ):  # written down too late: it waits no more
                self._room.forget(launch_id)
                continue
            self._patience[launch_id] = None
            self._spawn(launch_id, self._go_on(waiting, cleared))

    # --- inside -------------------------------------------------------------------------------

    async def _go_on(
        self, waiting: WaitingLaunch, cleared: Callable[[str], Awaitable[None]] | None
    ) -> None:
        if cleared is not None:
            await cleared(waiting.launch.id)
        await self._work(waiting.launch.id, waiting.request, waiting.launch.environment)

    async def _work(
        self, launch_id: str, request: LaunchRequest, waited_for: str | None = None
    ) -> None:
        assert self.door is not None
        current.set(launch_id)
        if request.gpu_uuids:
            self._gpus[launch_id] = GpuRequest(uuids=request.gpu_uuids)
        try:
            if waited_for is None:
                environment = await self._prepare.environment(
                    request, lambda job: self.pulling(launch_id, job)
                )
            else:
                await next_turn()
                environment = self._prepare.once_more(waited_for)
            self._note(
                launch_id, environment=environment.name, display_name=environment.display_name
            )
            environment = await self._admitted(launch_id, environment)
            await next_turn()
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

    async def _admitted(self, launch_id: str, environment: Environment) -> Environment:
        """Wait in the queue; return the environment to start, which may be one without GPUs."""
        await self.turn(launch_id, environment)
        if self.get(launch_id).phase is Phase.WAITING:
            self.advance(launch_id, Phase.CREATING)
        if launch_id in self._on_cpu:
            self._gpus.pop(launch_id, None)
        return self._on_cpu.pop(launch_id, environment)

    def _container_of(self, kernel_id: str) -> str | None:
        kernel = self._kernels.get(kernel_id)
        return kernel.container_id if kernel else None

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

    def _forget(self, launch_id: str) -> None:
        self._replaces.pop(launch_id, None)
        self._patience.pop(launch_id, None)
        self._gpus.pop(launch_id, None)
