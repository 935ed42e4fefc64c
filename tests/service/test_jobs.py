"""Jobs: told from the first to the last state, one for all who ask, given up for good."""

from __future__ import annotations

import asyncio
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

import jupyter_gpu_containers
from jupyter_gpu_containers import errors
from jupyter_gpu_containers.backends.memory import registry as memory_registry
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.model.image.registry import RemoteImage
from jupyter_gpu_containers.model.job import JobKind, JobState, Step
from jupyter_gpu_containers.web.serializers import job_model
from tests.service.job_desk import HERE, REFERENCE, TIMEOUT, Desk, Engine, assert_no_transfer, code


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


# -- the good way --------------------------------------------------------------------------------


async def test_a_pull_from_the_first_to_the_last_state(desk: Desk) -> None:
    job = await desk.pulled(f"docker.io/{REFERENCE}")
    image = await desk.engine.image(REFERENCE)
    expected = memory_registry.layers_of(image)[2:]  # the repository's lower two are here
    assert (job.kind, job.reference, job.state) == (JobKind.PULL, REFERENCE, JobState.SUCCEEDED)
    assert job.image_id == image.id
    assert job.current == job.total == sum(layer.size for layer in expected)
    assert job.ended is not None
    assert job.ended >= job.created > 0
    assert [step.current for step in job.steps if step.id] == [0, 0, *(x.size for x in expected)]
    assert desk.seen[0].state is JobState.QUEUED
    assert desk.seen[1].state is JobState.RUNNING
    assert desk.seen[-1] == job == desk.jobs.get(job.id)
    assert desk.jobs.list() == [job]


async def test_the_total_is_known_before_the_first_byte(desk: Desk) -> None:
    job = await desk.pulled()
    assert {told.total for told in desk.seen[2:]} == {job.total}
    assert desk.registry.asked == [f"docker.io/{REFERENCE}"]


@pytest.mark.parametrize(
    "fails", [errors.RegistryUnreachableError("away"), errors.RegistryError("what is that")]
)
async def test_a_registry_that_only_the_engine_can_reach_is_no_obstacle(
    desk: Desk, fails: Exception
) -> None:
    desk.registry.fails = fails
    assert (await desk.pulled()).state is JobState.SUCCEEDED


async def test_without_registry_and_logins(tmp_path: Path) -> None:
    desk = Desk(tmp_path, registry=None, credentials=None)
    assert (await desk.pulled()).state is JobState.SUCCEEDED


async def test_an_image_that_is_here_needs_no_bytes(desk: Desk) -> None:
    job = await desk.pulled(HERE)
    assert (job.state, job.current, job.total) == (JobState.SUCCEEDED, 0, 0)
    assert job.image_id == DEMO_IMAGES[0].id


async def test_a_push_and_the_same_back(desk: Desk) -> None:
    mine = "localhost:5000/team/torch:mine"
    await desk.engine.tag(HERE, mine)
    job = await desk.done(JobKind.PUSH, mine)
    sent = sum(layer.size for layer in memory_registry.layers_of(DEMO_IMAGES[0]))
    assert (job.state, job.image_id) == (JobState.SUCCEEDED, DEMO_IMAGES[0].id)
    assert job.current == job.total == sent
    await desk.engine.remove_image(mine)
    desk.registry.fails = errors.RegistryUnreachableError("away")
    assert (await desk.pulled(mine)).image_id == DEMO_IMAGES[0].id
    assert mine in (await desk.engine.image(DEMO_IMAGES[0].id)).references


async def test_not_more_snapshots_than_wanted(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Engine(transfer_seconds=0.6), interval=0.1)
    await desk.pulled()
    running = [
        at for job, at in zip(desk.seen, desk.times, strict=True) if job.state is JobState.RUNNING
    ]
    assert len(running) > 2
    assert all(later - at > 0.09 for at, later in pairwise(running[1:]))
    assert desk.seen[-1].state is JobState.SUCCEEDED


async def test_what_listeners_hear_fits_the_event(desk: Desk) -> None:
    file = Path(jupyter_gpu_containers.__file__).parent / "events" / "job.v1.yaml"
    schema = yaml.safe_load(file.read_text())
    await desk.pulled()
    desk.registry.fails = errors.TagUnknownError("No such tag.", "Another one.")
    await desk.pulled("nvcr.io/nvidia/pytorch:25.01-py3")
    assert {job.state for job in desk.seen} >= {JobState.SUCCEEDED, JobState.FAILED}
    for job in desk.seen:
        Draft202012Validator(schema).validate(job_model(job))


# -- many who ask --------------------------------------------------------------------------------


async def test_two_people_one_pull(desk: Desk) -> None:
    first = desk.jobs.submit(JobKind.PULL, REFERENCE)
    assert desk.jobs.submit(JobKind.PULL, f"docker.io/{REFERENCE}") == first
    both = await asyncio.gather(desk.jobs.finished(first.id), desk.jobs.finished(first.id))
    assert both[0] == both[1]
    assert len(desk.engine.logins) == 1
    again = desk.jobs.submit(JobKind.PULL, REFERENCE)  # that one has ended
    assert again.id != first.id
    await desk.jobs.finished(again.id)
    assert [job.id for job in desk.jobs.list()] == [again.id, first.id]


async def test_a_push_is_another_job_than_a_pull(desk: Desk) -> None:
    pull = desk.jobs.submit(JobKind.PULL, HERE)
    assert desk.jobs.submit(JobKind.PUSH, HERE).id != pull.id
    await desk.jobs.close()


async def test_who_stops_waiting_leaves_the_job_alone(desk: Desk) -> None:
    job = desk.jobs.submit(JobKind.PULL, REFERENCE)
    waiting = asyncio.ensure_future(desk.jobs.finished(job.id))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert (await desk.jobs.finished(job.id)).state is JobState.SUCCEEDED


async def test_old_jobs_are_forgotten_running_ones_never(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_gpu_containers.service.image.jobs.KEPT", 2)
    endless = desk.jobs.submit(JobKind.PULL, memory_registry.ENDLESS)
    ended = [await desk.pulled() for _ in range(4)]
    assert [job.id for job in desk.jobs.list()] == [ended[3].id, ended[2].id, endless.id]
    with pytest.raises(errors.JobNotFoundError) as caught:
        desk.jobs.get(ended[0].id)
    assert caught.value.error_code == "job_not_found"
    # who waited for the long one hears how it ended, however many came and went meanwhile
    assert (await desk.jobs.cancel(endless.id)).state is JobState.CANCELLED
    assert [job.id for job in desk.jobs.list()] == [ended[3].id, endless.id]


async def test_a_job_that_never_was(desk: Desk) -> None:
    for ask in (desk.jobs.cancel, desk.jobs.finished):
        with pytest.raises(errors.JobNotFoundError):
            await ask("nothing")


# -- giving up -----------------------------------------------------------------------------------


async def test_cancel_stops_the_engines_work(desk: Desk) -> None:
    desk.jobs.submit(JobKind.PULL, memory_registry.ENDLESS)
    job = await desk.until(lambda job: job.current > 0)
    cancelled = await asyncio.wait_for(desk.jobs.cancel(job.id), TIMEOUT)
    assert (cancelled.state, cancelled.error) == (JobState.CANCELLED, None)
    assert desk.seen[-1] == cancelled
    with pytest.raises(errors.ImageNotFoundError):
        await desk.engine.image(memory_registry.ENDLESS)
    assert_no_transfer()
    assert await desk.jobs.cancel(job.id) == cancelled  # once more is no harm


async def test_cancel_before_the_first_step(desk: Desk) -> None:
    job = desk.jobs.submit(JobKind.PULL, REFERENCE)
    assert (await desk.jobs.cancel(job.id)).state is JobState.CANCELLED
    assert desk.engine.logins == []


async def test_cancel_while_the_registry_is_asked(desk: Desk) -> None:
    asked = asyncio.Event()

    async def silent(reference: str, architecture: str) -> RemoteImage:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    desk.registry.image = silent  # type: ignore[method-assign]
    job = desk.jobs.submit(JobKind.PULL, REFERENCE)
    await asyncio.wait_for(asked.wait(), TIMEOUT)
    assert (await desk.jobs.cancel(job.id)).state is JobState.CANCELLED


async def test_a_registry_that_never_answers_keeps_nobody(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_gpu_containers.service.image.transfers.ASK_TIMEOUT", 0.05)

    async def silent(reference: str, architecture: str) -> RemoteImage:
        await asyncio.Event().wait()
        raise AssertionError

    desk.registry.image = silent  # type: ignore[method-assign]
    assert (await desk.pulled()).state is JobState.SUCCEEDED


async def test_jobs_end_with_the_server(desk: Desk) -> None:
    jobs = [
        desk.jobs.submit(JobKind.PULL, memory_registry.ENDLESS),
        desk.jobs.submit(JobKind.PULL, REFERENCE),
    ]
    await desk.until(lambda job: job.current > 0)
    await asyncio.wait_for(desk.jobs.close(), TIMEOUT)
    assert all(desk.jobs.get(job.id).state.final for job in jobs)
    assert desk.jobs.get(jobs[0].id).state is JobState.CANCELLED


async def test_a_transfer_that_stalls_is_given_up(tmp_path: Path) -> None:
    desk = Desk(tmp_path, stall_timeout=0.3, interval=0.05)
    job = await desk.pulled(memory_registry.ENDLESS)
    assert (job.state, code(job)) == (JobState.FAILED, "transfer_stalled")
    assert job.error is not None
    assert re.match(
        r"Nothing came for \d+ seconds: quay\.io/jupyter/endless:1 stopped at [\d.]+ .B of \d",
        job.error.message,
    )
    assert_no_transfer()


async def test_unpacking_may_be_silent_for_long(tmp_path: Path) -> None:
    """An engine on a slow disk says nothing while it writes."""
    release = asyncio.Event()

    class Slow(Engine):
        async def pull(
            self, reference: str, *, credential: Any = None, progress: Any = None
        ) -> None:
            await super().pull(HERE, credential=credential)
            for step in (Step("a", "Downloading", 5, 5), Step("a", "Extracting", 1, 5)):
                progress(step)
            await release.wait()

    desk = Desk(tmp_path, Slow(), registry=None, stall_timeout=0.05, interval=0.01)
    desk.jobs.submit(JobKind.PULL, HERE)
    job = await desk.until(lambda job: len(desk.seen) > 20)  # 20 times the patience there is
    assert job.state is JobState.RUNNING
    release.set()
    assert (await desk.jobs.finished(job.id)).state is JobState.SUCCEEDED
