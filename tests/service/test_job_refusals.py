"""Jobs that do not come to a good end: what is said, and what was not even begun."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_gpu_containers import errors
from jupyter_gpu_containers.backends.memory import registry as memory_registry
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.model.image.image import Image
from jupyter_gpu_containers.model.image.registry import Credential
from jupyter_gpu_containers.model.job import JobKind, JobState
from tests.service.job_desk import Desk, Engine, code


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


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
    assert "GB are free at /." in job.error.message
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
