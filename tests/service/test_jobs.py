"""Jobs: told from the first to the last state, one for all who ask, given up for good."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

import jupyter_gpu_containers
from jupyter_gpu_containers import errors
from jupyter_gpu_containers.backends import memory_registry
from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.backends.memory_images import DEMO_IMAGES
from jupyter_gpu_containers.model.container import EngineInfo
from jupyter_gpu_containers.model.image import Image
from jupyter_gpu_containers.model.job import Job, JobKind, JobState, Step
from jupyter_gpu_containers.model.registry import (
    Credential,
    RemoteImage,
    SearchResult,
    TagPage,
)
from jupyter_gpu_containers.ports import CredentialStore, Progress, Registry
from jupyter_gpu_containers.runtime.facts import FileImageFacts
from jupyter_gpu_containers.service.images import Images
from jupyter_gpu_containers.service.jobs import Jobs
from jupyter_gpu_containers.web.serializers import job_model

REFERENCE = "pytorch/pytorch:2.7.1-cuda12.8-cudnn9-runtime"
HERE = DEMO_IMAGES[0].references[0]
TIMEOUT = 20.0


class OneRegistry(Registry):
    """Tells of every image what the memory backend's registries have, or why not."""

    def __init__(self) -> None:
        self.fails: Exception | None = None
        self.change: Callable[[RemoteImage], RemoteImage] = lambda remote: remote
        self.asked: list[str] = []

    async def image(self, reference: str, architecture: str) -> RemoteImage:
        self.asked.append(reference)
        if self.fails is not None:
            raise self.fails
        image = memory_registry.find(reference)
        assert image.config is not None
        layers = memory_registry.layers_of(image)
        return self.change(
            RemoteImage(reference, image.id, image.id, image.config, layers, architecture)
        )

    async def tags(self, repository: str, *, contains: str = "", limit: int = 100) -> TagPage:
        raise NotImplementedError

    async def search(self, query: str, *, limit: int = 25) -> list[SearchResult]:
        raise NotImplementedError

    async def check_login(self, host: str, credential: Credential) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass


class OneLogin(CredentialStore):
    """A login for nvcr.io."""

    def get(self, host: str) -> Credential | None:
        assert threading.current_thread() is not threading.main_thread()  # it may ask a helper
        return Credential("$oauthtoken", "top secret") if host == "nvcr.io" else None

    def put(self, host: str, credential: Credential) -> str:
        raise NotImplementedError

    def erase(self, host: str) -> bool:
        raise NotImplementedError

    def hosts(self) -> dict[str, str]:
        raise NotImplementedError


class Engine(MemoryBackend):
    """Counts transfers and remembers the logins that came with them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"transfer_seconds": 0.0} | options)
        self.logins: list[Credential | None] = []
        self.root_dir = "/"

    async def info(self) -> EngineInfo:
        return replace(await super().info(), root_dir=self.root_dir)

    async def pull(
        self,
        reference: str,
        *,
        credential: Credential | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.logins.append(credential)
        await super().pull(reference, credential=credential, progress=progress)


class Desk:
    """Jobs of an engine, with all that was told of them, and when."""

    def __init__(self, folder: Path, engine: Engine | None = None, **options: Any) -> None:
        self.engine = engine or Engine()
        self.registry = OneRegistry()
        images = Images(self.engine, FileImageFacts(folder / "facts"), "me", "ada")
        given = {"registry": self.registry, "credentials": OneLogin()} | options
        self.jobs = Jobs(self.engine, images, **given)
        self.seen: list[Job] = []
        self.times: list[float] = []
        self._changed = asyncio.Event()
        self.jobs.on_change(self._note)

    def _note(self, job: Job) -> None:
        self.seen.append(job)
        self.times.append(time.monotonic())
        self._changed.set()

    async def until(self, wanted: Callable[[Job], bool]) -> Job:
        """Wait for a state of the last job that was told of."""

        async def wait() -> Job:
            while not (self.seen and wanted(self.seen[-1])):
                self._changed.clear()
                await self._changed.wait()
            return self.seen[-1]

        return await asyncio.wait_for(wait(), TIMEOUT)

    async def done(self, kind: JobKind, reference: str) -> Job:
        job = self.jobs.submit(kind, reference)
        return await asyncio.wait_for(self.jobs.finished(job.id), TIMEOUT)

    async def pulled(self, reference: str = REFERENCE) -> Job:
        return await self.done(JobKind.PULL, reference)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def assert_no_transfer() -> None:
    """The engine's work is about to end, or has ended."""
    for thread in threading.enumerate():
        if thread.name == "gpu-containers-transfer":
            thread.join(TIMEOUT)
            assert not thread.is_alive()


def code(job: Job) -> str:
    assert job.error is not None
    return job.error.code


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
    monkeypatch.setattr("jupyter_gpu_containers.service.jobs.KEPT", 2)
    endless = desk.jobs.submit(JobKind.PULL, memory_registry.ENDLESS)
    ended = [await desk.pulled() for _ in range(4)]
    assert [job.id for job in desk.jobs.list()] == [ended[3].id, ended[2].id, endless.id]
    with pytest.raises(errors.JobNotFoundError) as caught:
        desk.jobs.get(ended[0].id)
    assert caught.value.error_code == "job_not_found"
    await desk.jobs.close()


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
    monkeypatch.setattr("jupyter_gpu_containers.service.jobs.ASK_TIMEOUT", 0.05)

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
        r"Nothing came for \d+ seconds: quay\.io/jupyter/endless:1 stopped at [\d.]+ MiB of [\d.]+ ",
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


# -- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "reference"),
    [
        (JobKind.PULL, "No Reference"),
        (JobKind.PULL, DEMO_IMAGES[0].id),
        (JobKind.PUSH, DEMO_IMAGES[0].repo_digests[0]),
    ],
)
async def test_references_that_are_none(desk: Desk, kind: JobKind, reference: str) -> None:
    with pytest.raises(errors.InvalidImageReferenceError):
        desk.jobs.submit(kind, reference)
    assert desk.jobs.list() == []


@pytest.mark.parametrize(
    "error",
    [
        errors.UnauthorizedError("No login."),
        errors.ForbiddenError("No right."),
        errors.RateLimitedError("Too many.", retry_after=5),
        errors.TagUnknownError("No tag."),
        errors.WrongArchitectureError("Not for here."),
    ],
)
async def test_what_the_registry_refuses_is_not_asked_of_the_engine(
    desk: Desk, error: errors.GpuContainersError
) -> None:
    desk.registry.fails = error
    job = await desk.pulled()
    assert (job.state, code(job)) == (JobState.FAILED, error.error_code)
    assert desk.engine.logins == []


async def test_an_image_for_other_processors(desk: Desk) -> None:
    desk.registry.change = lambda remote: replace(remote, architecture="s390x")
    job = await desk.pulled()
    assert code(job) == "wrong_architecture"
    assert job.error is not None
    assert "s390x" in job.error.message
    assert desk.engine.logins == []


async def test_a_disk_that_would_not_hold_it(desk: Desk) -> None:
    desk.registry.change = lambda remote: replace(
        remote, layers=tuple(replace(layer, size=layer.size * 10**6) for layer in remote.layers)
    )
    job = await desk.pulled()
    assert code(job) == "disk_full"
    assert job.error is not None
    assert "GiB are free at /." in job.error.message
    assert desk.engine.logins == []


async def test_a_disk_that_is_not_this_machines(desk: Desk) -> None:
    desk.registry.change = lambda remote: replace(
        remote, layers=tuple(replace(layer, size=layer.size * 10**6) for layer in remote.layers)
    )
    desk.engine.root_dir = "/no/such/place"
    assert (await desk.pulled()).state is JobState.SUCCEEDED


async def test_what_fails_in_the_middle_keeps_its_bytes(desk: Desk) -> None:
    job = await desk.pulled(memory_registry.TOO_LARGE)
    assert (job.state, code(job)) == (JobState.FAILED, "disk_full")
    assert job.total is not None
    assert 0 < job.current < job.total


async def test_a_push_of_what_is_not_here(desk: Desk) -> None:
    job = await desk.done(JobKind.PUSH, "localhost:5000/nothing:1")
    assert (job.state, code(job)) == (JobState.FAILED, "image_not_found")


async def test_logins_reach_the_engine_and_nobody_else(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    desk.registry.fails = errors.RegistryUnreachableError("away")
    job = await desk.pulled(memory_registry.PRIVATE)
    assert job.state is JobState.SUCCEEDED
    await desk.pulled()
    assert desk.engine.logins == [Credential("$oauthtoken", "top secret"), None]
    assert "top secret" not in caplog.text + repr(desk.seen) + repr(desk.engine.logins)


async def test_a_bug_ends_the_job_and_keeps_its_traceback(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Engine):
        async def image(self, reference: str) -> Image:
            raise ZeroDivisionError("oops")

    broken = Desk(Path("/nonexistent"), Broken(), registry=None)
    job = await broken.pulled()
    assert code(job) == "internal_error"
    assert "ZeroDivisionError" in caplog.text
