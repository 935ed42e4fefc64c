"""Which environments have containers that wait, and for how long: only in a server, by its starts.

A container is made ready for each of the environments that were started last, when no start is in
progress; it is given up when its environment was not started for a while, and at once when memory
is short. A GPU that waits is a GPU that nobody can use: containers hold some only where the rules
say so, and give them up as soon as anybody waits for GPUs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from jupyter_gpu_containers.errors import GpuContainersError, GpusBusyError, NotEnoughGpusError
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.service.futures import set_within
from jupyter_gpu_containers.service.kernel.kernels import Kernels
from jupyter_gpu_containers.service.launch.book import LaunchBook

from .pressure import is_short_of_memory
from .spares import Spare

INTERVAL = 30.0  # seconds between two looks at the memory and at what is not used
DEMAND = 2.0  # seconds between two looks at who waits for GPUs, while containers hold some
QUIET = 1.0  # seconds without a start before a container is made ready: starts come together


@dataclass(frozen=True)
class SpareRules:
    """How much waits; by default nothing."""

    each: int = 0  # containers for an environment
    total: int = 2  # containers in all
    unused: float = 1800.0  # seconds after an environment's last start
    gpus: int = 0  # GPUs that they hold in all


@dataclass(frozen=True)
class Standing:
    """A container that waits, as people see it."""

    spare: Spare
    ready: bool  # False: its interpreter is still importing
    memory: int | None  # bytes; None = nobody can say


@dataclass(frozen=True)
class _Use:
    """The last start of an environment."""

    environment: Environment
    own_env: Mapping[str, str]
    at: float  # seconds, monotonic


async def _nobody() -> bool:
    return False


class Pool:
    """Keeps spares for the kernels of a server.

    Parameters
    ----------
    rules : SpareRules
    kernels : Kernels
    launches : LaunchBook
    short_of_memory : callable, optional
    demand : callable, optional
        Tells whether anybody waits for GPUs.
    quiet : float
        Seconds.
    clock : callable
        Returns seconds, since whenever.
    """

    def __init__(
        self,
        rules: SpareRules,
        kernels: Kernels,
        launches: LaunchBook,
        *,
        short_of_memory: Callable[[], bool] = is_short_of_memory,
        demand: Callable[[], Awaitable[bool]] = _nobody,
        quiet: float = QUIET,
        clock: Callable[[], float] = time.monotonic,
        log: logging.Logger | None = None,
    ) -> None:
        self.rules = rules
        self._kernels = kernels
        self._spares = kernels.spares
        self._launches = launches
        self._short_of_memory = short_of_memory
        self._demand = demand
        self._quiet = quiet
        self._clock = clock
        self._log = log or logging.getLogger(__name__)
        self._recent: dict[str, _Use] = {}  # by environment, the last one last
        self._wake: asyncio.Event | None = None
        self._told: frozenset[str] = frozenset()  # ids of what waited when listeners were told
        self._listeners: list[Callable[[], None]] = []
        self._changed = self._clock()  # when a start last began or ended

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call the listener when other containers wait than before."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Keep them until it is cancelled; what waits is gone then."""
        if self.rules.each < 1:
            return
        self._wake = wake = asyncio.Event()
        self._launches.on_change(self._follow)
        try:
            while True:
                wake.clear()
                try:
                    rest = await self.look()
                except Exception:  # noqa: BLE001  a bug in one look must not end the pool
                    self._log.exception("looking at the containers that wait failed")
                    rest = INTERVAL
                self._tell()
                await set_within(wake, rest)
        finally:
            self._wake = None
            await asyncio.shield(self._spares.close())

    async def look(self) -> float:
        """Give up what is not wanted, make one that is; return seconds until the next look."""
        for kernel_id in self._spares.promised:
            launch = self._launches.find(kernel_id)
            if launch is None or launch.phase.final:
                self._spares.give_up_promised(kernel_id)
        gpus = 0 if self.rules.gpus < 1 or await self._demand() else self.rules.gpus
        wanted = {} if self._short_of_memory() else self._wanted(gpus)
        kept: dict[str, int] = {}
        for spare in self._spares.free:
            name = spare.environment.name
            kept[name] = kept.get(name, 0) + 1
            if not spare.waits:  # it would end again
                self._log.info("%s cannot wait for kernels", spare.environment.display_name)
                self._recent.pop(name, None)
                wanted.pop(name, None)
            if not spare.waits or kept[name] > wanted.get(name, 0):
                kept[name] -= 1
                self._spares.give_up(spare)
        rest = DEMAND if any(spare.gpus for spare in self._spares.free) else INTERVAL
        lacking = [name for name, number in wanted.items() if kept.get(name, 0) < number]
        if not lacking:
            return rest
        calm = self._changed + self._quiet - self._clock()
        if self._kernels.starting or calm > 0:
            return max(calm, self._quiet)
        for name in lacking:
            if await self._make(self._recent[name]):
                return 0.0
        return rest

    async def standing(self) -> list[Standing]:
        """Return what waits, and what it costs; an engine that does not answer tells no memory."""
        return [
            Standing(spare, self._spares.is_ready(spare), await self._memory(spare))
            for spare in self._spares.free
        ]

    async def _memory(self, spare: Spare) -> int | None:
        try:
            usage = await self._kernels.endings.usage(spare.container_id)
        except GpuContainersError as exc:
            self._log.debug("no counters of %s: %s", spare.container_id, exc)
            return None
        return usage.memory if usage is not None else None

    async def give_up(self) -> None:
        """Give up all that waits, until kernels are started again; it is gone when this returns."""
        self._recent.clear()
        for spare in self._spares.free:
            self._spares.give_up(spare)
        self._tell()
        await self._spares.given_up()

    async def leave_image(self, image_id: str) -> None:
        """Give up what waits in containers of an image; they are gone when this returns."""
        users = {n for n, use in self._recent.items() if use.environment.image_id == image_id}
        self._recent = {n: use for n, use in self._recent.items() if n not in users}
        for spare in self._spares.free:
            if spare.environment.image_id == image_id:
                self._spares.give_up(spare)
        await self._spares.given_up()

    def _tell(self) -> None:
        now = frozenset(spare.kernel_id for spare in self._spares.free)
        if now != self._told:
            self._told = now
            for listener in self._listeners:
                listener()

    def _wanted(self, gpus: int) -> dict[str, int]:
        """Return how many containers shall wait for each environment, the last one used first.

        They may hold that many GPUs.
        """
        old = self._clock() - self.rules.unused
        self._recent = {name: use for name, use in self._recent.items() if use.at > old}
        wanted: dict[str, int] = {}
        room = self.rules.total
        for name in reversed(self._recent):
            if room < 1:
                break
            number = min(self.rules.each, room)
            if each := self._recent[name].environment.gpu_request.count:
                number = min(number, gpus // each)
                gpus -= number * each
            wanted[name] = number
            room -= number
        return wanted

    async def _make(self, use: _Use) -> bool:
        """Make one; False where there are no GPUs for it now."""
        environment = use.environment
        try:
            spare = await self._spares.make(environment, use.own_env)
        except (GpusBusyError, NotEnoughGpusError) as exc:
            self._log.debug("none can wait for %s: %s", environment.display_name, exc)
            return False
        except GpuContainersError as exc:
            self._log.info("none can wait for %s: %s", environment.display_name, exc)
            spare = None
        if spare is None:  # until it is started again
            self._recent.pop(environment.name, None)
        else:
            self._look_at_end(spare)
        return True

    def _look_at_end(self, spare: Spare) -> None:
        loop = asyncio.get_running_loop()

        def ended(_: object) -> None:  # in whichever thread
            with contextlib.suppress(RuntimeError):  # the server has ended before
                loop.call_soon_threadsafe(self.look_again)

        spare.ended.add_done_callback(ended)

    def _follow(self, launch: Launch) -> None:
        """Note the starts, as a listener of launches."""
        if launch.phase is Phase.RUNNING or not launch.phase.final:
            self._changed = self._clock()
        kernel = self._kernels.get(launch.id)
        has_room = kernel is not None and len(kernel.gpus) <= self.rules.gpus
        if launch.phase is Phase.RUNNING and kernel is not None and has_room:
            environment = kernel.environment
            self._recent.pop(environment.name, None)
            own = {k: v for k, v in kernel.seat.env.items() if k not in self._spares.variables}
            self._recent[environment.name] = _Use(environment, own, self._clock())
        self.look_again()

    def look_again(self) -> None:
        """Look at what is wanted, since something has changed; on the event loop."""
        if self._wake is not None:
            self._wake.set()
