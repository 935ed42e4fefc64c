"""A job on the terminal: a bar that is drawn over itself, or lines where nobody looks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TextIO

from jupyter_gpu_containers.model.job import Job, JobKind, JobState
from jupyter_gpu_containers.model.size import format_bytes
from jupyter_gpu_containers.service.image.jobs import Jobs

from .ending import on_signal
from .tables import Style

BAR = 24  # columns of the bar itself
ERASE = "\r\x1b[K"  # ECMA-48: to the line's begin, erase to its end
VERBS = {"pull": "Pulling", "push": "Pushing", "build": "Building", "commit": "Making"}
# when all bytes are there
LAST = {"pull": "unpacking", "push": "finishing", "build": "building", "commit": "finishing"}


class Progress:
    """Shows snapshots of one job.

    Parameters
    ----------
    stream : TextIO
        Standard error: what a command prints for others goes to standard output.
    quiet : bool
        Show nothing; for ``--json``.
    """

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._style = Style.of(stream)
        self._drawn = False
        self._said: JobState | None = None
        self._done: set[str] = set()  # steps that were told of
        self._read = 0  # lines of the log

    def show(self, job: Job) -> None:
        """Draw a snapshot, or write what is new in it."""
        if self._quiet:
            return
        if self._style.width is None:
            for line in self._news(job):
                print(line, file=self._stream, flush=True)
            return
        if lines := self._written(job):
            self.close()
            print(*lines, sep="\n", file=self._stream, flush=True)
        if job.state is JobState.RUNNING:
            self._stream.write(ERASE + bar_line(job, self._style.width - 1))
            self._stream.flush()
            self._drawn = True

    def close(self) -> None:
        """Leave an empty line to what follows."""
        if self._drawn:
            self._stream.write(ERASE)
            self._stream.flush()
            self._drawn = False

    def _written(self, job: Job) -> list[str]:
        """Return what the log has got since the last look."""
        new, self._read = job.logged - self._read, job.logged
        lines = list(job.log[-new:]) if new else []
        return lines if len(lines) == new else [f"… {new - len(lines)} lines …", *lines]

    def _news(self, job: Job) -> Iterator[str]:
        done = [s for s in job.steps if s.done and s.id and s.id not in self._done]
        self._done |= {step.id for step in done}
        layers = [f"{step.id}: {step.status}" for step in done]
        if job.kind is JobKind.BUILD:
            layers = self._written(job)  # which names the steps
        state = [f"{job.reference}: {job.kind.value} {job.state.value}"]
        if job.state is self._said:
            state = []
        self._said = job.state
        # an end is told last, everything else before what came of it
        yield from (*state, *layers) if job.ended is None else (*layers, *state)


def bar_line(job: Job, width: int) -> str:
    """Return one line of at most so many columns: bar, bytes, speed, time left, layers.

    What is less needed goes first where room is short; without a total there is no percentage.
    """
    parts = [f"{VERBS[job.kind.value]} {job.reference}"]
    if job.total:
        share = min(job.current / job.total, 1.0)
        full = int(share * BAR)
        parts.append(f"[{'█' * full}{'░' * (BAR - full)}] {int(share * 100):3d} %")
        parts.append(f"{format_bytes(job.current)} of {format_bytes(job.total)}")
    elif job.current:
        parts.append(format_bytes(job.current))
    if job.total and job.current >= job.total:  # nothing travels any more
        parts.append(LAST[job.kind.value])
    elif job.speed:
        parts.append(f"{format_bytes(int(job.speed))}/s")
    if job.eta is not None:
        parts.append(f"{clock(job.eta)} left")
    layers = [step for step in job.steps if step.id]
    if job.kind is JobKind.BUILD:
        present = [step for step in layers if not step.done] or list(job.steps)
        parts += [f"[{step.id}] {step.status}".removeprefix("[] ") for step in present[-1:]]
    elif layers:
        parts.append(f"{sum(step.done for step in layers)} of {len(layers)} layers")
    else:
        parts += [step.status for step in job.steps[-1:]]
    while len(parts) > 2 and len("  ".join(parts)) > width:
        # the name first, which the reader typed; then from the end
        parts.pop(0 if parts[0].endswith(job.reference) else -1)
    return "  ".join(parts)[:width]


def clock(seconds: float) -> str:
    """Return a time as people read it.

    >>> clock(7), clock(95), clock(7325)
    ('0:07', '1:35', '2:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


async def follow(jobs: Jobs, job: Job, progress: Progress) -> Job:
    """Show a job to its end and return its last state; Ctrl-C cancels it."""

    def look(snapshot: Job) -> None:
        if snapshot.id == job.id:
            progress.show(snapshot)

    jobs.on_change(look)
    progress.show(job)
    cancelling: list[asyncio.Task[Job]] = []  # which nothing else would keep

    def cancel() -> None:
        cancelling.append(asyncio.ensure_future(jobs.cancel(job.id)))

    try:
        with on_signal(cancel):
            return await jobs.finished(job.id)
    finally:
        progress.close()
