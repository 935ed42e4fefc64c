"""Jobs: what is pulled, pushed, made; pure functions from what the engine tells to a bar.

The bytes of a job are those that travel. Steps are the engine's layers; what it says of unpacking
one has bytes of its own and does not count. A total is known when that of each layer is known:
from the registry, asked before (`planned`), or as the engine gets to the layers.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum

from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.image.registry import RemoteImage

WINDOW = 8.0  # seconds over which speed is measured
SAMPLE_EVERY = 0.2  # seconds between the samples in it
LOG_LINES = 200  # of a build, that are kept

# The engine's words while bytes travel; all others come before or after that.
_TRAVELS = re.compile(r"downloading|pushing", re.I)
# What it says when they have: for pulls, then pushes. Podman says no more than the second.
_ARRIVED = re.compile(
    r"verifying checksum|download complete|extracting|pull complete|pushed$|mounted from", re.I
)
_NOT_NEEDED = re.compile(r"(layer )?already exists|mounted from", re.I)


class JobKind(str, Enum):
    """What a job does."""

    PULL = "pull"
    PUSH = "push"
    BUILD = "build"
    COMMIT = "commit"


class JobState(str, Enum):
    """Where a job is; the last three are its ends."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True)
class Step:
    """A part of a job, such as a layer, as the engine last told of it."""

    id: str  # the layer's short id; "" for words about the whole
    status: str  # the engine's words, "Downloading"
    current: int = 0  # bytes
    total: int | None = None  # bytes; None = not known
    done: bool = False
    text: tuple[str, ...] = ()  # lines that a build's step wrote since it was last told of


@dataclass(frozen=True)
class Job:
    """One job, from asked for to ended. Frozen: `advance` and the like return new values.

    In its steps `current` and `total` are bytes that travel, also while a layer is unpacked.
    """

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
    log: tuple[str, ...] = ()  # the last lines of a build
    logged: int = 0  # how many lines it has had in all
    # (time, bytes) of the last seconds, for the speed; not for readers
    samples: tuple[tuple[float, int], ...] = field(default=(), repr=False, compare=False)

    @property
    def transferring(self) -> bool:
        """Whether bytes are still to come; True also before the engine named a layer."""
        if self.kind not in (JobKind.PULL, JobKind.PUSH):
            return False  # a compiler may be silent for an hour
        layers = [step for step in self.steps if step.id]
        return not layers or not all(step.done or _ARRIVED.match(step.status) for step in layers)


def planned(job: Job, remote: RemoteImage, shared: int) -> Job:
    """Return the job of a pull with the layers that the registry's manifest names.

    Parameters
    ----------
    shared : int
        How many of the lowest layers are here and need not come (`RemoteImage.shared`).
    """
    steps: dict[str, Step] = {}
    for number, layer in enumerate(remote.layers):
        name = layer.digest.partition(":")[2][:12]
        # a manifest may name a layer twice; it travels once
        steps.setdefault(name, Step(name, "", total=0 if number < shared else layer.size))
    return _summed(replace(job, steps=tuple(steps.values())))


def advance(job: Job, step: Step, at: float) -> Job:
    """Return the job after the engine told a step, at a time of a clock that does not jump."""
    return told(job, (step,), at)


def told(job: Job, steps: Iterable[Step], at: float) -> Job:
    """Return the job after the engine told several steps, the last of them at a time."""
    known = {step.id: step for step in job.steps}
    log, logged = deque(job.log, LOG_LINES), job.logged
    for step in steps:
        log += step.text
        logged += len(step.text)
        known[step.id] = _merged(known.get(step.id), step)
    job = replace(job, steps=tuple(known.values()), log=tuple(log), logged=logged)
    return measured(_summed(job), at)


def measured(job: Job, at: float) -> Job:
    """Return the job with speed and time to go as of now; speed falls when nothing comes."""
    samples = job.samples
    if not samples or at - samples[-1][0] >= SAMPLE_EVERY:
        samples = (*samples, (at, job.current))
    while len(samples) > 1 and samples[1][0] <= at - WINDOW:
        samples = samples[1:]
    began, first = samples[0]
    passed = at - began
    speed = max(0.0, (job.current - first) / passed) if passed >= SAMPLE_EVERY else None
    left = None if job.total is None else job.total - job.current
    eta = left / speed if left and speed else None
    return replace(job, samples=samples, speed=speed, eta=eta)


def begun(job: Job, at: float) -> Job:
    """Return the job at its first moment of work."""
    return measured(replace(job, state=JobState.RUNNING), at)


def succeeded(job: Job, image_id: str | None, at: float) -> Job:
    """Return the job at its good end; layers that the engine did not mention were not needed."""
    steps = tuple(
        replace(step, current=step.total or step.current, done=True)
        for step in job.steps
        if step.status
    )
    job = _summed(replace(job, steps=steps))
    return _ended(replace(job, image_id=image_id, total=job.current), JobState.SUCCEEDED, at)


def failed(job: Job, error: Problem, at: float) -> Job:
    """Return the job at its bad end."""
    return _ended(replace(job, error=error), JobState.FAILED, at)


def cancelled(job: Job, at: float) -> Job:
    """Return the job given up."""
    return _ended(job, JobState.CANCELLED, at)


def _ended(job: Job, state: JobState, at: float) -> Job:
    return replace(job, state=state, ended=at, speed=None, eta=None, samples=())


def _merged(known: Step | None, step: Step) -> Step:
    """Return a step in the light of what was known of it: bytes are those that travel."""
    step = replace(step, text=())
    if not step.id:
        return step
    current, total = (known.current, known.total) if known else (0, None)
    if _NOT_NEEDED.match(step.status):
        current, total = 0, 0
    elif _TRAVELS.match(step.status):
        # Docker counts a download that it resumes from where that begins; one that it cannot
        # resume begins anew. A push may send more than was foreseen.
        before = total - step.total if total is not None and step.total is not None else 0
        current = step.current + max(0, before)
        total = max(current, total or 0, step.total or 0) if total or step.total else None
    elif step.done or _ARRIVED.match(step.status):
        total = current if total is None else total
        current = total
    done = step.done or (known is not None and known.done)
    return Step(step.id, step.status, current, total, done)


def _summed(job: Job) -> Job:
    layers = [step for step in job.steps if step.id]
    totals = [step.total for step in layers if step.total is not None]
    # of a total of nothing, such as before the engine named more than what it has, nothing is said
    total = sum(totals) or None if len(totals) == len(layers) else None
    return replace(job, current=sum(step.current for step in layers), total=total)
