"""Lines of the log that carry their launch's id."""

from __future__ import annotations

import asyncio
import logging

import pytest

from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.service.operations.launch_log import (
    LaunchLog,
    carry_launch_ids,
    current,
)

ASKED = Launch("k1", image="team/torch:1", environment="torch", path="secret plans.ipynb")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> logging.Logger:
    caplog.set_level(logging.DEBUG)
    logger = logging.getLogger(f"{__name__}.{id(caplog)}")
    carry_launch_ids(logger)
    carry_launch_ids(logger)  # of a second graph in the process
    return logger


async def test_work_on_a_launch_marks_its_lines_and_no_others(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(launch_id: str) -> None:
        current.set(launch_id)
        await asyncio.sleep(0)
        log.info("took %d %%", 5)
        await asyncio.to_thread(log.warning, "in a thread: 100%")

    await asyncio.gather(work("k1"), work("k%s"))
    log.info("of nobody")
    assert sorted(record.getMessage() for record in caplog.records) == [
        "launch=k%s in a thread: 100%",
        "launch=k%s took 5 %",
        "launch=k1 in a thread: 100%",
        "launch=k1 took 5 %",
        "of nobody",
    ]
    ids = {getattr(record, "launch_id", None) for record in caplog.records}
    assert ids == {"k1", "k%s", ""}


def test_a_line_that_names_its_launch_is_not_marked_twice(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    token = current.set("k1")
    try:
        log.info("kernel %s died", "k1")
    finally:
        current.reset(token)
    assert caplog.messages == ["kernel k1 died"]


def test_each_step_is_one_line_with_fields(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    lines, launch = LaunchLog(log), ASKED
    steps = (
        (Phase.QUEUED, 10.0),
        (Phase.CREATING, 10.25),
        (Phase.STARTING, 11.0),
        (Phase.RUNNING, 12.5),
        (Phase.FAILED, 20.0),
    )
    for phase, at in steps:
        gpus = ("GPU-1", "GPU-2") if phase is Phase.STARTING else launch.gpus
        error = Problem("out_of_memory", "words") if phase is Phase.FAILED else None
        launch = launch.advance(phase, at, gpus=gpus, error=error)
        lines.follow(launch)
        lines.follow(launch)  # a detail that changed
    common = "environment=torch image=team/torch:1 gpus=GPU-1,GPU-2"
    assert caplog.messages == [
        "launch=k1 phase=queued environment=torch image=team/torch:1",
        "launch=k1 phase=creating environment=torch image=team/torch:1",
        f"launch=k1 phase=starting {common}",
        f"launch=k1 phase=running {common} queued_s=0.250 creating_s=0.750 starting_s=1.500",
        f"launch=k1 phase=failed {common} code=out_of_memory ran_s=7.500",
    ]
    levels = [record.levelno for record in caplog.records]
    assert levels == [logging.DEBUG] * 3 + [logging.INFO] * 2
    assert {getattr(record, "launch_id", None) for record in caplog.records} == {"k1"}


def test_a_program_tells_why_it_waits_and_no_more(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """Papermill and others have words of their own for how it went."""
    lines, launch = LaunchLog(log, lambda: False), ASKED
    for at, phase in enumerate((Phase.PULLING, Phase.WAITING, Phase.RUNNING, Phase.CANCELLED)):
        launch = launch.advance(phase, float(at))
        lines.follow(launch)
    told = [r.getMessage() for r in caplog.records if r.levelno == logging.INFO]
    assert [text.split()[1] for text in told] == ["phase=pulling", "phase=waiting"]


def test_a_value_cannot_pass_for_another_field_or_line(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    launch = Launch("k1", image='x code="a\n[I] fine').advance(Phase.QUEUED, 1.0)
    LaunchLog(log).follow(launch)
    assert caplog.messages == ['launch=k1 phase=queued image="x code=\\"a\\\\n[I] fine"']
