"""The kernel provisioner: jupyter_client's view of a kernel in a container.

Hooks and their order: https://jupyter-client.readthedocs.io/en/stable/provisioning.html. A start is
``pre_launch``, ``launch_kernel``, ``post_launch``; a restart runs them again on the same instance
after ``cleanup(restart=True)``. When ``launch_kernel`` raises, no ``cleanup`` follows: it undoes
itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from traitlets import Any as AnyTrait
from traitlets import Int, List, Unicode

from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import CONNECTION_FILE, Phase, Seat
from jupyter_gpu_containers.model.kernel.per_run import PerRun
from jupyter_gpu_containers.model.kernel.record import KernelRecord
from jupyter_gpu_containers.model.kernel.restarts import was_restarted
from jupyter_gpu_containers.runtime.keeper_link import KeeperLink
from jupyter_gpu_containers.service.kernel.first_answer import end
from jupyter_gpu_containers.service.kernel.kernels import KernelContainer
from jupyter_gpu_containers.service.kernel.seats import SOCKET_NAME, write_anew
from jupyter_gpu_containers.service.kernel.warm_restarts import has_ended
from jupyter_gpu_containers.service.recovery.crashpoints import reached

from .config import shared_services
from .errors import (
    ContainerNotFoundError,
    GpuContainersError,
    GpusBusyError,
    LaunchCancelledError,
)
from .service.futures import from_thread
from .service.services import Services

LOOK = 1.0  # seconds; how long a look at a kernel that is to end waits for its end
KILLED = 1.0  # seconds; a process that was killed has ended, and the engine has told so


class ContainerProvisioner(KernelProvisionerBase):
    """Runs a kernel in a container of the environment that its kernelspec describes."""

    # What `Environment.to_kernelspec` writes; jupyter_client passes it to the constructor. It is
    # read through `Environment.from_kernelspec`, where all of it is checked together.
    reference = Unicode("")
    image_id = Unicode("")
    kernel = Unicode("")
    gpus = Int(0)
    memory = AnyTrait(None, allow_none=True)
    shm_size = AnyTrait(None, allow_none=True)
    repo_digest = Unicode("")
    runtime = Unicode("")
    gpu_profile = Unicode("")
    gpu_uuids = List(Unicode())
    network = Unicode("")
    idle_timeout = AnyTrait(None, allow_none=True)
    mounts = AnyTrait(None, allow_none=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._container: KernelContainer | None = None
        self._seat: Seat | None = None
        self._stopping = False  # the end, when it comes, is what was asked for
        self._reported = False
        self._death: Problem | None = None
        self._unwanted = False  # somebody has asked for its end
        self._per_run = PerRun()
        self._keeper: KeeperLink | None = None  # keeps the container while the kernel ends

    @property
    def _services(self) -> Services:
        return shared_services()

    @property
    def _manager(self) -> KernelManager:
        """The kernel manager whose kernel this is; jupyter_client sets it as parent."""
        manager = self.parent
        assert isinstance(manager, KernelManager)
        return manager

    @property
    def has_process(self) -> bool:
        """Whether there is a container, running or to be restarted."""
        return self._container is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Make the run directory and lead the kernel's channels into it; before each (re)start."""
        if self._services.launches.door is None:  # in a server each launch says what it wants
            self._per_run = PerRun.read(kwargs.get("env") or os.environ)
            if self._per_run.gpu_names:
                snapshot = await self._services.inventory.snapshot()
                self._per_run = self._per_run.found(snapshot)
        environment = self._environment()
        await self._services.kernels.removals.settled(self.kernel_id)  # of its former life
        session = (kwargs.get("env") or {}).get("JPY_SESSION_NAME", "")
        self._services.launches.begin(self.kernel_id, environment, self._notebook(session))
        try:
            if self._seat is None:
                self._seat = await self._take_seat(environment, session, kwargs)
            self._write_connection_files(self._seat, session)
        except BaseException as exc:
            if isinstance(exc, GpuContainersError):
                self._services.launches.fail(self.kernel_id, exc)
            await self._clear()
            raise
        kwargs = await super().pre_launch(**kwargs)
        kwargs["cmd"] = list(environment.kernel.argv)
        return kwargs

    async def _take_seat(
        self, environment: Environment, session: str, kwargs: dict[str, Any]
    ) -> Seat:
        """Take the place of a container that waits for this kernel, else one of its own."""
        kernels = self._services.kernels
        place = {
            "working_dir": kwargs.get("cwd"),
            "env": kwargs.get("env") or os.environ,
            "own_env": self.kernel_spec.env,
            "notebook": self._notebook(session),
        }
        request = self._services.launches.gpu_request(self.kernel_id, environment)
        waited = await kernels.spares.take(self.kernel_id, environment, request, **place)
        return waited or kernels.seats.take(self.kernel_id, **place)

    def _write_connection_files(self, seat: Seat, session: str) -> None:
        """Lead the channels into the run directory; the kernel reads its own copy of the file."""
        manager = self._manager
        manager.transport = "ipc"
        manager.ip = os.path.join(seat.run_dir, SOCKET_NAME)
        manager.cache_ports = False
        connection = self._services.kernels.spares.connection(seat)
        if connection is not None:  # a container listens there already
            manager.load_connection_info(connection)
        manager.write_connection_file(jupyter_session=session)
        content = Path(manager.connection_file).read_bytes()
        user = (seat.caller.uid, seat.caller.gid)
        write_anew(seat.run_dir, CONNECTION_FILE, content, user=user)
        self.connection_info = manager.get_connection_info()
        reached("provisioner.connection_written")

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start (or, on a restart, start again) the container; return when the kernel answers."""
        launches = self._services.launches
        self._stopping = self._reported = False
        self._death = None
        self._note()
        try:
            if self._unwanted:
                raise LaunchCancelledError("The launch was cancelled.")
            self._container = await self._restart() or await self._start()
            self._note()
        except GpuContainersError as exc:
            self._died(exc)
            await self._clear()
            raise
        except BaseException:
            launches.end(self.kernel_id)
            await self._clear()
            raise
        return self.connection_info

    def _note(self) -> None:
        """Write down what the next server in this folder needs to find the kernel again."""
        seat, container = self._seat, self._container
        if seat is None or not seat.server:  # papermill, console: no server comes back
            return
        self._services.records.put(
            KernelRecord(
                kernel_id=self.kernel_id,
                server=seat.server,
                environment=container.environment if container else self._environment(),
                seat=seat,
                launch=self._services.launches.get(self.kernel_id),
                connection=self.connection_info,
                container_id=container.container_id if container else "",
                gpus=tuple(gpu.uuid for gpu in container.gpus) if container else (),
                memory=container.memory if container else None,
            )
        )

    def _died(self, error: GpuContainersError) -> None:
        self._death = Problem(error.error_code, error.message, error.hint, error.log)
        self._services.launches.fail(self.kernel_id, error)

    @property
    def death(self) -> Problem | None:
        """Why the kernel ended that nobody stopped, or did not start; None while it runs."""
        return self._death

    def gave_up(self, why: Problem) -> None:
        """Note that the kernel is not restarted, and why."""
        self._services.launches.correct(self.kernel_id, why)

    def came_back(self, death: Problem) -> None:
        """Note that the kernel was restarted without being asked, and why."""
        self._services.launches.warn(self.kernel_id, was_restarted(death))

    def note_stop(self, reason: Problem) -> None:
        """Note why the kernel is shut down, before it is."""
        self._services.launches.stopping(self.kernel_id, reason)

    def cancel_start(self) -> None:
        """Give up a start that is in progress, or that comes yet (of a restart)."""
        self._unwanted = True
        if not self._services.kernels.cancel(self.kernel_id):
            self._services.launches.leave(self.kernel_id)

    async def _start(self) -> KernelContainer:
        assert self._seat is not None
        launches, environment = self._services.launches, self._environment()
        while True:
            request = await launches.turn(self.kernel_id, environment)
            try:
                return await self._services.kernels.start(
                    environment,
                    self._seat,
                    f"ipc://{self._manager.ip}-{self._manager.hb_port}",
                    self._progress,
                    request=request,
                    replaces=launches.replaced_by(self.kernel_id),
                )
            except GpusBusyError:
                # another server was faster; within this one nobody is
                if not launches.overtaken(self.kernel_id):
                    raise

    async def _restart(self) -> KernelContainer | None:
        """Start the same container again; None where there is none, or none any more."""
        keeper, self._keeper = self._keeper, None
        if self._container is None:
            return None
        try:
            return await self._services.kernels.restart(self._container, self._progress, keeper)
        except ContainerNotFoundError:  # somebody removed it, and its claim with it
            self._container = None
            return None

    def _progress(self, phase: Phase, **changes: Any) -> None:
        self._services.launches.advance(self.kernel_id, phase, **changes)

    async def poll(self) -> int | None:
        """Return None while the kernel runs, else its exit code.

        Called many times a second while a kernel is stopping: it asks the engine nothing, but
        once, for the reason, when a kernel has died that nobody stopped. While one is stopping it
        waits for the end, since jupyter_client sleeps 0.1 seconds after each look that saw none.
        """
        if self._container is None:
            return 0
        if self._stopping:
            await self._end_within(LOOK)
        if self._keeper is not None and self._keeper.exit_code is not None:
            return self._keeper.exit_code
        if not self._container.ended.done():
            return None
        if not self._stopping and not self._reported:
            self._reported = True
            error = await self._services.kernels.explain(self._container)
            self.log.warning("kernel %s: %s", self.kernel_id, error)
            self._died(error)
        return self._container.ended.result().exit_code

    async def wait(self) -> int | None:
        """Wait until the kernel has ended and return its exit code."""
        if self._container is None:
            return 0
        await self._end_within(None)
        if self._keeper is not None and self._keeper.exit_code is not None:
            return self._keeper.exit_code
        return (await from_thread(self._container.ended)).exit_code

    async def _end_within(self, seconds: float | None) -> None:
        """Wait for the end of the present run; where the container is kept, of the kernel."""
        if self._container is None or self._container.ended.done():
            return
        waits: set[asyncio.Future[Any]] = {
            asyncio.ensure_future(from_thread(self._container.ended))
        }
        if self._keeper is not None:
            waits.add(asyncio.ensure_future(from_thread(self._keeper.ended)))
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(*waits)

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel and its children (interrupt, mostly)."""
        if self._container is not None and not self._container.ended.done():
            await self._services.kernels.signal(self._container, signum)

    async def kill(self, restart: bool = False) -> None:
        """End the kernel at once; GPUs are kept, since a forced restart comes through here too."""
        self._stopping = True
        if self._container is not None and not self._container.ended.done():
            if self._keeper is None:
                self._keeper = await self._services.kernels.warm.order(self._container, kill=True)
            else:
                self._keeper.kill()
            if self._keeper is not None:
                await self._end_within(KILLED)
                if self._keeper.exit_code is not None:
                    return
                self._let_go()
        await self.send_signal(signal.SIGKILL)
        await self._end_within(KILLED)

    async def terminate(self, restart: bool = False) -> None:
        """Ask the kernel's process to end."""
        self._stopping = True
        await self.send_signal(signal.SIGTERM)

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Note that the end to come was asked for, and whether the container is to outlive it."""
        self._stopping = True
        if restart and self._container is not None and self._keeper is None:
            self._keeper = await self._services.kernels.warm.order(self._container)

    def _let_go(self) -> None:
        """Let the container end with its kernel."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.close()

    async def cleanup(self, restart: bool = False) -> None:
        """Remove the container and free its GPUs, unless the kernel is being restarted.

        jupyter_client calls it last in a shutdown, and also for kernels that never ran. In a server
        it returns before the removal has ended, see `service.kernel.removals`.
        """
        if restart:
            return
        if self._seat is not None:
            self._services.launches.end(self.kernel_id)
            self._note()  # a server that comes meanwhile ends it without a word
        await self._services.kernels.removals.begin(self.kernel_id, self._clear())

    async def get_provisioner_info(self) -> dict[str, Any]:
        """Return what a manager would need to find the kernel again."""
        info: dict[str, Any] = await super().get_provisioner_info()
        if self._container is not None:
            info["container_id"] = self._container.container_id
        return info

    async def load_provisioner_info(self, provisioner_info: dict[str, Any]) -> None:
        """Go on with a kernel that this server's former life started; see `recovery.reattach`."""
        await super().load_provisioner_info(provisioner_info)
        reached("provisioner.loaded")
        self._container = self._services.kernels.get(self.kernel_id)
        if self._container is not None:
            self._seat = self._container.seat

    def get_shutdown_wait_time(self, recommended: float = 5.0) -> float:
        """Return how long a kernel may take to end by itself, in seconds."""
        return recommended

    async def _clear(self) -> None:
        was_kept = self._keeper is not None
        self._let_go()
        container, self._container = self._container, None
        seat, self._seat = self._seat, None
        self._manager.cleanup_connection_file()  # it holds the key; jupyter_client keeps it
        if container is not None:
            if was_kept:  # it ends now by itself; not every engine removes one that runs
                await has_ended(container, KILLED)
            await self._services.kernels.remove(container)
        elif seat is not None:
            await self._services.kernels.spares.leave(seat)
        if seat is not None and seat.server:
            self._services.records.remove(self.kernel_id)
        reached("provisioner.cleared")

    def _environment(self) -> Environment:
        name = self._manager.kernel_name
        environment = Environment.from_kernelspec(name, self.kernel_spec.to_dict())
        assert environment is not None, "jupyter_client chose us by the kernelspec's metadata"
        return self._per_run.of(environment)

    def _notebook(self, session: str) -> str:
        """Return the notebook's path below the workspace, where the client tells it.

        jupyter_server gives ``JPY_SESSION_NAME``: the real folder and the document's name.
        """
        return self._services.kernels.seats.below_workspace(session)
