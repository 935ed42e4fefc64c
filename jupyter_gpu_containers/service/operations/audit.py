"""The audit trail: who started what image with which GPUs, when, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase

from .trail import Trail

REMEMBERED = 400  # ends of launches; more than `LaunchBook` can tell of once more


def held_since(launch: Launch) -> float | None:
    """Return when a launch got its container, in the life it is in or has just ended.

    In seconds since the epoch; None where it never had one.
    """
    began = None
    past = launch.phases[:-1] if launch.phase.final else launch.phases
    for entry in reversed(past):
        if entry.phase.final:  # Jupyter starts a kernel anew under its id
            break
        if entry.phase is Phase.STARTING:
            began = entry.at
    return began


class Audit:
    """Writes a record for every kernel that is started, found again, restarted and ended.

    Records name no variable, mount or message: nothing in them is secret but for who works on what.

    Parameters
    ----------
    trail : Trail or None
        None: nothing is written.
    user : str
        Login name of the account that kernels run as.
    environment_of : callable
        Given a launch's id, returns what it was started in; None where that is not known.
    clock : callable
        Seconds since the epoch.
    """

    def __init__(
        self,
        trail: Trail | None,
        user: str,
        environment_of: Callable[[str], Environment | None],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._trail = trail
        self._user = user
        self._environment_of = environment_of
        self._clock = clock
        self._open: dict[str, Launch] = {}  # by id, as they were told last
        self._ended: dict[str, None] = {}

    def follow(self, launch: Launch) -> None:
        """Take in a launch's state, as a listener of launches."""
        if self._trail is None:
            return
        before = self._open.get(launch.id)
        if launch.phase.final:
            if before is not None or launch.id not in self._ended:
                self._end(launch)
            return
        self._open[launch.id] = launch
        self._ended.pop(launch.id, None)
        phase = before.phase if before is not None else None
        if launch.phase is Phase.STARTING and phase is not Phase.STARTING:
            again = phase is Phase.RUNNING
            self._write("restarted" if again else "started", launch)
        elif launch.phase is Phase.RUNNING and before is None and launch.recovered:
            self._write("recovered", launch)

    def close(self) -> None:
        """Write that kernels ended with this process, as those of a console do; nobody told so."""
        for launch in list(self._open.values()):
            if held_since(launch) is not None:
                self._end(launch, outcome="process_ended")

    def _end(self, launch: Launch, outcome: str | None = None) -> None:
        self._open.pop(launch.id, None)
        self._ended[launch.id] = None
        while len(self._ended) > REMEMBERED:
            del self._ended[next(iter(self._ended))]
        since = held_since(launch)
        self._write(
            "ended",
            launch,
            outcome=outcome or launch.phase.value,
            code=launch.error.code if launch.error is not None else None,
            seconds=None if since is None else round(max(0.0, self._clock() - since), 3),
        )

    def _write(self, event: str, launch: Launch, **more: Any) -> None:
        assert self._trail is not None
        environment = self._environment_of(launch.id)
        digest = environment.repo_digest if environment is not None else None
        now = datetime.fromtimestamp(self._clock(), timezone.utc)
        self._trail.write(
            {
                "at": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "event": event,
                "launch": launch.id,
                "user": self._user,
                "image": environment.reference if environment is not None else launch.image,
                "digest": digest.rpartition("@")[2] if digest else None,
                "image_id": environment.image_id if environment is not None else None,
                "gpus": list(launch.gpus),
                "environment": launch.environment,
                "notebook": launch.path or None,
                "container": launch.container_id,
                **more,
            }
        )
