"""Jobs: pulls and pushes, with their steps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .gpu import Problem


class JobKind(str, Enum):
    """What a job does."""

    PULL = "pull"
    PUSH = "push"


class JobState(str, Enum):
    """Where a job is; the last three are its ends."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Step:
    """A part of a job, such as a layer, as the engine last told of it."""

    id: str  # the layer's short id; "" for words about the whole
    status: str  # the engine's words, "Downloading"
    current: int = 0  # bytes
    total: int | None = None  # bytes; None = not known
    done: bool = False


@dataclass(frozen=True)
class Job:
    """One job, from asked for to ended. Frozen: `advance` and the like return new values."""

    id: str
    kind: JobKind
    reference: str  # familiar form
    state: JobState = JobState.QUEUED
    created: float = 0.0  # seconds since the epoch
    ended: float | None = None
    steps: tuple[Step, ...] = ()
    current: int = 0  # bytes transferred, over all steps
    total: int | None = None  # bytes; None = not known, and then no percentage is shown
    speed: float | None = None  # bytes per second, over the last seconds
    eta: float | None = None  # seconds; None = not known
    image_id: str | None = None  # of the image that came of it
    error: Problem | None = None
