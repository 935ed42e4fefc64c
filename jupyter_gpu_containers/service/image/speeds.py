"""How fast images come from each registry, by this user's own recent pulls: kept on disk."""

from __future__ import annotations

import json
import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path

from jupyter_gpu_containers.errors import InvalidImageReferenceError
from jupyter_gpu_containers.model.image.image import ImageReference
from jupyter_gpu_containers.model.job import Job, JobKind, JobState
from jupyter_gpu_containers.service.private_file import write_private

KEPT = 5  # pulls of a registry
LEAST = 8_000_000  # bytes; a smaller pull tells of round trips, not of bandwidth
RECENT = 30 * 86_400.0  # seconds
MAX_FILE = 200_000  # bytes that are read


@dataclass(frozen=True)
class Sample:
    """One pull."""

    bytes: int
    seconds: float
    at: float  # seconds since the epoch


class Speeds:
    """Remembers pulls, and tells what the next one should take.

    The seconds of a pull are all that a person waits: fetching and unpacking.

    Parameters
    ----------
    file : Path, optional
        Where they are kept; without it in this process alone.
    """

    def __init__(self, file: Path | None = None, *, log: logging.Logger | None = None) -> None:
        self._file = file
        self._log = log or logging.getLogger(__name__)
        self._samples = _read(file) if file else {}

    def note(self, job: Job) -> None:
        """Learn from a job; of any but a pull that fetched enough there is nothing to learn."""
        if job.kind is not JobKind.PULL or job.state is not JobState.SUCCEEDED or not job.ended:
            return
        seconds = job.ended - job.created
        if job.current < LEAST or seconds <= 0:
            return
        host = ImageReference.parse(job.reference).registry
        if self._file:  # another server of this user may have learnt meanwhile
            self._samples = _read(self._file)
        samples = [*self._samples.get(host, ()), Sample(job.current, seconds, job.ended)]
        self._samples[host] = samples[-KEPT:]
        if self._file:
            content = {
                host: [[sample.bytes, sample.seconds, sample.at] for sample in samples]
                for host, samples in self._samples.items()
            }
            try:
                write_private(self._file, json.dumps(content))
            except OSError as exc:  # an estimate less
                self._log.warning("%s was not written: %s", self._file, exc)

    def seconds(self, reference: str, size: int | None) -> int | None:
        """Return what a pull should take, in seconds; None where nobody can tell.

        Parameters
        ----------
        reference : str
        size : int or None
            Bytes to fetch; None = not known.
        """
        if not size:
            return None
        try:
            host = ImageReference.parse(reference).registry
        except InvalidImageReferenceError:
            return None
        recent = [s for s in self._samples.get(host, ()) if time.time() - s.at < RECENT]
        if not recent:
            return None
        speed = sum(s.bytes for s in recent) / sum(s.seconds for s in recent)
        return max(1, math.ceil(size / speed))


def _read(file: Path) -> dict[str, list[Sample]]:
    """Return what is on disk; of a damaged file nothing, since the next pull writes it anew."""
    try:
        with file.open(encoding="utf-8") as stream:
            told = json.loads(stream.read(MAX_FILE))
        return {str(host): [_sample(row) for row in rows][-KEPT:] for host, rows in told.items()}
    except (OSError, ValueError, TypeError, AttributeError, IndexError):
        return {}


def _sample(row: list[float]) -> Sample:
    size, seconds, at = int(row[0]), float(row[1]), float(row[2])
    if size < LEAST or not 0 < seconds < math.inf or not math.isfinite(at):
        raise ValueError(f"{row!r} is no pull")
    return Sample(size, seconds, at)
