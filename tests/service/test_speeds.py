"""How long a download should take: told by this user's own pulls, and by nothing else."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_gpu_containers.model.job import Job, JobKind, JobState
from jupyter_gpu_containers.service.image.speeds import KEPT, RECENT, Speeds

MB = 1_000_000
NOW = time.time()
PULL = Job(
    "1",
    JobKind.PULL,
    "nvcr.io/nvidia/pytorch:25.08-py3",
    JobState.SUCCEEDED,
    created=NOW - 10,
    ended=NOW,
    current=500 * MB,  # 50 MB a second
)
OTHER = "nvcr.io/nvidia/tensorflow:25.02"


def test_the_next_pull_from_the_same_registry() -> None:
    speeds = Speeds()
    assert speeds.seconds(OTHER, 8900 * MB) is None
    speeds.note(PULL)
    assert speeds.seconds(OTHER, 8900 * MB) == 178
    assert speeds.seconds(OTHER, 1) == 1
    assert speeds.seconds("pytorch/pytorch", 8900 * MB) is None  # Docker Hub, of which none came


@pytest.mark.parametrize("size", [None, 0])
def test_nothing_to_fetch_takes_no_time(size: int | None) -> None:
    speeds = Speeds()
    speeds.note(PULL)
    assert speeds.seconds(OTHER, size) is None


@pytest.mark.parametrize(
    "job",
    [
        replace(PULL, kind=JobKind.PUSH),
        replace(PULL, state=JobState.CANCELLED),
        replace(PULL, state=JobState.RUNNING, ended=None),
        replace(PULL, current=MB),  # of which most was waiting
        replace(PULL, ended=PULL.created),  # the clock was set back
    ],
)
def test_what_teaches_nothing(job: Job) -> None:
    speeds = Speeds()
    speeds.note(job)
    assert speeds.seconds(OTHER, 8900 * MB) is None


def test_the_last_few_count_by_their_size() -> None:
    speeds = Speeds()
    for _ in range(KEPT):
        speeds.note(replace(PULL, current=9 * MB))  # forgotten
    for _ in range(KEPT - 1):
        speeds.note(replace(PULL, current=100 * MB))
    speeds.note(replace(PULL, current=600 * MB))
    assert speeds.seconds(OTHER, 1000 * MB) == 50  # 1000 MB in 50 seconds


def test_an_old_pull_tells_nothing_of_today() -> None:
    speeds = Speeds()
    then = NOW - RECENT - 60
    speeds.note(replace(PULL, created=then - 10, ended=then))
    assert speeds.seconds(OTHER, 8900 * MB) is None


def test_it_outlives_the_server_and_is_shared_by_the_users_others(tmp_path: Path) -> None:
    file = tmp_path / "gpu_containers" / "speeds.json"
    one, other = Speeds(file), Speeds(file)
    one.note(PULL)
    other.note(replace(PULL, reference="debian:12", current=100 * MB))
    later = Speeds(file)
    assert later.seconds(OTHER, 500 * MB) == 10
    assert later.seconds("pytorch/pytorch", 500 * MB) == 50
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"nvcr.io": 3}', '{"nvcr.io": [[1]]}', '{"nvcr.io": [[9e9, 0, 1]]}', "\0"],
)
def test_a_damaged_file_is_no_file(tmp_path: Path, content: str) -> None:
    file = tmp_path / "speeds.json"
    file.write_text(content)
    speeds = Speeds(file)
    assert speeds.seconds(OTHER, 500 * MB) is None
    speeds.note(PULL)
    assert Speeds(file).seconds(OTHER, 500 * MB) == 10


def test_a_disk_that_takes_nothing_costs_only_the_memory_of_it(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    speeds = Speeds(blocked / "speeds.json")
    speeds.note(PULL)
    assert speeds.seconds(OTHER, 500 * MB) == 10
