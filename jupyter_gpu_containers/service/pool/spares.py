"""Containers that wait for a kernel: made, promised, taken, given up.

A spare has the id that its kernel will have. So its folders, its labels and what recovers after a
crash need not change when it is taken: a kernel record of that id is what makes it a kernel. One
without is nobody's, and is removed with the process that made it.

Its interpreter waits at a named pipe in its run directory, in which nothing of anybody lies yet: no
variable of a person, and a key of its own, which its kernel's will be. Whatever is wrong with it,
the kernel is started without.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import os
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from jupyter_client.connect import KernelConnectionInfo

from jupyter_gpu_containers.errors import GpuContainersError, UnavailableError
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuRequest
from jupyter_gpu_containers.model.kernel import spare as model
from jupyter_gpu_containers.model.kernel.container import ContainerExit, ContainerSpec
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import Seat
from jupyter_gpu_containers.ports import ContainerBackend
from jupyter_gpu_containers.runtime.threads import in_thread
from jupyter_gpu_containers.service.kernel.blueprints import Blueprints
from jupyter_gpu_containers.service.kernel.claims import Claims
from jupyter_gpu_containers.service.kernel.seats import Seats
from jupyter_gpu_containers.service.recovery.crashpoints import reached

from . import handover


@dataclass(frozen=True)
class Spare:
    """A container that waits."""

    kernel_id: str  # of the kernel that will take it
    container_id: str
    environment: Environment
    seat: Seat
    key: ContainerSpec  # see `model.kernel.spare.key`
    ended: concurrent.futures.Future[ContainerExit]
    connection: KernelConnectionInfo = field(repr=False)  # its own, then its kernel's; with the key
    gpus: tuple[Gpu, ...] = ()  # claimed, by the container's being there
    modules: tuple[str, ...] = ()  # what its interpreter imports before it waits
    since: float = field(default_factory=time.monotonic)  # seconds

    @property
    def waits(self) -> bool:
        """Whether it can be taken, as far as is known."""
        return not self.ended.done()


class Spares:
    """The spares of this process, by kernel id; each can be taken once.

    Parameters
    ----------
    backend : ContainerBackend
    claims : Claims
    seats : Seats
    blueprints : Blueprints
    """

    def __init__(
        self,
        backend: ContainerBackend,
        claims: Claims,
        seats: Seats,
        blueprints: Blueprints,
        *,
        log: logging.Logger | None = None,
    ) -> None:
        self._backend = backend
        self._claims = claims
        self._seats = seats
        self._blueprints = blueprints
        self._log = log or logging.getLogger(__name__)
        self.variables = model.handed_over(seats.env_names)
        self._free: dict[str, Spare] = {}
        self._promised: dict[str, Spare] = {}  # to a launch that has its id
        self._taken: dict[str, Spare] = {}  # by a kernel whose start has not come so far yet
        self._kept: set[str] = set()  # kernels that were told which GPUs are theirs
        self._going: set[asyncio.Task[None]] = set()
        self.handed_over = 0  # how many have become kernels
        # told of each that waits from now on, and of the id of each container that does no more
        self.on_waits: Callable[[Spare], None] = lambda spare: None
        self.on_waits_no_more: Callable[[str], None] = lambda container_id: None
        # what those of an environment import before they wait
        self.modules_of: Callable[[Environment], tuple[str, ...]] = lambda environment: ()

    @property
    def free(self) -> list[Spare]:
        """Those that nobody has, oldest first."""
        return list(self._free.values())

    def is_ready(self, spare: Spare) -> bool:
        """Tell whether its interpreter has come to where it waits; it goes on waiting."""
        return spare.waits and handover.is_waiting(spare.seat)

    def promise(self, environment_name: str) -> str | None:
        """Return the id for a new kernel of an environment, for which a container waits."""
        for spare in self._free.values():
            if spare.environment.name != environment_name or not spare.waits:
                continue
            # what is still importing a framework is no faster than a cold start
            if not spare.modules or self.is_ready(spare):
                self._promised[spare.kernel_id] = self._free.pop(spare.kernel_id)
                return spare.kernel_id
        return None

    def kept(self, kernel_id: str, request: GpuRequest) -> tuple[str, ...]:
        """Return the UUIDs of the GPUs that wait for a kernel together with a container.

        Empty where there are none. A container that was promised with others is given up.
        """
        spare = self._promised.get(kernel_id) or self._taken.get(kernel_id)
        if spare is None or not spare.gpus:
            return ()
        if spare.environment.gpu_request != request:
            self.give_up_promised(kernel_id)
            return ()
        self._kept.add(kernel_id)
        return tuple(gpu.uuid for gpu in spare.gpus)

    def lost(self, kernel_id: str) -> bool:
        """Note that somebody else has what was kept for a kernel; False where nothing was."""
        had = kernel_id in self._kept
        self._kept.discard(kernel_id)
        return had

    @property
    def promised(self) -> list[str]:
        """The ids of launches that have not come to take what was promised to them."""
        return list(self._promised)

    async def make(self, environment: Environment, own_env: Mapping[str, str]) -> Spare | None:
        """Start a container that waits; None where its kernel cannot.

        Parameters
        ----------
        environment : Environment
        own_env : mapping
            What its kernelspec sets.

        Raises
        ------
        GpuContainersError
            Nothing of it is left; `GpusBusyError`: there are no GPUs for it.
        """
        kernel_id = str(uuid.uuid4())
        seat = await in_thread(
            None,
            lambda: self._seats.take(
                kernel_id, working_dir=None, env=os.environ, own_env=own_env, notebook=""
            ),
        )
        container_id = ""
        try:
            blueprint = await self._blueprints.of(environment, seat)
            if not blueprint.can_wait:
                await self._clear("", seat)
                return None
            modules = self.modules_of(environment)
            connection = handover.prepare(seat, modules)
            claim = await self._claims.claim(
                environment.gpu_request,
                lambda gpus, name: model.waiting(
                    blueprint.make_spec(gpus, name), self.variables, seat.workspace.target
                ),
            )
            container_id = claim.container_id
            reached("spare.created")
            ended = self._backend.watch(container_id)
            await self._backend.start(container_id)
            reached("spare.started")
        except BaseException:
            await asyncio.shield(self._clear(container_id, seat))
            raise
        key = model.key(blueprint.make_spec(claim.gpus, ""), self.variables)
        spare = Spare(
            kernel_id, container_id, environment, seat, key, ended, connection, claim.gpus, modules
        )
        self._free[kernel_id] = spare
        self.on_waits(spare)
        return spare

    async def take(
        self,
        kernel_id: str,
        environment: Environment,
        request: GpuRequest,
        *,
        working_dir: str | None,
        env: Mapping[str, str],
        own_env: Mapping[str, str],
        notebook: str,
    ) -> Seat | None:
        """Give a kernel the place of the spare that was promised to it, if it fits exactly.

        None: the kernel is started without, and nothing of the spare is left.
        """
        spare = self._promised.pop(kernel_id, None)
        if spare is None:
            return None
        try:
            seat = self._seats.retake(
                spare.seat, working_dir=working_dir, env=env, own_env=own_env, notebook=notebook
            )
            blueprint = await self._blueprints.of(environment, seat)
            fits = model.key(blueprint.make_spec(spare.gpus, ""), self.variables) == spare.key
            fits = fits and request == spare.environment.gpu_request
            fits = fits and (not spare.gpus or await self._claims.are_sound(spare.gpus))
        except GpuContainersError as exc:  # told by the start without it, if it is still so
            self._log.debug("%s: %s", spare.container_id, exc)
            fits = False
        except BaseException:
            await asyncio.shield(self._clear(spare.container_id, spare.seat))
            raise
        if not fits or not spare.waits:
            self._log.info("a container waited for %s, and did not fit", environment.display_name)
            await self._clear(spare.container_id, spare.seat)
            return None
        self._taken[kernel_id] = spare
        reached("spare.taken")
        return seat

    def connection(self, seat: Seat) -> KernelConnectionInfo | None:
        """Return where the container listens that a kernel has taken, and by which key."""
        spare = self._taken.get(seat.kernel_id)
        return spare.connection if spare is not None else None

    def claim(self, seat: Seat) -> Spare | None:
        """Return the spare that a kernel has taken, once; it is the kernel's from then on."""
        spare = self._taken.pop(seat.kernel_id, None)
        if spare is not None:
            self.on_waits_no_more(spare.container_id)
        return spare

    async def hand_over(self, seat: Seat) -> None:
        """Let the interpreter go on as the kernel of a seat.

        Raises
        ------
        KernelExitedError, WorkspaceError
            It does not wait.
        """
        handover.tell(seat, {k: v for k, v in seat.env.items() if k in self.variables})
        self.handed_over += 1
        reached("spare.handed_over")

    def give_up(self, spare: Spare) -> None:
        """Remove a spare in the background; nobody can take it from now on."""
        for those in (self._free, self._promised):
            those.pop(spare.kernel_id, None)
        task = asyncio.ensure_future(self._clear(spare.container_id, spare.seat))
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    async def give_up_gpus(self) -> bool:
        """Remove those that hold GPUs, and wait for it; False where none does.

        For those who would have to wait for GPUs.
        """
        holding = [spare for spare in self._free.values() if spare.gpus]
        for spare in holding:
            self.give_up(spare)
        if holding:
            await self.given_up()
        return bool(holding)

    def give_up_promised(self, kernel_id: str) -> None:
        """Remove the spare of a launch that ended without taking it."""
        spare = self._promised.get(kernel_id)
        if spare is not None:
            self.give_up(spare)

    async def leave(self, seat: Seat) -> None:
        """Remove the place of a kernel that was not started, and what waited there for it."""
        spare = self._taken.pop(seat.kernel_id, None)
        self._kept.discard(seat.kernel_id)
        await self._clear(spare.container_id if spare is not None else "", seat)

    async def given_up(self) -> None:
        """Wait until what was given up is gone, or the engine does not answer."""
        await asyncio.gather(*self._going)

    async def close(self) -> None:
        """Give everything up, and wait for it."""
        for spare in (*self._free.values(), *self._promised.values()):
            self.give_up(spare)
        await self.given_up()

    # --- inside -------------------------------------------------------------------------------

    async def _clear(self, container_id: str, seat: Seat) -> None:
        if container_id:
            try:
                await self._claims.release(container_id)
            except UnavailableError as exc:  # the next reconciliation removes it
                self._log.warning("container %s will be removed later: %s", container_id, exc)
            self.on_waits_no_more(container_id)
        reached("spare.removed")
        await in_thread(None, lambda: self._seats.leave(seat))
