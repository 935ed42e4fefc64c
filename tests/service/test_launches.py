"""Launches: their phases and their ends, with Jupyter's managers played by a door."""

from __future__ import annotations

import asyncio
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from jupyter_gpu_containers.backends.memory import registry as memory_registry
from jupyter_gpu_containers.errors import (
    EnvironmentNotFoundError,
    GpusBusyError,
    ImageNotFoundError,
    InvalidRequestError,
    KernelExitedError,
    LaunchCancelledError,
    LaunchNotFoundError,
)
from jupyter_gpu_containers.model.job import Job, JobKind, JobState
from jupyter_gpu_containers.model.kernel.launch import LaunchRequest, Phase, PullProgress
from jupyter_gpu_containers.service.launch import book as launch_book
from tests.service.launch_desk import IMAGE, Desk

REMOTE = "quay.io/jupyter/minimal-notebook:2026-01-05"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_from_an_image(desk: Desk) -> None:
    launch = desk.launches.submit(LaunchRequest(image=IMAGE, path="a/n.ipynb"))
    assert launch.phase is Phase.QUEUED
    assert (launch.image, launch.path) == (IMAGE, "a/n.ipynb")
    done = await desk.reached(launch.id, Phase.RUNNING)
    assert [time.phase for time in done.phases] == [
        Phase.QUEUED,
        Phase.CREATING,
        Phase.STARTING,
        Phase.RUNNING,
    ]
    assert done.kernel_id == launch.id
    assert done.environment == desk.environments.list()[0].name
    assert desk.door.started_in == ["a/n.ipynb"]
    desk.door.attached_kernels.add(launch.id)
    await desk.launches.close()


async def test_twice_from_an_image_is_one_environment(desk: Desk) -> None:
    for _ in range(2):
        launch = desk.launches.submit(LaunchRequest(image=IMAGE))
        await desk.reached(launch.id, Phase.RUNNING)
    assert len(desk.environments.list()) == 1
    await desk.launches.close()


async def test_an_environment_that_does_not_exist(desk: Desk) -> None:
    """Refused at once: nothing is remembered."""
    with pytest.raises(EnvironmentNotFoundError):
        desk.launches.submit(LaunchRequest(environment="gone"))
    assert desk.launches.list() == []


@pytest.mark.parametrize(
    "more",
    [{"gpus": 2}, {"gpu_profile": "1g.10gb"}, {"memory": 1 << 30}, {"mounts": ()}, {"pull": True}],
    ids=str,
)
async def test_what_an_environment_would_pass_over_is_refused(
    desk: Desk, more: dict[str, Any]
) -> None:
    """Who asks for two GPUs is not to have the environment's one, without a word."""
    launch = desk.launches.submit(LaunchRequest(image=IMAGE))
    await desk.reached(launch.id, Phase.RUNNING)
    (environment,) = desk.environments.list()
    with pytest.raises(InvalidRequestError, match=f"“{next(iter(more))}” goes with an image"):
        desk.launches.submit(LaunchRequest(environment=environment.name, **more))
    assert [each.id for each in desk.launches.list()] == [launch.id]
    await desk.launches.close()


async def test_an_image_that_is_not_here(desk: Desk) -> None:
    launch = desk.launches.submit(LaunchRequest(image="nobody/nothing:1"))
    failed = await desk.reached(launch.id, Phase.FAILED)
    assert failed.error is not None
    assert failed.error.code == ImageNotFoundError.code
    assert "nobody/nothing:1" in failed.error.message
    assert failed.error.hint


async def test_an_image_that_cannot_be_pulled(desk: Desk) -> None:
    launch = desk.launches.submit(LaunchRequest(image="nobody/nothing:1", pull=True))
    failed = await desk.reached(launch.id, Phase.FAILED)
    assert [time.phase for time in failed.phases] == [Phase.QUEUED, Phase.PULLING, Phase.FAILED]
    assert failed.error is not None
    assert failed.error.code == "tag_unknown"


async def test_an_image_is_pulled_by_a_job(desk: Desk) -> None:
    launch = desk.launches.submit(LaunchRequest(image=REMOTE, pull=True))
    running = await desk.reached(launch.id, Phase.RUNNING)
    (job,) = desk.jobs.list()
    assert (job.reference, job.state) == (REMOTE, JobState.SUCCEEDED)
    assert desk.environments.get(running.environment).image_id == job.image_id
    await desk.launches.close()


async def test_how_the_pull_gets_on(desk: Desk) -> None:
    """As far as the job is, from its beginning on; nothing of it stands with the next phase."""
    states: list[Job] = []
    desk.jobs.on_change(states.append)
    launch = desk.launches.submit(LaunchRequest(image=REMOTE, pull=True))
    running = await desk.reached(launch.id, Phase.RUNNING)
    under_way = [
        PullProgress(job.id, job.current, job.total, job.speed, job.eta)
        for job in states
        if not job.state.final
    ]
    pulls = [told.pull for told in desk.seen if told.phase is Phase.PULLING]
    assert [pull for pull, _ in groupby(pulls)] == [pull for pull, _ in groupby(under_way)]
    assert pulls
    assert running.pull is None
    assert [time.phase for time in running.phases].count(Phase.PULLING) == 1
    await desk.launches.close()


async def test_two_launches_share_a_pull(desk: Desk) -> None:
    """The one that is cancelled leaves it to the other; with the last one it ends."""
    ask = LaunchRequest(image=memory_registry.ENDLESS, pull=True)
    first, second = desk.launches.submit(ask), desk.launches.submit(ask)
    for launch in (first, second):
        await desk.reached(launch.id, Phase.PULLING)
    (job,) = desk.jobs.list()
    await desk.launches.cancel(first.id)
    assert not desk.jobs.get(job.id).state.final
    assert desk.launches.get(second.id).pull is not None
    await desk.launches.cancel(second.id)
    assert desk.jobs.get(job.id).state is JobState.CANCELLED


async def test_cancelling_a_launch_ends_its_own_pull_only(desk: Desk) -> None:
    own = desk.launches.submit(LaunchRequest(image=memory_registry.ENDLESS, pull=True))
    await desk.reached(own.id, Phase.PULLING)
    await desk.launches.cancel(own.id)
    assert desk.launches.get(own.id).phase is Phase.CANCELLED
    assert desk.jobs.list()[0].state is JobState.CANCELLED
    begun = asyncio.Event()
    desk.jobs.on_change(lambda job: begun.set() if job.state is JobState.RUNNING else None)
    others = desk.jobs.submit(JobKind.PULL, memory_registry.ENDLESS)
    await asyncio.wait_for(begun.wait(), 10)
    joined = desk.launches.submit(LaunchRequest(image=memory_registry.ENDLESS, pull=True))
    await desk.reached(joined.id, Phase.PULLING)
    await desk.launches.cancel(joined.id)
    assert desk.jobs.get(others.id).state is JobState.RUNNING
    third = desk.launches.submit(LaunchRequest(image=memory_registry.ENDLESS, pull=True))
    await desk.reached(third.id, Phase.PULLING)
    await desk.jobs.cancel(others.id)  # in the panel; who waits for it is told
    assert (await desk.reached(third.id, Phase.CANCELLED)).error is None


@pytest.mark.parametrize(
    "error", [GpusBusyError("No GPU is free.", "Wait."), KernelExitedError("It ended.", "Look.")]
)
async def test_a_start_that_fails(desk: Desk, error: GpusBusyError | KernelExitedError) -> None:
    desk.door.fails = error
    launch = desk.launches.submit(LaunchRequest(image=IMAGE))
    failed = await desk.reached(launch.id, Phase.FAILED)
    assert failed.error is not None
    assert (failed.error.code, failed.error.message, failed.error.hint) == (
        error.error_code,
        error.message,
        error.hint,
    )
    await desk.launches.close()
    assert desk.door.stopped == [launch.id]  # Jupyter forgets it, too
    assert desk.launches.get(launch.id).phase is Phase.FAILED


async def test_a_bug_ends_the_launch(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody waits for ever; the log has the traceback."""
    desk.door.fails = ZeroDivisionError("oops")
    launch = desk.launches.submit(LaunchRequest(image=IMAGE))
    failed = await desk.reached(launch.id, Phase.FAILED)
    assert failed.error is not None
    assert failed.error.code == "internal_error"
    assert "ZeroDivisionError: oops" in failed.error.message
    assert "ZeroDivisionError" in caplog.text
    await desk.launches.close()


async def test_cancel_a_start(desk: Desk) -> None:
    desk.door.may_answer.clear()
    launch = desk.launches.submit(LaunchRequest(image=IMAGE))
    await desk.reached(launch.id, Phase.STARTING)
    await desk.launches.cancel(launch.id)
    assert desk.launches.get(launch.id).phase is Phase.CANCELLED
    assert desk.launches.get(launch.id).error is None
    assert desk.door.kernels == set()
    await desk.launches.cancel(launch.id)  # once more is no error
    assert len(desk.door.stopped) == 1


async def test_cancel_at_once(desk: Desk) -> None:
    launch = desk.launches.submit(LaunchRequest(image=IMAGE))
    await desk.launches.cancel(launch.id)
    assert desk.launches.get(launch.id).phase is Phase.CANCELLED
    assert desk.door.kernels == set()


async def test_cancel_what_runs(desk: Desk) -> None:
    launch = desk.launches.submit(LaunchRequest(image=IMAGE, path="n.ipynb"))
    await desk.reached(launch.id, Phase.RUNNING)
    await desk.launches.cancel(launch.id)
    assert desk.launches.get(launch.id).phase is Phase.CANCELLED
    assert desk.door.kernels == set()
    await desk.launches.close()


async def test_close_gives_up_what_is_in_progress(desk: Desk) -> None:
    desk.door.may_answer.clear()
    launch = desk.launches.submit(LaunchRequest(image=IMAGE))
    await desk.reached(launch.id, Phase.STARTING)
    await desk.launches.close()
    assert desk.launches.get(launch.id).phase is Phase.CANCELLED
    assert desk.door.kernels == set()


async def test_nobody_takes_the_kernel(tmp_path: Path) -> None:
    desk = Desk(tmp_path, attach_timeout=0.01)
    launch = desk.launches.submit(LaunchRequest(image=IMAGE, path="n.ipynb"))
    ended = await desk.reached(launch.id, Phase.CANCELLED)
    assert ended.error is not None
    assert ended.error.code == "not_attached"
    assert desk.door.kernels == set()


async def test_a_kernel_that_was_taken_stays(tmp_path: Path) -> None:
    desk = Desk(tmp_path, attach_timeout=0.01)
    desk.door.may_answer.clear()
    launch = desk.launches.submit(LaunchRequest(image=IMAGE, path="n.ipynb"))
    desk.door.attached_kernels.add(launch.id)
    desk.door.may_answer.set()
    await desk.reached(launch.id, Phase.RUNNING)
    while desk.launches._tasks:  # the look whether somebody took it
        await asyncio.wait(set(desk.launches._tasks.values()))
    assert desk.launches.get(launch.id).phase is Phase.RUNNING
    assert desk.door.kernels == {launch.id}


async def test_kernels_that_jupyter_starts_of_its_own_accord(desk: Desk) -> None:
    launch = desk.launches.submit(LaunchRequest(image=IMAGE))
    await desk.reached(launch.id, Phase.RUNNING)
    environment = desk.environments.list()[0]
    desk.launches.begin("k", environment, "n.ipynb")
    own = desk.launches.get("k")
    assert (own.phase, own.environment, own.path) == (Phase.QUEUED, environment.name, "n.ipynb")
    desk.launches.fail("k", KernelExitedError("It died.", "Restart."))
    desk.launches.begin("k", environment, "n.ipynb")  # restarted
    desk.launches.advance("k", Phase.STARTING, error=None)
    desk.launches.advance("k", Phase.RUNNING)
    assert desk.launches.get("k").error is None
    desk.launches.end("k")
    assert desk.launches.get("k").phase is Phase.CANCELLED
    assert [each.id for each in desk.launches.list()] == ["k", launch.id]


async def test_words_about_unknown_kernels_are_ignored(desk: Desk) -> None:
    desk.launches.advance("x", Phase.RUNNING)
    desk.launches.fail("x", LaunchCancelledError("No."))
    desk.launches.end("x")
    assert desk.launches.list() == []
    with pytest.raises(LaunchNotFoundError) as caught:
        desk.launches.get("x")
    assert caught.value.error_code == "launch_not_found"


async def test_only_so_many_are_remembered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that ended; what runs is never forgotten."""
    monkeypatch.setattr(launch_book, "KEPT", 3)
    first = desk.launches.submit(LaunchRequest(image=IMAGE))
    await desk.reached(first.id, Phase.RUNNING)
    environment = desk.environments.list()[0]
    for number in range(5):
        desk.launches.begin(str(number), environment, "")
        desk.launches.end(str(number))
    assert [launch.id for launch in desk.launches.list()] == ["4", "3", "2", first.id]
    # how a kernel ended that ran for long is told, however many came and went meanwhile
    await desk.launches.cancel(first.id)
    assert desk.launches.get(first.id).phase is Phase.CANCELLED
    assert [launch.id for launch in desk.launches.list()] == ["4", "3", first.id]
    # and one that is begun anew is not forgotten for its first end
    desk.launches.advance("3", Phase.CREATING)
    for number in range(5, 8):
        desk.launches.begin(str(number), environment, "")
        desk.launches.end(str(number))
    assert {launch.id for launch in desk.launches.list()} == {"7", "6", "5", "3"}
    await desk.launches.close()


async def test_listeners_see_every_state(desk: Desk) -> None:
    launch = desk.launches.submit(LaunchRequest(image=IMAGE))
    await desk.reached(launch.id, Phase.RUNNING)
    phases = list(dict.fromkeys(state.phase for state in desk.seen))
    assert phases == [Phase.QUEUED, Phase.CREATING, Phase.STARTING, Phase.RUNNING]
    await desk.launches.close()


async def test_whom_it_replaces(desk: Desk) -> None:
    launch = desk.launches.submit(LaunchRequest(image=IMAGE, replaces="old"))
    assert desk.launches.replaced_by(launch.id) == "old"
    assert desk.launches.replaced_by("other") is None
    await desk.reached(launch.id, Phase.RUNNING)
    await desk.launches.close()
