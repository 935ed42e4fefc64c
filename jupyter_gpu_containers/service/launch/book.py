"""What is known of launches: their phases, and who wants to know of each change."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from jupyter_gpu_containers.errors import KernelNotRunningError, LaunchNotFoundError
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.job import Job
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.idle import Idleness
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase, PullProgress
from jupyter_gpu_containers.model.queue import QueuePlace
from jupyter_gpu_containers.service.operations.launch_log import current

KEPT = 200  # finished launches that are remembered


class LaunchBook:
    """All launches of this process; change listeners are called on its event loop."""

    def __init__(self) -> None:
        self._launches: OrderedDict[str, Launch] = OrderedDict()
        self._finished: dict[str, None] = {}  # in the order of their ends, which is another one
        self._listeners: list[Callable[[Launch], None]] = []
        self._environments: dict[str, Environment] = {}
        self._found_listeners: list[Callable[[str], None]] = []

    def on_change(self, listener: Callable[[Launch], None]) -> None:
        """Call the listener with every new state of every launch."""
        self._listeners.append(listener)

    def on_found(self, listener: Callable[[str], None]) -> None:
        """Call the listener with the id of each launch that was recovered and whose kernel answers;
        until then nobody knows whether its container is there."""
        self._found_listeners.append(listener)

    def found(self, launch_id: str) -> None:
        """Note that the kernel of a launch that was recovered answers."""
        for listener in self._found_listeners:
            listener(launch_id)

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

    def environment(self, launch_id: str) -> Environment | None:
        """Return what a kernel is, or was, started in; None where it has not come so far."""
        return self._environments.get(launch_id)

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

    def find(self, launch_id: str) -> Launch | None:
        """Return a launch; None where there is none."""
        return self._launches.get(launch_id)

    def wait(self, launch_id: str, place: QueuePlace) -> None:
        """Note that a launch waits, and its place."""
        launch = self._launches.get(launch_id)
        if launch is None or launch.phase.final:
            return
        if launch.phase is Phase.WAITING:
            self._change(launch_id, queue=place)
        else:
            self.advance(launch_id, Phase.WAITING, queue=place)

    def pulling(self, launch_id: str, job: Job) -> None:
        """Note that a launch's image is fetched by a job, and how far that is."""
        launch = self._launches.get(launch_id)
        if launch is None or launch.phase.final or job.state.final:
            return
        pull = PullProgress(job.id, job.current, job.total, job.speed, job.eta)
        if launch.phase is not Phase.PULLING:
            self.advance(launch_id, Phase.PULLING, pull=pull)
        elif launch.pull != pull:
            self._change(launch_id, pull=pull)

    def begin(self, kernel_id: str, environment: Environment, path: str) -> None:
        """Note that Jupyter starts a kernel of an environment, by `submit` or of its own accord."""
        current.set(kernel_id)  # in the task of who starts it, to which begins all that follows
        self._environments[kernel_id] = environment
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
            changes.setdefault("queue", None)
            changes.setdefault("pull", None)
            changes.setdefault("idle", None)
            if phase is Phase.STARTING:  # also a restart: what was warned of is over
                changes.setdefault("warnings", ())
            self._put(launch.advance(phase, time.time(), **changes))

    def warn(self, launch_id: str, warning: Problem) -> None:
        """Show a warning on a kernel that runs; of each code the first one stands."""
        launch = self._launches.get(launch_id)
        if launch is None or launch.phase is not Phase.RUNNING:
            return
        if all(known.code != warning.code for known in launch.warnings):
            self._change(launch_id, warnings=(*launch.warnings, warning))

    def idle(self, launch_id: str, idle: Idleness | None) -> None:
        """Note that a running kernel is idle, and when it will be stopped; None: it is used."""
        launch = self._launches.get(launch_id)
        if launch is None or launch.idle == idle:
            return
        if idle is None or launch.phase is Phase.RUNNING:
            self._change(launch_id, idle=idle)

    def stopping(self, launch_id: str, reason: Problem) -> None:
        """Note why a kernel will be shut down, before it is; the first reason stands."""
        launch = self._launches.get(launch_id)
        if launch is not None and not launch.phase.final and launch.error is None:
            self._change(launch_id, error=reason)

    def not_stopped(self, launch_id: str, reason: Problem) -> None:
        """Take back a reason of `stopping`: the kernel could not be stopped, and runs on."""
        launch = self._launches.get(launch_id)
        if launch is not None and launch.phase is Phase.RUNNING and launch.error == reason:
            self._change(launch_id, error=None)

    def correct(self, launch_id: str, error: Problem) -> None:
        """Say more of why a kernel failed than was known at first."""
        launch = self._launches.get(launch_id)
        if launch is not None and launch.phase is Phase.FAILED and launch.error != error:
            self._change(launch_id, error=error)

    def _change(self, launch_id: str, /, **changes: Any) -> None:
        self._put(replace(self._launches[launch_id], **changes))

    def _note(self, launch_id: str, /, **changes: Any) -> None:
        """Change what is told with the next phase, which follows at once."""
        self._launches[launch_id] = replace(self._launches[launch_id], **changes)

    def _put(self, launch: Launch) -> None:
        self._launches[launch.id] = launch
        if not launch.phase.final:
            self._finished.pop(launch.id, None)  # Jupyter starts a kernel anew under its id
        else:
            self._finished.setdefault(launch.id)
            while len(self._finished) > KEPT:
                oldest = next(iter(self._finished))
                del self._finished[oldest], self._launches[oldest]
                self._environments.pop(oldest, None)
                self._forget(oldest)
        for listener in self._listeners:
            listener(launch)

    def _forget(self, launch_id: str) -> None:
        """Drop what else is known of a launch that is remembered no longer."""
