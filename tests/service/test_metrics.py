"""Prometheus metrics: what is counted, under which labels, and what a scrape asks: nothing."""

from __future__ import annotations

import math
from typing import Any

import pytest
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from jupyter_gpu_containers.errors import GpuContainersError
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuProcess, GpuSnapshot, Problem
from jupyter_gpu_containers.model.job import Job, JobKind, JobState
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.service.operations.held import HeldGpus
from jupyter_gpu_containers.service.operations.metrics import CODES, Metrics

P = "jupyter_gpu_containers_"


class Counted:
    """Metrics of a server whose launches a test tells."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.held = HeldGpus(FixedInventory([]), interval=30.0, clock=lambda: self.now)
        self.metrics = Metrics(self.held, lambda: 2, lambda: 5)

    def tell(self, launch: Launch, *steps: tuple[Phase, float], **changes: Any) -> Launch:
        for phase, seconds in steps:
            self.now += seconds
            launch = launch.advance(phase, self.now, **changes)
            self.held.follow(launch)
            self.metrics.follow_launch(launch)
        return launch

    def value(self, name: str, **labels: str) -> float | None:
        values = [
            sample.value
            for family in self.metrics.collect()
            for sample in family.samples
            if sample.name == P + name and sample.labels == labels
        ]
        assert len(values) < 2
        return values[0] if values else None


def test_phases_of_a_start_are_histograms() -> None:
    it = Counted()
    launch = it.tell(Launch("k1"), (Phase.QUEUED, 0), (Phase.WAITING, 1), (Phase.CREATING, 40))
    assert it.value("launch_phase_seconds_sum", phase="queued") == 1
    assert it.value("launch_phase_seconds_sum", phase="waiting") == 40
    assert it.value("launch_phase_seconds_count", phase="creating") == 0
    assert it.value("launch_phase_seconds_bucket", phase="waiting", le="30.0") == 0
    assert it.value("launch_phase_seconds_bucket", phase="waiting", le="60.0") == 1
    assert (it.value("launches_in_progress"), it.value("kernels")) == (1, 0)
    launch = it.tell(launch, (Phase.STARTING, 2), (Phase.RUNNING, 3))
    assert it.value("launch_seconds_sum") == 46
    assert it.value("launches_total", outcome="running") == 1
    assert (it.value("launches_in_progress"), it.value("kernels")) == (0, 1)
    it.tell(launch, (Phase.STARTING, 500), (Phase.RUNNING, 1))  # a restart
    assert it.value("launch_phase_seconds_sum", phase="starting") == 4
    assert it.value("launch_seconds_count") == 1  # was asked for long ago
    assert it.value("launches_total", outcome="running") == 2


def test_failures_are_counted_by_code_and_by_what_failed() -> None:
    it = Counted()
    begun = ((Phase.QUEUED, 0), (Phase.STARTING, 1))
    oom = Problem("out_of_memory", "…")
    it.tell(it.tell(Launch("k1"), *begun), (Phase.FAILED, 1), error=oom)
    it.tell(it.tell(Launch("k2"), *begun, (Phase.RUNNING, 1)), (Phase.FAILED, 1), error=oom)
    it.tell(it.tell(Launch("k3"), *begun), (Phase.CANCELLED, 1))
    assert it.value("failures_total", what="start", code="out_of_memory") == 1
    assert it.value("failures_total", what="kernel", code="out_of_memory") == 1
    assert it.value("launches_total", outcome="failed") == 1
    assert it.value("launches_total", outcome="cancelled") == 1
    assert (it.value("launches_in_progress"), it.value("kernels")) == (0, 0)


def test_queue_pool_and_gpus_held_and_used() -> None:
    it = Counted()
    it.tell(Launch("w"), (Phase.QUEUED, 0), (Phase.WAITING, 1))
    assert (it.value("queue_length"), it.value("gpus_held"), it.value("gpus_used")) == (1, 0, 0)
    assert (it.value("spare_containers"), it.value("spare_starts_total")) == (2, 5)
    one = it.tell(Launch("k1"), (Phase.QUEUED, 0), (Phase.STARTING, 1), gpus=("GPU-1", "MIG-2"))
    it.tell(Launch("k2"), (Phase.QUEUED, 0), (Phase.STARTING, 1), gpus=("GPU-1",))  # shared
    assert it.value("gpus_held") == 2
    assert math.isnan(it.value("gpus_used") or 0.0)  # nobody has looked
    computes = (GpuProcess(1),)
    gpus = (
        Gpu("GPU-1", 0, "H200", utilization=5, processes=computes),
        Gpu("MIG-2", 1, "H200", processes=computes),  # no figure: that one computes counts
        Gpu("GPU-3", 2, "H200", utilization=90),  # not ours
    )
    it.held.looked(GpuSnapshot(gpus))
    assert it.value("gpus_used") == 1
    it.held.looked(GpuSnapshot((), stale=True))  # tells nothing new
    assert it.value("gpus_used") == 1
    it.held.looked(GpuSnapshot(gpus[:1]))  # one of them is gone
    assert math.isnan(it.value("gpus_used") or 0.0)
    it.held.looked(GpuSnapshot(gpus))
    it.now += 80
    assert math.isnan(it.value("gpus_used") or 0.0)  # long ago
    it.tell(one, (Phase.RUNNING, 1), (Phase.CANCELLED, 1))
    assert it.value("gpus_held") == 1


def test_bytes_of_pulls_are_counted_once() -> None:
    it = Counted()
    job = Job("j1", JobKind.PULL, "a", JobState.RUNNING)
    for current in (0, 100, 60, 100, 250):
        it.metrics.follow_job(replace_current(job, current))
    push = Job("j2", JobKind.PUSH, "a", JobState.FAILED, current=7, error=Problem("disk_full", ""))
    it.metrics.follow_job(push)
    assert it.value("pull_bytes_total") == 250
    it.metrics.follow_job(replace_current(job, 300, JobState.SUCCEEDED))
    assert it.value("pull_bytes_total") == 300
    assert it.value("jobs_total", kind="pull", state="succeeded") == 1
    assert it.value("failures_total", what="push", code="disk_full") == 1


def replace_current(job: Job, current: int, state: JobState = JobState.RUNNING) -> Job:
    return Job(job.id, job.kind, job.reference, state, current=current)


def test_labels_stay_few_whatever_comes() -> None:
    it = Counted()
    hostile = ["", "x" * 60, "Ünïcode", 'a"} 1\nevil 2', "/home/ada/thesis.ipynb"]
    codes = [*hostile, *(f"code_{number}" for number in range(2 * CODES))]
    for number, code in enumerate(codes):
        name = f"k{number} /secret/place"
        launch = it.tell(Launch(name, path=name, image=name, environment=name), (Phase.QUEUED, 0))
        it.tell(launch, (Phase.FAILED, 1), error=Problem(code, "…"))
    text = generate_latest(it.metrics.registry).decode()
    assert "secret" not in text
    assert "evil" not in text
    assert "thesis" not in text
    series = {
        sample.labels["code"]
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == P + "failures_total"
    }
    assert "other" in series
    assert len(series) <= CODES + 1


def test_every_code_of_ours_has_a_series() -> None:
    it, classes = Counted(), [GpuContainersError]
    for each in classes:
        classes += each.__subclasses__()
    codes = {each.code for each in classes}
    for code in codes:
        launch = it.tell(Launch(code), (Phase.QUEUED, 0))
        it.tell(launch, (Phase.FAILED, 1), error=Problem(code, "…"))
    for code in codes:
        assert it.value("failures_total", what="start", code=code) == 1


def test_of_several_servers_in_a_process_the_last_is_shown() -> None:
    first, second = Counted(), Counted()
    second.tell(Launch("k1"), (Phase.QUEUED, 0), (Phase.STARTING, 1), (Phase.RUNNING, 1))

    def kernels() -> list[float]:
        text = generate_latest(REGISTRY).decode()
        families = text_string_to_metric_families(text)
        return [s.value for f in families for s in f.samples if s.name == P + "kernels"]

    assert kernels() == []
    try:
        first.metrics.register()
        second.metrics.register()
        second.metrics.register()
        assert kernels() == [1.0]
        first.metrics.unregister()  # ends late: not what is shown
        assert kernels() == [1.0]
    finally:
        second.metrics.unregister()
    second.metrics.unregister()
    assert kernels() == []


def test_a_kernel_of_a_former_life_is_no_start() -> None:
    it = Counted()
    former = Launch("k1", recovered=True, gpus=("GPU-1",))
    for phase in (Phase.QUEUED, Phase.STARTING, Phase.RUNNING):
        former = former.advance(phase, 1.0)
    it.held.follow(former)
    it.metrics.follow_launch(former)
    assert (it.value("kernels"), it.value("gpus_held")) == (1, 1)
    assert it.value("launches_total", outcome="running") == 0
    it.tell(former, (Phase.FAILED, 5), error=Problem("kernel_died", "…"))
    assert it.value("failures_total", what="kernel", code="kernel_died") == 1


@pytest.mark.parametrize("name", ["spare_containers", "gpus_used", "queue_length"])
def test_names_keep_to_conventions(name: str) -> None:
    text = generate_latest(Counted().metrics.registry).decode()
    assert f"# TYPE {P}{name} gauge" in text
    for family in text_string_to_metric_families(text):
        assert family.name.startswith(P)
        assert family.documentation.endswith(".")
        assert not family.name.endswith("_total")
