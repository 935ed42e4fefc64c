"""A kernel in a container: started, answered, restarted in place, removed without a trace."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from signal import SIGINT
from typing import Any

from jupyter_gpu_containers.errors import (
    GpuContainersError,
    ImageNotFoundError,
    LaunchCancelledError,
    UnavailableError,
)
from jupyter_gpu_containers.model.fitness.requirement_waiver import waiver_warning
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuRequest, Problem
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerExit
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import Phase, Policy, Seat
from jupyter_gpu_containers.ports import ContainerBackend, ImageFactsStore
from jupyter_gpu_containers.runtime.keeper_link import KeeperLink, pass_signal
from jupyter_gpu_containers.runtime.threads import in_thread
from jupyter_gpu_containers.service.futures import from_thread
from jupyter_gpu_containers.service.policy import Admission, Gate
from jupyter_gpu_containers.service.pool.spares import Spares
from jupyter_gpu_containers.service.pool.takeover import TIMEOUT as SPARE_TIMEOUT
from jupyter_gpu_containers.service.pool.takeover import Begin, take_over
from jupyter_gpu_containers.service.recovery.crashpoints import reached

from .blueprints import Blueprints
from .claims import Claims
from .endings import Endings
from .first_answer import answered, end
from .removals import Removals
from .runtimes import KernelRuntimes
from .seats import Seats
from .waivers import Waivers
from .warm_restarts import WarmRestarts, restarted

Progress = Callable[..., None]  # (phase, **changes of the launch)


@dataclass(frozen=True)
class KernelContainer:
    """A kernel's container during one run of it; a restart makes the next value."""

    container_id: str
    environment: Environment
    seat: Seat
    gpus: tuple[Gpu, ...]
    memory: int | None  # bytes, the limit in force
    heartbeat_url: str
    ended: concurrent.futures.Future[ContainerExit]
    began: float = field(default_factory=time.monotonic)  # seconds; of this run
    warnings: tuple[Problem, ...] = ()  # what holds for as long as the container is there


class Kernels:
    """Starts and ends kernels' containers.

    Parameters
    ----------
    start_timeout : float
        Seconds from the container's start to the kernel's first answer.
    runtimes : KernelRuntimes, optional
        What carries a kernel into images that have none.
    facts : ImageFactsStore, optional
        What is known of images; tells which folders a user's packages need.
    waivers : Waivers, optional
        What decides whether NVIDIA's runtime is to skip an image's conditions.
    gate : Gate, optional
        What is allowed; by default everything.
    """

    def __init__(
        self,
        backend: ContainerBackend,
        claims: Claims,
        seats: Seats,
        policy: Policy,
        *,
        start_timeout: float = 60.0,
        runtimes: KernelRuntimes | None = None,
        facts: ImageFactsStore | None = None,
        waivers: Waivers | None = None,
        gate: Gate | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        self._backend = backend
        self.runtimes = runtimes
        self._blueprints = Blueprints(policy, runtimes, facts, waivers)
        self._gate = gate or Gate()
        self._claims = claims
        self.seats = seats
        # containers that wait for kernels: there are some only where a pool makes them
        self.spares = Spares(backend, claims, seats, self._blueprints, log=log)
        self._policy = policy
        self.endings = Endings(
            backend, pids_limit=policy.pids_limit, shm_size=policy.shm_size, log=log
        )
        self.warm = WarmRestarts(backend, self.endings, log=log)
        self.removals = Removals(log)
        self._gate.settled = self.removals.settled
        self._start_timeout = start_timeout
        self._log = log or logging.getLogger(__name__)
        self._starting: dict[str, asyncio.Task[KernelContainer]] = {}
        self._running: dict[str, KernelContainer] = {}

    def get(self, kernel_id: str) -> KernelContainer | None:
        """Return the container of a running kernel of this process."""
        return self._running.get(kernel_id)

    def running(self) -> list[KernelContainer]:
        """Return the kernels of this process that answered, and whose end was not seen yet."""
        return [kernel for kernel in self._running.values() if not kernel.ended.done()]

    @property
    def starting(self) -> bool:
        """Whether a start, or a restart, is in progress."""
        return bool(self._starting)

    async def start(
        self,
        environment: Environment,
        seat: Seat,
        heartbeat_url: str,
        progress: Progress,
        *,
        request: GpuRequest | None = None,
        replaces: str | None = None,
    ) -> KernelContainer:
        """Claim GPUs, create and start the container, and wait until the kernel answers.

        Whatever fails, and when it is cancelled, the container and its claim are gone when this
        returns.

        Parameters
        ----------
        request : GpuRequest, optional
            The GPUs; by default what the environment says.
        replaces : str, optional
            The kernel whose GPUs may be taken over.

        Raises
        ------
        GpuContainersError
            Any of the tree; `LaunchCancelledError` after `cancel`.
        """
        replaced = self._running.get(replaces) if replaces else None
        work = self._allowed(environment, seat, heartbeat_url, progress, request, replaced)
        return await self._cancellable(seat.kernel_id, work)

    async def restart(
        self, kernel: KernelContainer, progress: Progress, link: KeeperLink | None = None
    ) -> KernelContainer:
        """Start the same container again: GPUs and file system are kept, variables are not.

        Parameters
        ----------
        link : KeeperLink, optional
            What keeps the container; see `warm_restarts`. It is closed.

        Raises
        ------
        GpuContainersError
            The container stays claimed: it still belongs to the kernel.
        """
        progress(Phase.STARTING, error=None, warnings=kernel.warnings)
        work = restarted(self.warm, link, kernel, lambda begin: self._run(kernel, progress, begin))
        return await self._cancellable(kernel.seat.kernel_id, work)

    def adopt(self, kernel: KernelContainer) -> KernelContainer:
        """Take over a kernel that runs and that this server's former life started.

        Raises
        ------
        WorkspaceError
            Its folders cannot be taken over.
        """
        kernel = replace(kernel, seat=self.seats.adopt(kernel.seat))
        reached("kernel.adopted")
        self._running[kernel.seat.kernel_id] = kernel
        return kernel

    def cancel(self, kernel_id: str) -> bool:
        """Give up a start that is in progress; False where there is none."""
        task = self._starting.get(kernel_id)
        return task is not None and task.cancel()

    async def cancel_all(self) -> None:
        """Give up every start that is in progress; nothing of them is left when this returns."""
        tasks = list(self._starting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def signal(self, kernel: KernelContainer, signum: int) -> None:
        """Send a signal to the kernel and its children; nobody is told whether it came."""
        is_interrupt = signum == SIGINT  # whatever ends a kernel does not depend on its keeper
        if not is_interrupt or not await pass_signal(kernel.seat.run_dir, signum):
            await self._backend.signal(kernel.container_id, signum)

    async def explain(
        self, kernel: KernelContainer, *, answered: bool = True
    ) -> GpuContainersError:
        """Return why the kernel's container ended; it must have."""
        return await self.endings.explain(kernel, answered=answered)

    async def remove(self, kernel: KernelContainer) -> None:
        """Remove the container and the kernel's folders; its GPUs are free afterwards."""
        await self._abandon(kernel)
        reached("kernel.abandoned")
        await in_thread(None, lambda: self.seats.leave(kernel.seat))

    async def remove_all(self) -> None:
        """Remove what is left of this process's kernels when it ends and nobody shut them down.

        `jupyter console` only asks its kernel to exit; a script may end in an exception.
        """
        seats = self.seats.taken
        if not seats:
            return
        ids = {kernel.container_id for kernel in self._running.values()}  # with adopted ones
        try:
            for container in await self._backend.containers(f"{labels.OWNER}={seats[0].owner}"):
                ids.add(container.id)
            for container_id in ids:
                await self._claims.release(container_id)
        except UnavailableError as exc:  # the next reconciliation of anybody removes them
            self._log.warning("containers will be removed later: %s", exc)
        for seat in seats:
            self.seats.leave(seat)

    async def _cancellable(
        self, kernel_id: str, work: Coroutine[Any, Any, KernelContainer]
    ) -> KernelContainer:
        task = asyncio.ensure_future(work)
        self._starting[kernel_id] = task
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():  # by `cancel`, not by who waits for us
                raise LaunchCancelledError("The launch was cancelled.") from None
            task.cancel()
            await asyncio.wait({task})
            raise
        finally:
            self._starting.pop(kernel_id, None)

    async def _allowed(
        self,
        environment: Environment,
        seat: Seat,
        heartbeat_url: str,
        progress: Progress,
        request: GpuRequest | None,
        replaced: KernelContainer | None,
    ) -> KernelContainer:
        request = request or environment.gpu_request
        container_id = replaced.container_id if replaced else None
        async with self._gate.admitted(
            seat.kernel_id, environment, request, replaced=container_id
        ) as admission:
            return await self._start(
                environment, seat, heartbeat_url, progress, request, container_id, admission
            )

    async def _start(
        self,
        environment: Environment,
        seat: Seat,
        heartbeat_url: str,
        progress: Progress,
        request: GpuRequest,
        replaced: str | None,
        admission: Admission,
    ) -> KernelContainer:
        progress(Phase.CREATING)
        kernel = KernelContainer(
            container_id="",
            environment=environment,
            seat=seat,
            gpus=(),
            memory=environment.memory or self._policy.memory,
            heartbeat_url=heartbeat_url,
            ended=concurrent.futures.Future(),
        )
        if (spare := self.spares.claim(seat)) is not None:
            warm = replace(kernel, container_id=spare.container_id, gpus=spare.gpus)

            async def begin(hand_over: Begin) -> KernelContainer:
                return await self._begin(warm, progress, admission, hand_over, SPARE_TIMEOUT)

            done = await take_over(self.spares, seat, begin, self._log)
            if done is not None:
                return done
            progress(Phase.CREATING)
        try:
            # before any GPU is claimed: nobody shall wait for one that only waits for a download
            blueprint = await self._blueprints.of(environment, seat)
            reached("kernel.prepared")
            claim = await self._claims.claim(request, blueprint.make_spec, handover=replaced)
        except ImageNotFoundError as exc:
            raise ImageNotFoundError(
                f"The image {environment.reference} of environment “{environment.display_name}” is "
                "no longer on this machine.",
                "Get it again (`docker pull`, or your own build) and add the environment again.",
                code="environment_image_missing",
            ) from exc
        reached("kernel.claimed")
        reason = blueprint.waiver(claim.gpus)
        if reason is not None:
            self._log.warning("%s: %s", environment.reference, reason.message)
        warnings = (waiver_warning(reason),) if reason is not None else ()
        kernel = replace(
            kernel, container_id=claim.container_id, gpus=claim.gpus, warnings=warnings
        )
        return await self._begin(kernel, progress, admission)

    async def _begin(
        self,
        kernel: KernelContainer,
        progress: Progress,
        admission: Admission,
        hand_over: Begin | None = None,
        timeout: float | None = None,
    ) -> KernelContainer:
        """Start what was created, or tell what waits; where it fails, the container is gone."""
        try:
            await admission.confirm(kernel.container_id)
            progress(
                Phase.STARTING,
                container_id=kernel.container_id,
                gpus=tuple(gpu.uuid for gpu in kernel.gpus),
                warnings=kernel.warnings,
            )
            return await self._run(kernel, progress, hand_over, timeout)
        except BaseException:
            await asyncio.shield(self._abandon(kernel))
            raise

    async def _abandon(self, kernel: KernelContainer) -> None:
        """Remove the container; its folders stay."""
        self._running.pop(kernel.seat.kernel_id, None)
        self.endings.forget(kernel.seat.kernel_id, kernel.container_id)
        reached("kernel.abandon")
        try:
            await self._claims.release(kernel.container_id)
        except UnavailableError as exc:  # still claimed; the next reconciliation removes it
            self._log.warning("container %s will be removed later: %s", kernel.container_id, exc)

    async def _run(
        self,
        kernel: KernelContainer,
        progress: Progress,
        hand_over: Begin | None = None,
        timeout: float | None = None,
    ) -> KernelContainer:
        """Start the container and wait for the first of: kernel answers, it ends, time is up.

        One that runs and waits for its kernel is not started, but told by ``hand_over``.
        """
        kernel = replace(
            kernel, ended=self._backend.watch(kernel.container_id), began=time.monotonic()
        )
        self.endings.forget(kernel.seat.kernel_id, kernel.container_id)
        reached("kernel.start")
        await (hand_over() if hand_over is not None else self._backend.start(kernel.container_id))
        reached("kernel.started")
        timeout = timeout or self._start_timeout
        first = asyncio.ensure_future(answered(self._backend, kernel))
        ended = asyncio.ensure_future(from_thread(kernel.ended))
        try:
            await asyncio.wait(
                {first, ended},
                timeout=timeout,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if first.done():
                first.result()  # raises GpuVanishedError where the devices are not right
            elif ended.done():
                raise await self.explain(kernel, answered=False)
            else:
                raise await self.endings.silent(kernel, timeout)
        finally:
            await end(first, ended)
        reached("kernel.answered")
        self._running[kernel.seat.kernel_id] = kernel
        progress(Phase.RUNNING)
        reached("kernel.running")
        return kernel
