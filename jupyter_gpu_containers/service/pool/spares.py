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
import contextlib
import errno
import json
import logging
import os
import secrets
import stat
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from jupyter_client.connect import KernelConnectionInfo

from jupyter_gpu_containers.errors import (
    GpuContainersError,
    KernelExitedError,
    UnavailableError,
)
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuRequest
from jupyter_gpu_containers.model.kernel import spare as model
from jupyter_gpu_containers.model.kernel.container import ContainerExit, ContainerSpec
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import CONNECTION_FILE, Seat
from jupyter_gpu_containers.ports import ContainerBackend
from jupyter_gpu_containers.runtime.threads import in_thread
from jupyter_gpu_containers.service.kernel.blueprints import Blueprints
from jupyter_gpu_containers.service.kernel.claims import Claims
from jupyter_gpu_containers.service.kernel.seats import SOCKET_NAME, Seats, write_anew
from jupyter_gpu_containers.service.recovery.crashpoints import reached

NO_GPUS: tuple[Gpu, ...] = ()


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
        self._going: set[asyncio.Task[None]] = set()
        self.handed_over = 0  # how many have become kernels

    @property
    def free(self) -> list[Spare]:
        """Those that nobody has, oldest first."""
        return list(self._free.values())

    def is_ready(self, spare: Spare) -> bool:
        """Tell whether its interpreter has come to where it waits; it goes on waiting."""
        try:
            return spare.waits and self._ring(self._pipe(spare.seat), ring=False)
        except OSError:
            return False

    def promise(self, environment_name: str) -> str | None:
        """Return the id for a new kernel of an environment, for which a container waits."""
        for spare in self._free.values():
            if spare.environment.name == environment_name and spare.waits:
                self._promised[spare.kernel_id] = self._free.pop(spare.kernel_id)
                return spare.kernel_id
        return None

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
            Nothing of it is left.
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
            self._make_pipe(seat)
            connection = self._make_connection(seat)
            claim = await self._claims.claim(
                GpuRequest(0),
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
        key = model.key(blueprint.make_spec(NO_GPUS, ""), self.variables)
        spare = Spare(kernel_id, container_id, environment, seat, key, ended, connection)
        self._free[kernel_id] = spare
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
            fits = model.key(blueprint.make_spec(NO_GPUS, ""), self.variables) == spare.key
            fits = fits and request.count == 0
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
        return self._taken.pop(seat.kernel_id, None)

    async def hand_over(self, seat: Seat) -> None:
        """Let the interpreter go on as the kernel of a seat.

        Raises
        ------
        KernelExitedError, WorkspaceError
            It does not wait.
        """
        env = {name: value for name, value in seat.env.items() if name in self.variables}
        content = model.Handover(seat.working_dir, env).to_json()
        user = (seat.caller.uid, seat.caller.gid)
        draft = f"{model.HANDOVER_FILE}.new"
        write_anew(seat.run_dir, draft, content, user=user)
        reached("spare.handover")
        try:
            os.rename(
                os.path.join(seat.run_dir, draft), os.path.join(seat.run_dir, model.HANDOVER_FILE)
            )
            self._ring(self._pipe(seat))
        except OSError as exc:
            raise KernelExitedError(f"The container that waited cannot be used: {exc}.") from exc
        self.handed_over += 1
        reached("spare.handed_over")

    def undo(self, seat: Seat) -> None:
        """Have the next container of a seat start as others do."""
        for name in (model.PIPE_FILE, model.HANDOVER_FILE):
            with contextlib.suppress(OSError):  # the kernel may have put a folder in its place
                os.unlink(os.path.join(seat.run_dir, name))

    def give_up(self, spare: Spare) -> None:
        """Remove a spare in the background; nobody can take it from now on."""
        for those in (self._free, self._promised):
            those.pop(spare.kernel_id, None)
        task = asyncio.ensure_future(self._clear(spare.container_id, spare.seat))
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    def give_up_promised(self, kernel_id: str) -> None:
        """Remove the spare of a launch that ended without taking it."""
        spare = self._promised.get(kernel_id)
        if spare is not None:
            self.give_up(spare)

    async def leave(self, seat: Seat) -> None:
        """Remove the place of a kernel that was not started, and what waited there for it."""
        spare = self._taken.pop(seat.kernel_id, None)
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
        reached("spare.removed")
        await in_thread(None, lambda: self._seats.leave(seat))

    @staticmethod
    def _pipe(seat: Seat) -> str:
        return os.path.join(seat.run_dir, model.PIPE_FILE)

    @staticmethod
    def _make_pipe(seat: Seat) -> None:
        pipe = Spares._pipe(seat)
        os.mkfifo(pipe, 0o600)
        os.chown(pipe, seat.caller.uid, seat.caller.gid)

    @staticmethod
    def _make_connection(seat: Seat) -> KernelConnectionInfo:
        """Write the connection file with which the interpreter makes its sockets."""
        connection: KernelConnectionInfo = {
            "transport": "ipc",
            "ip": os.path.join(seat.run_dir, SOCKET_NAME),
            "shell_port": 1,
            "iopub_port": 2,
            "stdin_port": 3,
            "control_port": 4,
            "hb_port": 5,
            "key": secrets.token_hex(32),
            "signature_scheme": "hmac-sha256",
        }
        content = json.dumps(connection).encode()
        user = (seat.caller.uid, seat.caller.gid)
        write_anew(seat.run_dir, CONNECTION_FILE, content, user=user)
        return connection

    @staticmethod
    def _ring(pipe: str, *, ring: bool = True) -> bool:
        """Wake who waits, if it is to be woken; one that has not come so far yet finds the file.

        Returns whether somebody waits.
        """
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(pipe, flags)
        except OSError as exc:
            if exc.errno == errno.ENXIO:
                return False
            raise
        try:
            if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "not a pipe", pipe)
            if ring:
                os.write(descriptor, b"\n")
            return True
        finally:
            os.close(descriptor)
