"""What a container takes of its limits, as its control group or the engine counts it."""

from __future__ import annotations

from dataclasses import dataclass
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
