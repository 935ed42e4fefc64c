"""What becomes of the containers on the engine: which stand, and which nobody drives any more.

Looked at before every claim, when a server starts, every half minute and after each gap in the
engine's event stream. Nothing is remembered that must be right: a pass can end anywhere, and the
next one does the rest. An engine that does not answer changes nothing: unknown is never free and
never gone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from jupyter_gpu_containers.errors import EngineUnreachableError, UnavailableError
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container, ContainerStatus
from jupyter_gpu_containers.model.kernel.spare import SPARE
from jupyter_gpu_containers.ports import ContainerBackend
from jupyter_gpu_containers.service.kernel import owner

from .crashpoints import reached
from .server_id import Servers, ServerState
from .signing import Signer

ENDED = (ContainerStatus.EXITED, ContainerStatus.DEAD)
PROBE_TAKES = 300.0  # seconds at most in which a container that is looked into does not run
REMEMBERED = 1000  # names of released containers: a second request to create one comes soon

NOT_RECOVERED = Problem(
    "kernel_not_recovered",
    "The kernel was stopped: its Jupyter server had ended, and no server could take it over.",
    "Start it again; its variables are lost. c.GpuContainers.reattach_grace says how long such a "
    "kernel is kept.",
)
HOST_REBOOTED = Problem(
    "host_rebooted",
    "The kernel ended when the machine was restarted.",
    "Start it again; its variables are lost.",
)
ENDED_ALONE = Problem(
    "kernel_ended_unattended",
    "The kernel ended while its Jupyter server was not running.",
    "Start it again; its variables are lost.",
)


class Fate(Enum):
    """What a pass does with a container."""

    KEEP = "keep"
    REMOVE = "remove"
    FOREIGN = "foreign"  # never touched; its GPUs are busy


@dataclass(frozen=True)
class Swept:
    """What one pass found; all lists are complete, or it would have raised."""

    standing: list[Container] = field(default_factory=list)  # foreign ones, too
    removed: list[Container] = field(default_factory=list)


class Reconciler:
    """Removes what nobody drives; knows which removals the engine has not confirmed.

    Parameters
    ----------
    backend : ContainerBackend
    signer : Signer
        Tells which containers are ours.
    servers : Servers, optional
        Which Jupyter servers live. Without it no kernel survives the process that started it.
    grace : float
        Seconds for which a kernel outlives its server.
    """

    def __init__(
        self,
        backend: ContainerBackend,
        *,
        signer: Signer | None = None,
        servers: Servers | None = None,
        grace: float = 900.0,
        log: logging.Logger | None = None,
    ) -> None:
        self._backend = backend
        self.signer = signer or Signer()
        self._servers = servers
        self._grace = grace
        self._log = log or logging.getLogger(__name__)
        # Ids whose removal the engine did not confirm yet, and names of containers whose creation
        # it never confirmed: a late one may still appear.
        self.doomed: set[str] = set()
        self._names: dict[str, str] = {}  # by id, of what this process has created
        self._released: dict[str, None] = {}  # the latest names of those that it released
        self._releasing: list[str] = []  # ids, once for everybody who waits for the removal
        self._seen: dict[str, float] = {}  # when a container was first seen without a driver
        self._told: set[str] = set()  # foreign containers that the log names already
        self.server: str | None = None  # the name of this process's own, if it is one
        # whether this process drives the container, or is about to take it over
        self.drives: Callable[[Container], bool] = lambda container: False
        # whether a container that was started ahead has become the kernel whose id it carries
        self.is_taken: Callable[[str], bool] = lambda kernel_id: True
        # of what a process left that is gone; and whether it waited for a kernel
        self.on_left_behind: Callable[[Container, bool], None] = lambda container, waiting: None
        self.on_removed: Callable[[Container, Problem | None], None] = lambda c, p: None

    def created(self, container_id: str, name: str) -> None:
        """Note the name of a container that this process has created.

        A request that is sent again on its way may reach the engine when the first container is
        gone: then there is another one of that name, which nobody knows of.
        """
        self._names[container_id] = name

    async def release(self, container_id: str) -> None:
        """Remove a container; its GPUs are free when this returns.

        Raises
        ------
        UnavailableError
            The engine did not confirm it. The claim stands; the next pass tries again.
        """
        self.doomed.add(container_id)
        if name := self._names.pop(container_id, ""):
            self._released[name] = None
            if len(self._released) > REMEMBERED:
                del self._released[next(iter(self._released))]
        self._releasing.append(container_id)
        try:
            reached("release.begin")
            await self._backend.remove(container_id)
            reached("release.removed")
        finally:
            self._releasing.remove(container_id)
        self.doomed.discard(container_id)

    async def sweep(self) -> Swept:
        """Look at all containers of ours once, and remove what nobody drives.

        Raises
        ------
        UnavailableError
            The engine did not answer; what it did not confirm stands.
        """
        reached("sweep.begin")
        swept = Swept()
        for container in await self._backend.containers(labels.VERSION):
            reached("sweep.container")
            fate, why = self.judge(container)
            if fate is not Fate.REMOVE:
                swept.standing.append(container)
                continue
            going = container.id in self._releasing  # it is only waited for
            spare = self.is_spare(container)
            if not going:
                self._log.warning(
                    "removing %s: %s", container.name, why.message if why else "nobody drives it"
                )
            try:
                await self.release(container.id)
            except EngineUnreachableError:
                raise
            except UnavailableError as exc:  # its GPUs stay busy; those of others do not
                self._log.error("%s cannot be removed yet: %s", container.name, exc)
                swept.standing.append(container)
                continue
            if going:
                continue
            self.on_removed(container, why)
            self.on_left_behind(container, spare)
            reached("sweep.removed")
            swept.removed.append(container)
        present = {container.id for container in swept.standing}
        self._seen = {key: at for key, at in self._seen.items() if key in present}
        self._told &= present
        return swept

    def judge(self, container: Container) -> tuple[Fate, Problem | None]:
        """Decide about one container, and say why where it goes although it was a kernel."""
        if not self.signer.is_ours(container):
            if container.id not in self._told:
                self._told.add(container.id)
                self._log.warning(
                    "%s has our labels, but not our signature: its GPUs count as busy, and it is "
                    "left alone",
                    container.name,
                )
            return Fate.FOREIGN, None
        if not self.doomed.isdisjoint((container.id, container.name)):
            return Fate.REMOVE, None
        if container.name in self._released:
            return Fate.REMOVE, None
        text, status = container.labels, container.status
        running = status is ContainerStatus.RUNNING
        rests = text.get(labels.PURPOSE) == "probe" and status in (*ENDED, ContainerStatus.CREATED)
        if rests and self._waited(container, None) > PROBE_TAKES:
            return Fate.REMOVE, None  # the engine failed when it was to be removed
        if self.drives(container) or not owner.is_dead(text.get(labels.OWNER, ""), running=running):
            return Fate.KEEP, None
        server = text.get(labels.SERVER, "")
        if not server or status is ContainerStatus.CREATED or self.is_spare(container):
            return Fate.REMOVE, None  # nobody is to come; a late start finds no container
        own = server == self.server
        state = None if own or self._servers is None else self._servers.state(server)
        if state is not None and state.alive:
            return Fate.KEEP, None  # the server that took it over drives it
        if status in ENDED:
            rebooted = owner.is_of_another_boot(text.get(labels.OWNER, ""))
            return Fate.REMOVE, HOST_REBOOTED if rebooted else ENDED_ALONE
        if running and self._waited(container, state) > self._grace:
            return Fate.REMOVE, NOT_RECOVERED
        return Fate.KEEP, None

    def is_spare(self, container: Container) -> bool:
        """Tell whether a container of ours waits for a kernel to come, and certainly is none yet.

        Only the servers of this data folder tell that by their records.
        """
        text = container.labels
        if text.get(labels.PURPOSE) != SPARE or not self.signer.is_ours(container):
            return False
        server = text.get(labels.SERVER, "")
        known = server == self.server or (self._servers and self._servers.state(server))
        return bool(known) and not self.is_taken(text.get(labels.KERNEL, ""))

    def is_abandoned(self, container: Container) -> bool:
        """Tell whether a container is ours and nobody drives it now, though one may come back."""
        if not self.signer.is_ours(container) or self.drives(container):
            return False
        running = container.status is ContainerStatus.RUNNING
        if not owner.is_dead(container.labels.get(labels.OWNER, ""), running=running):
            return False
        state = self._servers and self._servers.state(container.labels.get(labels.SERVER, ""))
        return not (state and state.alive)

    def may_return(self, server: str) -> bool:
        """Tell whether a server lives, or died so lately that it may yet take its kernels over."""
        if server == self.server:
            return True
        state = self._servers.state(server) if self._servers is not None else None
        return state is not None and (
            state.alive or (state.away is not None and state.away <= self._grace)
        )

    def _waited(self, container: Container, state: ServerState | None) -> float:
        """Return for how many seconds nobody has driven a container."""
        first = self._seen.setdefault(container.id, time.monotonic())
        here = time.monotonic() - first
        return max(here, state.away) if state is not None and state.away is not None else here
