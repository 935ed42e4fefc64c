"""Jobs: whatever an engine tells in whatever order, the bytes are those that travel."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.model import job as model
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.image.image import ImageConfig
from jupyter_gpu_containers.model.image.registry import Layer, RemoteImage
from jupyter_gpu_containers.model.job import Job, JobKind, JobState, Step, advance

NEW = Job("j1", JobKind.PULL, "some/image:1", created=1.0)
STATUSES = (
    "Pulling fs layer", "Waiting", "Downloading", "Verifying Checksum", "Download complete",
    "Extracting", "Pull complete", "Already exists", "Retrying in 5 seconds", "Preparing",
    "Pushing", "Pushed", "Layer already exists", "Mounted from other/image", "something new",
)  # fmt: skip
DONE = ("Pull complete", "Already exists", "Pushed", "Layer already exists")

sizes = st.integers(0, 10**12)
steps = st.builds(
    lambda name, status, current, total: Step(name, status, current, total, status in DONE),
    st.sampled_from(["", "a", "b", "c"]),
    st.sampled_from(STATUSES),
    sizes,
    st.none() | sizes,
)
waits = st.floats(0, 300, allow_nan=False)


def played(job: Job, told: list[tuple[Step, float]]) -> list[Job]:
    """Return the job after each step; the second of each pair is the time since the last."""
    at, states = 100.0, []
    for step, wait in told:
        at += wait
        job = advance(job, step, at)
        states.append(job)
    return states


def remote(*layers: Layer) -> RemoteImage:
    digest = "sha256:" + "0" * 64
    return RemoteImage("some/image:1", digest, digest, ImageConfig(), layers, "amd64")


def layer(number: int, size: int) -> Layer:
    return Layer(f"sha256:{short(number)}{'0' * 52}", size, f"sha256:diff-{number}")


def short(number: int) -> str:
    return f"{number:012x}"


@given(st.lists(st.tuples(steps, waits), max_size=40))
def test_whatever_comes_the_bar_stays_on_its_scale(told: list[tuple[Step, float]]) -> None:
    for job in played(NEW, told):
        layers = [step for step in job.steps if step.id]
        assert job.current == sum(step.current for step in layers) >= 0
        if job.total is not None:
            assert job.current <= job.total == sum(step.total or 0 for step in layers)
        assert job.speed is None or job.speed >= 0
        assert job.eta is None or job.eta >= 0
        assert len({step.id for step in job.steps}) == len(job.steps)
        assert len(job.samples) <= model.WINDOW / model.SAMPLE_EVERY + 3


@given(st.lists(st.tuples(steps, waits), max_size=40))
def test_an_end_is_an_end(told: list[tuple[Step, float]]) -> None:
    job = (played(NEW, told) or [NEW])[-1]
    good = model.succeeded(job, "sha256:1", 500.0)
    assert (good.state, good.image_id, good.ended) == (JobState.SUCCEEDED, "sha256:1", 500.0)
    assert good.current == good.total
    assert all(step.done for step in good.steps)
    bad = model.failed(job, Problem("code", "Words."), 500.0)
    assert (bad.state, bad.current, bad.total) == (JobState.FAILED, job.current, job.total)
    for ended in (good, bad, model.cancelled(job, 500.0)):
        assert ended.state.final
        assert (ended.speed, ended.eta, ended.samples) == (None, None, ())


@given(st.lists(st.tuples(steps, waits), max_size=40))
def test_steps_at_once_and_one_by_one_come_to_the_same(told: list[tuple[Step, float]]) -> None:
    one_by_one = (played(NEW, told) or [NEW])[-1]
    at_once = model.told(NEW, [step for step, _ in told], 100.0)
    assert (at_once.steps, at_once.current, at_once.total) == (
        one_by_one.steps,
        one_by_one.current,
        one_by_one.total,
    )


@given(st.lists(st.integers(1, 10**10), min_size=1, max_size=8), st.integers(0, 8), st.data())
def test_a_pull_that_was_planned_knows_its_total_from_the_start(
    sizes: list[int], shared: int, data: st.DataObject
) -> None:
    layers = [layer(n, size) for n, size in enumerate(sizes)]
    job = model.planned(NEW, remote(*layers), shared)
    missing = sum(sizes[shared:])
    assert job.total == (missing or None)
    for number in data.draw(st.permutations(range(len(sizes)))):
        name, size = short(number), sizes[number]
        told = [Step(name, "Already exists", done=True)]
        if number >= shared:
            half = Step(name, "Downloading", size // 2, size)
            unpacked = Step(name, "Extracting", 7, size)
            told = [half, Step(name, "Download complete"), unpacked]
        for step in told:
            job = advance(job, step, 1.0)
            assert job.total == (missing or None)
        # what is unpacked has come, and no more than that
        assert next(s for s in job.steps if s.id == name).current == (size * (number >= shared))
    assert job.current == missing
    assert not job.transferring
    assert model.succeeded(job, None, 2.0).total == missing


def test_without_a_registry_the_total_waits_for_the_last_layer() -> None:
    told = [
        Step("", "Pulling from some/image, 1"),
        Step("a", "Already exists", done=True),
        Step("b", "Pulling fs layer"),
        Step("c", "Waiting"),
        Step("b", "Downloading", 10, 100),
        Step("c", "Downloading", 1, 50),
    ]
    totals = [job.total for job in played(NEW, [(step, 1.0) for step in told])]
    assert totals == [None, None, None, None, None, 150]


def test_a_layer_too_small_to_be_told_of_counts_nothing() -> None:
    job = played(NEW, [(Step("a", "Download complete"), 1.0), (Step("b", "Downloading", 5, 9), 1)])
    assert (job[-1].current, job[-1].total) == (5, 9)


def test_a_download_that_begins_anew_loses_its_bytes() -> None:
    told = [Step("a", "Downloading", 60, 100), Step("a", "Retrying in 5 seconds")]
    job = played(NEW, [(step, 1.0) for step in (*told, Step("a", "Downloading", 10, 100))])
    assert [state.current for state in job] == [60, 60, 10]


def test_a_download_that_is_resumed_keeps_its_bytes() -> None:
    """Docker tells of the rest only."""
    job = played(NEW, [(Step("a", "Downloading", n, 100), 1.0) for n in (30, 60)])[-1]
    job = advance(job, Step("a", "Downloading", 0, 40), 1.0)
    assert (job.current, job.total) == (60, 100)
    assert advance(job, Step("a", "Downloading", 40, 40), 1.0).current == 100


def test_an_engine_may_send_more_than_it_had_foreseen() -> None:
    """Docker counts a pushed layer's tar headers, too."""
    job = advance(NEW, Step("a", "Pushing", 1100, 1000), 1.0)
    assert (job.current, job.total) == (1100, 1100)
    job = advance(job, Step("a", "Pushed", done=True), 2.0)
    assert (job.current, job.total, job.transferring) == (1100, 1100, False)


def test_layers_that_the_registry_named_and_the_engine_never_are_not_counted_at_the_end() -> None:
    job = model.planned(NEW, remote(layer(1, 100), layer(2, 50)), 0)
    job = model.succeeded(advance(job, Step(short(1), "Pull complete", done=True), 1.0), None, 2.0)
    assert ([step.id for step in job.steps], job.current, job.total) == ([short(1)], 100, 100)


def test_speed_is_that_of_the_last_seconds() -> None:
    job = model.begun(NEW, 0.0)
    assert job.speed is None
    for second in range(1, 21):  # 10 bytes a second, and from the 11th on 100
        came = 10 * min(second, 10) + 100 * max(0, second - 10)
        job = advance(job, Step("a", "Downloading", came, 4100), float(second))
        if second == 10:
            assert job.speed == pytest.approx(10)
    assert job.speed == pytest.approx(100)
    assert job.eta == pytest.approx((4100 - 1100) / 100)
    silent = model.measured(job, 24.0)
    assert silent.speed is not None
    assert 0 < silent.speed < 100
    assert model.measured(job, 40.0).speed == 0
    assert model.measured(job, 40.0).eta is None


def test_a_clock_that_stands_still_divides_by_nothing() -> None:
    job = model.begun(NEW, 5.0)
    job = advance(job, Step("a", "Downloading", 10, 100), 5.0)
    assert (job.speed, job.eta) == (None, None)


def test_bytes_are_still_to_come_until_each_layer_has_come() -> None:
    assert NEW.transferring
    job = advance(NEW, Step("a", "Extracting", 1, 5), 1.0)
    assert not job.transferring
    assert advance(job, Step("b", "Waiting"), 1.0).transferring
    assert replace(job, steps=()).transferring


def test_shared_layers_are_counted_from_the_lowest() -> None:
    one, two, three = layer(1, 10), layer(2, 20), layer(3, 30)
    image = remote(one, two, three)
    here = [(one.diff_id,), (one.diff_id, "sha256:other", three.diff_id), (two.diff_id,)]
    assert image.shared([]) == 0
    assert image.shared(here) == 1
    assert image.shared([*here, (one.diff_id, two.diff_id, three.diff_id, "more")]) == 3
    assert remote(Layer("sha256:1", 1)).shared([("",)]) == 0  # a registry that tells no diff ids
