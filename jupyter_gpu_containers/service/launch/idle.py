"""Kernels that nobody uses: warned of, and then stopped, so that their GPUs go to others.

A stop has two steps. A look asks what takes time: the GPUs, and of a kernel that is due whether it
answers at all, which one in which a cell runs does not. Then, without giving the event loop away
between, all that can have changed meanwhile is read once more, the reason is noted, and the stop
begins. Who uses a kernel does so on the same loop (`used`), so that each use comes before the stop,
which it prevents, or after it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from jupyter_gpu_containers.errors import KernelNotRunningError
from jupyter_gpu_containers.model.duration import about, duration
from jupyter_gpu_containers.model.gpu.device import GpuSnapshot, Problem
from jupyter_gpu_containers.model.kernel.ending import culled
from jupyter_gpu_containers.model.kernel.idle import (
    Decision,
    Evidence,
    Idleness,
    IdlePolicy,
    IdleRules,
    IdleState,
    due,
    loads,
    step,
    used,
)
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.ports import GpuInventory
from jupyter_gpu_containers.service.futures import set_within
from jupyter_gpu_containers.service.kernel.kernels import Kernels

from .door import Activity
from .launches import Launches

LOOK = 30.0  # seconds between two looks, or less where kernels may be idle for a short time only
SHORTEST = 0.02  # seconds between two looks
LOOKS = 8  # in the shorter of timeout and warning
FOUND = 1.0  # seconds between two looks for a kernel that is being taken over
DRIFT = 2.0  # seconds by which the time of a stop may be off before it is told anew


@dataclass
class _Watched:
    """A kernel that runs, between two looks. Times are those of the clock that nobody sets."""

    state: IdleState
    looked: float
    last: float  # the last activity
    told: float | None = None  # the same as Jupyter told it, seconds since the epoch
    stopping: bool = False


class Idle:
    """Ends idle kernels of a server; programs without one end their kernels by themselves.

    Parameters
    ----------
    rules : IdleRules
    kernels : Kernels
        Tells the environment that a kernel was started in.
    launches : Launches
    inventory : GpuInventory
    clock : callable
        Seconds, on a clock that nobody sets and that may stand while the machine sleeps.
    wall : callable
        Seconds since the epoch.
    """

    def __init__(
        self,
        rules: IdleRules,
        kernels: Kernels,
        launches: Launches,
        inventory: GpuInventory,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        log: logging.Logger | None = None,
    ) -> None:
        self._rules = rules
        self._kernels = kernels
        self._launches = launches
        self._inventory = inventory
        self._clock = clock
        self._wall = wall
        self._log = log or logging.getLogger(__name__)
        self._watched: dict[str, _Watched] = {}  # by kernel
        self._looked = (clock(), wall())
        self._wake: asyncio.Event | None = None
        self._stopping: set[asyncio.Task[None]] = set()
        launches.on_change(self._changed)

    # --- what others tell ---------------------------------------------------------------------

    def used(self, kernel_id: str) -> None:
        """Note that something is about to be sent to a kernel, or that somebody needs it.

        A warning is withdrawn at once.
        """
        watched = self._watched.get(kernel_id)
        if watched is None or watched.stopping:
            return
        watched.last = self._clock()
        watched.state = used(watched.last)
        self._launches.idle(kernel_id, None)

    def keep_alive(self, launch_id: str) -> Launch:
        """Use a kernel, on its user's word; return its launch.

        Raises
        ------
        LaunchNotFoundError
        KernelNotRunningError
            Also where it is being stopped.
        """
        kernel_id = self._launches.running(launch_id)
        watched = self._watched.get(kernel_id)
        if watched is not None and watched.stopping:
            raise KernelNotRunningError(
                f"The kernel {launch_id} is being stopped: it was idle.",
                "Start it again; its variables are lost.",
            )
        self.used(kernel_id)
        return self._launches.get(launch_id)

    def _changed(self, launch: Launch) -> None:
        """Begin to watch a kernel when it runs; a restarted one is a new one."""
        if launch.phase is not Phase.RUNNING:
            self._watched.pop(launch.id, None)
        elif launch.id not in self._watched and self._launches.door is not None:
            now = self._clock()
            self._watched[launch.id] = _Watched(used(now), looked=now, last=now)
            if self._wake is not None:
                self._wake.set()

    # --- the watch ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Look until it is cancelled."""
        self._wake = asyncio.Event()
        try:
            while True:
                self._wake.clear()
                try:
                    await self.look()
                except Exception:  # noqa: BLE001  a bug in one look must not end the watch
                    self._log.exception("looking for idle kernels failed")
                await set_within(self._wake, self.pause())
        finally:
            self._wake = None

    def pause(self) -> float | None:
        """Return the seconds until the next look; None: until another kernel runs."""
        now = self._clock()
        waits = []
        for kernel_id, watched in self._watched.items():
            if self._kernels.get(kernel_id) is None:
                waits.append(FOUND)
                continue
            policy = self._policy(kernel_id)
            at = None if watched.stopping else due(watched.state, policy)
            if at is not None:
                shorter = min(policy.timeout, policy.warning or policy.timeout)
                waits.append(min(LOOK, shorter / LOOKS, at - now))
        return max(SHORTEST, min(waits)) if waits else None

    async def look(self) -> None:
        """Look once at every kernel that may not be idle for ever."""
        now, wall = self._clock(), self._wall()
        unseen = max(now - self._looked[0], wall - self._looked[1])
        self._looked = (now, wall)
        limited = [
            kernel_id
            for kernel_id, watched in self._watched.items()
            if not watched.stopping and self._policy(kernel_id).timeout > 0
        ]
        snapshot = await self._snapshot(limited)
        candidates = [
            kernel_id
            for kernel_id in limited
            if kernel_id in self._watched
            and self._decide(kernel_id, snapshot, unseen)[1] in (Decision.WARN, Decision.STOP)
        ]
        answers = await asyncio.gather(*map(self._answers, candidates))
        silent = {
            kernel for kernel, answered in zip(candidates, answers, strict=True) if not answered
        }
        # from here on nothing is awaited
        for kernel_id in limited:
            watched = self._watched.get(kernel_id)
            if watched is None or watched.stopping:
                continue
            state, decision = self._decide(kernel_id, snapshot, unseen, silent=kernel_id in silent)
            if decision in (Decision.WARN, Decision.STOP) and kernel_id not in candidates:
                continue  # due since a moment, and not asked yet
            watched.state, watched.looked = state, self._clock()
            self._carry_out(kernel_id, watched, decision)

    async def _snapshot(self, kernels: list[str]) -> GpuSnapshot | None:
        """Look at the GPUs, where one belongs to a kernel in which no cell runs."""
        door = self._launches.door
        for kernel_id in kernels:
            if door and self._gpus(kernel_id) and not door.activity(kernel_id).busy:
                return await self._inventory.snapshot()
        return None

    async def _answers(self, kernel_id: str) -> bool:
        door = self._launches.door
        return door is not None and await door.answers(kernel_id)

    def _decide(
        self,
        kernel_id: str,
        snapshot: GpuSnapshot | None,
        unseen: float,
        *,
        silent: bool = False,
    ) -> tuple[IdleState, Decision]:
        watched, now = self._watched[kernel_id], self._clock()
        activity = self._activity(kernel_id)
        evidence = Evidence(
            now=now,
            busy=activity.busy or silent or self._kernels.get(kernel_id) is None,
            last=self._last(watched, activity.last, now),
            gpus=loads(self._gpus(kernel_id), snapshot),
            unseen=unseen,
        )
        return step(watched.state, evidence, self._policy(kernel_id))

    def _last(self, watched: _Watched, told: float, now: float) -> float:
        """Return when the kernel was last active, whatever becomes of the clock on the wall."""
        if told != watched.told:  # since the last look; how long ago, only that clock knows
            watched.told = told
            watched.last = max(
                watched.last, min(now, max(watched.looked, now - self._wall() + told))
            )
        return watched.last

    def _carry_out(self, kernel_id: str, watched: _Watched, decision: Decision) -> None:
        now, wall = self._clock(), self._wall()
        state, policy = watched.state, self._policy(kernel_id)
        if decision is Decision.STOP:
            self._stop(kernel_id, watched, policy)
        elif state.warned_at is None:
            self._launches.idle(kernel_id, None)
        else:
            stop_at = wall + state.warned_at + policy.warning - now
            shown = self._launches.get(kernel_id).idle
            if decision is Decision.WARN:
                self._log.warning(
                    "kernel %s is idle: it will be stopped in %s",
                    kernel_id,
                    duration(policy.warning),
                )
            elif shown is not None and abs(shown.stop_at - stop_at) < DRIFT:
                return
            self._launches.idle(kernel_id, Idleness(wall - now + state.since, stop_at))

    # --- the stop -----------------------------------------------------------------------------

    def _stop(self, kernel_id: str, watched: _Watched, policy: IdlePolicy) -> None:
        watched.stopping = True
        reason = self._reason(kernel_id, watched.state, policy)
        self._log.warning("kernel %s: %s", kernel_id, reason.message)
        self._launches.stopping(kernel_id, reason)
        task = asyncio.ensure_future(self._end(kernel_id, watched, reason))
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    async def _end(self, kernel_id: str, watched: _Watched, reason: Problem) -> None:
        door = self._launches.door
        assert door is not None
        try:
            await door.stop(kernel_id)
        except Exception as exc:  # noqa: BLE001  of Jupyter's managers, the engine, the kernel
            self._log.error("kernel %s cannot be stopped: %s", kernel_id, exc)
        if self._watched.get(kernel_id) is watched:  # it still runs
            watched.stopping = False
            self._launches.not_stopped(kernel_id, reason)
            self.used(kernel_id)
            if self._wake is not None:
                self._wake.set()

    def _reason(self, kernel_id: str, state: IdleState, policy: IdlePolicy) -> Problem:
        gpus = self._gpus(kernel_id)
        words = f"nothing ran in it for {about(self._clock() - state.since)}"
        if gpus:
            whose = "its GPU was" if len(gpus) == 1 else f"its {len(gpus)} GPUs were"
            words += f" and {whose} idle (at most {policy.gpu_utilization} % used)"
        words += f"; {policy.who} {duration(policy.timeout)} ({policy.setting})"
        if policy.warning:
            words += f", and the warning came {duration(policy.warning)} before"
        return culled(words, by="this server")

    # --- facts --------------------------------------------------------------------------------

    def _policy(self, kernel_id: str) -> IdlePolicy:
        kernel = self._kernels.get(kernel_id)
        own = kernel.environment.idle_timeout if kernel else None
        return self._rules.of(own, has_gpus=bool(self._gpus(kernel_id)))

    def _gpus(self, kernel_id: str) -> tuple[str, ...]:
        """Return the UUIDs of a kernel's GPUs, also of those that have vanished since."""
        launch = self._launches.find(kernel_id)
        return launch.gpus if launch else ()

    def _activity(self, kernel_id: str) -> Activity:
        door = self._launches.door
        return door.activity(kernel_id) if door else Activity(busy=True, last=self._wall())
