"""What a container takes of its limits, as its control group or the engine counts it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class UsageSource(str, Enum):
    """Who counted."""

    CGROUP = "cgroup"  # the Linux kernel, read from the container's control group
    ENGINE = "engine"  # the engine's statistics, asked for now and then


@dataclass(frozen=True)
class ContainerUsage:
    """Counters of a container's present run; None where they are not told.

    ``final`` is set where they were read after the container's first process had ended: nothing
    was missed then.
    """

    source: UsageSource
    at: float = 0.0  # seconds since the epoch
    memory: int | None = None  # bytes
    memory_peak: int | None = None  # bytes, the most so far
    memory_limit: int | None = None  # bytes; None also where there is no limit
    oom_kills: int | None = None  # processes killed for memory
    pids: int | None = None  # processes and threads
    pids_peak: int | None = None
    pids_limit: int | None = None
    forks_refused: int | None = None  # times that `pids_limit` was hit
    final: bool = False

    def since(self, before: ContainerUsage) -> ContainerUsage:
        """Return what was counted from a moment on, of a run that had begun earlier.

        Linux counts on: a highest value that was reached before tells nothing of the time since.

        Parameters
        ----------
        before : ContainerUsage
            As it was at that moment.
        """
        return replace(
            self,
            memory_peak=_higher(self.memory_peak, before.memory_peak),
            pids_peak=_higher(self.pids_peak, before.pids_peak),
        )


def _higher(now: int | None, before: int | None) -> int | None:
    return None if now is not None and before is not None and now <= before else now
