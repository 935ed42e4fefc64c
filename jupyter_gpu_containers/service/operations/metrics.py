"""Prometheus metrics, on the registry that Jupyter Server shows at ``/metrics``.

All is counted when it happens or lies in memory: a scrape, which is answered on the event loop,
asks neither the engine nor NVML. Labels are phases, kinds and codes, which are few; never an id, a
name that somebody gave, an image or a path.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, Metric

from jupyter_gpu_containers.model.job import Job, JobKind
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase

from .held import HeldGpus

PREFIX = "jupyter_gpu_containers"
STARTS = (Phase.QUEUED, Phase.PULLING, Phase.WAITING, Phase.CREATING, Phase.STARTING)
# seconds: a warm start answers in hundredths of one, an image of 20 GB comes in an hour
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
OTHER = "other"
CODES = 100  # most that have a series of their own
_CODE = re.compile(r"[a-z][a-z0-9_]{0,49}", re.ASCII)

_registered: Metrics | None = None
_lock = threading.Lock()


class Metrics:
    """What is counted for one server.

    Parameters
    ----------
    held : HeldGpus
    waiting : callable
        Returns how many containers wait for kernels.
    handed_over : callable
        Returns how many of them have become kernels.
    """

    def __init__(
        self, held: HeldGpus, waiting: Callable[[], int], handed_over: Callable[[], int]
    ) -> None:
        self._handed_over = handed_over
        self._launches: dict[str, Launch] = {}  # those that are on their way or run
        self._jobs: dict[str, int] = {}  # bytes that were counted, by pull in progress
        self._codes: set[str] = set()
        self.registry = registry = CollectorRegistry()

        def gauge(name: str, words: str, read: Callable[[], float]) -> None:
            Gauge(f"{PREFIX}_{name}", words, registry=registry).set_function(read)

        self._phases = Histogram(
            f"{PREFIX}_launch_phase_seconds",
            "Time that starts of kernels spent in each phase.",
            ["phase"],
            buckets=BUCKETS,
            registry=registry,
        )
        self._starts = Histogram(
            f"{PREFIX}_launch_seconds",
            "Time from a launch's request to its kernel's first answer.",
            buckets=BUCKETS,
            registry=registry,
        )
        self._ends = Counter(
            f"{PREFIX}_launches",
            "Starts of kernels that came to an end, by outcome.",
            ["outcome"],
            registry=registry,
        )
        self._jobs_ended = Counter(
            f"{PREFIX}_jobs", "Jobs on images that ended.", ["kind", "state"], registry=registry
        )
        self._failures = Counter(
            f"{PREFIX}_failures",
            "Failures by code: of starts, of kernels that ran, and of jobs.",
            ["what", "code"],
            registry=registry,
        )
        self._pulled = Counter(
            f"{PREFIX}_pull_bytes", "Bytes of images that came.", registry=registry
        )
        gauge("queue_length", "Launches that wait for GPUs.", lambda: self._count(Phase.WAITING))
        gauge("kernels", "Kernels that run.", lambda: self._count(Phase.RUNNING))
        gauge(
            "launches_in_progress",
            "Starts of kernels that have not come to an end.",
            lambda: len(self._launches) - self._count(Phase.RUNNING),
        )
        gauge("gpus_held", "GPUs and MIG instances that kernels hold.", lambda: len(held.uuids))
        gauge(
            "gpus_used",
            "Those of them that computed at the last look; NaN where nobody looked or can say.",
            held.used,
        )
        gauge("spare_containers", "Containers that wait for kernels.", waiting)
        for phase in STARTS:
            self._phases.labels(phase.value)
        for outcome in ("running", "failed", "cancelled"):
            self._ends.labels(outcome)

    def follow_launch(self, launch: Launch) -> None:
        """Count what a launch's new state tells, as a listener of launches."""
        before = self._launches.get(launch.id)
        if launch.phase.final:
            self._launches.pop(launch.id, None)
        else:
            self._launches[launch.id] = launch
        if before is None or len(launch.phases) <= len(before.phases):
            return  # first seen, as one of this server's former life may be, or a detail
        last = before.phases[-1]
        for entry in launch.phases[len(before.phases) :]:
            if last.phase in STARTS:
                self._phases.labels(last.phase.value).observe(max(0.0, entry.at - last.at))
            last = entry
        began = before.phase in STARTS
        if launch.phase is Phase.RUNNING and began:
            self._ends.labels("running").inc()
            if not any(entry.phase is Phase.RUNNING for entry in before.phases):
                self._starts.observe(max(0.0, last.at - launch.phases[0].at))
        elif launch.phase.final and began:
            self._ends.labels(launch.phase.value).inc()
        if launch.phase is Phase.FAILED and launch.error is not None:
            self._failed("start" if began else "kernel", launch.error.code)

    def follow_job(self, job: Job) -> None:
        """Count what a job's new state tells, as a listener of jobs."""
        if job.kind is JobKind.PULL:
            # bytes may count less for a moment, where a layer's download begins anew
            counted = self._jobs.get(job.id, 0)
            self._pulled.inc(max(0, job.current - counted))
            self._jobs[job.id] = max(counted, job.current)
        if job.state.final:
            self._jobs.pop(job.id, None)
            self._jobs_ended.labels(job.kind.value, job.state.value).inc()
            if job.error is not None:
                self._failed(job.kind.value, job.error.code)

    def collect(self) -> Iterator[Metric]:
        """Return everything, from memory; prometheus_client calls it for each scrape."""
        yield from self.registry.collect()
        yield CounterMetricFamily(
            f"{PREFIX}_spare_starts",
            "Kernels that were started in a container which waited.",
            value=self._handed_over(),
        )

    def describe(self) -> Iterable[Metric]:
        """Name nothing: prometheus_client refuses a name twice, as of two servers in a process."""
        return ()

    def register(self) -> None:
        """Show these at ``/metrics``; of several servers in a process it is the last one's."""
        global _registered
        with _lock:
            if _registered is not None:
                REGISTRY.unregister(_registered)
            REGISTRY.register(self)
            _registered = self

    def unregister(self) -> None:
        """Show these no more."""
        global _registered
        with _lock:
            if _registered is self:
                REGISTRY.unregister(self)
                _registered = None

    def _count(self, phase: Phase) -> int:
        return sum(launch.phase is phase for launch in self._launches.values())

    def _failed(self, what: str, code: str) -> None:
        """Count a failure; codes are ours and few, and a bug cannot make them many."""
        if code not in self._codes and (len(self._codes) >= CODES or not _CODE.fullmatch(code)):
            code = OTHER
        self._codes.add(code)
        self._failures.labels(what, code).inc()
