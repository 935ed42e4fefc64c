"""Kernels that may run for a limited time: warned, and then stopped with the reason."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from jupyter_gpu_containers.errors import GpuContainersError
from jupyter_gpu_containers.model.duration import duration
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.service.kernel.kernels import Kernels

from .launches import Launches

WARNING = 600.0  # seconds before the end; where the whole time is short, a tenth of it
KILL = 9  # SIGKILL


class Timer(Protocol):
    """What `asyncio` and `threading` have in common."""

    def cancel(self) -> None:
        """Do not call."""


class RunTimes:
    """Ends kernels of this process whose time is up.

    The time counts from a kernel's first answer, by a clock that nobody can set; restarts of the
    kernel do not begin it anew.

    Parameters
    ----------
    seconds : float
        Most time that a kernel runs.
    source : str
        Who says so, in words.
    """

    def __init__(
        self,
        seconds: float,
        source: str,
        kernels: Kernels,
        launches: Launches,
        *,
        log: logging.Logger | None = None,
    ) -> None:
        self._seconds = seconds
        self._source = source
        self._kernels = kernels
        self._launches = launches
        self._log = log or logging.getLogger(__name__)
        self._timers: dict[str, list[Timer]] = {}  # by launch
        self._stopping: set[asyncio.Task[None]] = set()
        launches.on_change(self._changed)

    @property
    def rule(self) -> str:
        """The rule, as people are told it."""
        return (
            f"{self._source} allows a kernel to run for {duration(self._seconds)} "
            "(c.GpuContainers.max_run_time)"
        )

    def _changed(self, launch: Launch) -> None:
        if launch.phase is Phase.RUNNING and launch.id not in self._timers:
            ran = _ran_before(launch) if launch.recovered else 0.0
            left = max(0.0, self._seconds - ran)
            warning = min(WARNING, self._seconds / 10)
            self._timers[launch.id] = [
                self._later(max(0.0, left - warning), lambda: self._warn(launch.id, warning)),
                self._later(left, lambda: self._stop(launch.id)),
            ]
        elif launch.phase.final:
            for timer in self._timers.pop(launch.id, ()):
                timer.cancel()

    def _later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call on a server's event loop; by a thread in programs whose loop runs now and then."""
        if self._launches.door is not None:
            return asyncio.get_running_loop().call_later(seconds, call)
        timer = threading.Timer(seconds, call)
        timer.daemon = True
        timer.start()
        return timer

    def _warn(self, launch_id: str, left: float) -> None:
        problem = Problem(
            "run_time_ends",
            f"The kernel will be stopped in {duration(left)}: {self.rule}.",
            "Save what you need.",
        )
        self._log.warning("kernel %s: %s", launch_id, problem.message)
        self._launches.warn(launch_id, problem)

    def _stop(self, launch_id: str) -> None:
        reason = Problem(
            "policy_run_time",
            f"The kernel was stopped: {self.rule}.",
            "Start it again; its variables are lost.",
        )
        self._log.warning("kernel %s: %s", launch_id, reason.message)
        door = self._launches.door
        if door is None:
            self._kill(launch_id, reason)
            return
        self._launches.stopping(launch_id, reason)
        task = asyncio.ensure_future(door.stop(launch_id))
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    def _kill(self, kernel_id: str, reason: Problem) -> None:
        """End a kernel of a program without a server; its client finds it dead."""
        kernel = self._kernels.get(kernel_id)
        if kernel is None:
            return
        self._kernels.endings.note(kernel_id, reason)
        try:
            asyncio.run(self._kernels.signal(kernel, KILL))
        except GpuContainersError as exc:
            self._log.error("kernel %s cannot be stopped: %s", kernel_id, exc)


def _ran_before(launch: Launch) -> float:
    """Return for how long a kernel ran before this process took it over."""
    now = time.time()
    first = min((at.at for at in launch.phases if at.phase is Phase.RUNNING), default=now)
    return max(0.0, now - first)
