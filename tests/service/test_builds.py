"""Builds as jobs, on the memory backend: followed, refused, cancelled, one for all who ask."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from jupyter_gpu_containers import errors
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.model.image.build import BuildRequest
from jupyter_gpu_containers.model.job import JobState
from jupyter_gpu_containers.service.image.builds import Builds, context_folder

from .job_desk import TIMEOUT, Desk

TAG = "team/image:1"
BASE = DEMO_IMAGES[0].references[0]


class Yard:
    """A desk of jobs, and a workspace whose folders are built."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder)
        self.workspace = folder / "work"
        (self.workspace / "site").mkdir(parents=True)
        (self.workspace / "site" / "Dockerfile").write_text(f"FROM {BASE}\nCOPY . /\n")
        self.builds = Builds(
            self.desk.engine, self.desk.jobs, root=str(self.workspace), limit=1 << 20
        )


def dockerfile(*steps: str) -> str:
    return "\n".join([f"FROM {BASE}", *steps])


async def test_a_build_is_a_job_with_a_log(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    begun = yard.builds.submit(BuildRequest(TAG, folder="site"))
    assert begun.state is JobState.QUEUED
    job = await asyncio.wait_for(yard.desk.jobs.finished(begun.id), TIMEOUT)
    assert (job.state, job.error, job.reference) == (JobState.SUCCEEDED, None, TAG)
    assert job.log == ("Context: 1 file, 47 B", f"[1/2] FROM {BASE}", "[2/2] COPY . /")
    image = await yard.desk.engine.image(TAG)
    assert (image.id, image.references) == (job.image_id, (TAG,))
    assert image.layers[: len(DEMO_IMAGES[0].layers)] == DEMO_IMAGES[0].layers


async def test_a_failure_is_told_in_the_job(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    begun = yard.builds.submit(BuildRequest(TAG, dockerfile=dockerfile("RUN exit 7", "RUN true")))
    job = await asyncio.wait_for(yard.desk.jobs.finished(begun.id), TIMEOUT)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error.code == "build_failed"
    assert job.error.message == "Step [2/3] RUN exit 7 failed: it ended with code 7."


async def test_a_context_that_cannot_be_is_told_in_the_job(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    (yard.workspace / "site" / "Dockerfile").unlink()
    begun = yard.builds.submit(BuildRequest(TAG, folder="/site/"))
    job = await asyncio.wait_for(yard.desk.jobs.finished(begun.id), TIMEOUT)
    assert job.error is not None
    assert job.error.code == "dockerfile_missing"


async def test_a_silent_build_is_not_given_up_and_can_be_cancelled(tmp_path: Path) -> None:
    desk = Desk(tmp_path, stall_timeout=0.05, interval=0.01)
    builds = Builds(desk.engine, desk.jobs, limit=1 << 20)
    begun = builds.submit(BuildRequest(TAG, dockerfile=dockerfile("RUN sleep infinity")))
    await desk.until(lambda job: any("sleep infinity" in line for line in job.log))
    with pytest.raises((TimeoutError, asyncio.TimeoutError)):
        await asyncio.wait_for(desk.jobs.finished(begun.id), 0.3)  # six times as long
    job = await asyncio.wait_for(desk.jobs.cancel(begun.id), TIMEOUT)
    assert (job.state, job.error) == (JobState.CANCELLED, None)
    with pytest.raises(errors.ImageNotFoundError):
        await desk.engine.image(TAG)


async def test_the_same_build_is_one_job_and_another_is_refused(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    request = BuildRequest(TAG, dockerfile=dockerfile("RUN sleep infinity"))
    begun = yard.builds.submit(request)
    assert yard.builds.submit(request).id == begun.id
    with pytest.raises(errors.ConflictError) as caught:
        yard.builds.submit(BuildRequest(TAG, folder="site"))
    assert caught.value.error_code == "build_in_progress"
    await yard.desk.jobs.cancel(begun.id)
    again = yard.builds.submit(BuildRequest(TAG, folder="site"))
    job = await asyncio.wait_for(yard.desk.jobs.finished(again.id), TIMEOUT)
    assert job.state is JobState.SUCCEEDED


# -- where folders may be ----------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["..", "../other", "site/../../other", "out", "site/out/deep"])
def test_a_folder_outside_the_workspace_is_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / "other" / "deep").mkdir(parents=True)
    (tmp_path / "work" / "site").mkdir(parents=True)
    (tmp_path / "work" / "out").symlink_to(tmp_path / "other")
    (tmp_path / "work" / "site" / "out").symlink_to(tmp_path / "other")
    root = str(tmp_path / "work")
    with pytest.raises(errors.WorkspaceError, match="outside the workspace"):
        context_folder(folder, root, root)
    with pytest.raises(errors.WorkspaceError, match="outside the workspace"):
        context_folder("", root, f"{root}/site")


def test_no_path_is_absolute(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    root = str(tmp_path)
    assert context_folder("/etc", root, root) == f"{root}/etc"
    for absent in ("/usr", "etc/none", "a\0b"):
        with pytest.raises(errors.WorkspaceError):
            context_folder(absent, root, root)


def test_a_link_inside_the_workspace_is_no_way_out(tmp_path: Path) -> None:
    (tmp_path / "work" / "real").mkdir(parents=True)
    (tmp_path / "work" / "name").symlink_to("real")
    (tmp_path / "link").symlink_to("work")
    root = str(tmp_path / "link")
    assert context_folder("name", root, root) == str(tmp_path / "work" / "real")
    assert context_folder("", root, root) == str(tmp_path / "work")


def test_a_program_builds_any_folder_of_who_runs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert context_folder(".", None, None) == str(tmp_path / "here")
    assert context_folder("..", None, None) == str(tmp_path)
