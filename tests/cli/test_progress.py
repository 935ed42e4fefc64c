"""The bar tells the truth and fits; without a terminal it is lines that say what is new."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from jupyter_gpu_containers.cli.progress import ERASE, Progress, bar_line, clock
from jupyter_gpu_containers.model.job import Job, JobKind, JobState, Step

GB = 10**9
REFERENCE = "nvcr.io/nvidia/pytorch:25.08-py3"
QUEUED = Job("1", JobKind.PULL, REFERENCE)
LAYERS = (
    Step("aaaaaaaaaaaa", "Pull complete", GB, GB, done=True),
    Step("bbbbbbbbbbbb", "Downloading", GB, 3 * GB),
)
HALF = replace(
    QUEUED,
    state=JobState.RUNNING,
    steps=LAYERS,
    current=2 * GB,
    total=4 * GB,
    speed=64e6,
    eta=32.0,
)


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_bar_in_full() -> None:
    assert bar_line(HALF, 200) == (
        f"Pulling {REFERENCE}  [{'█' * 12}{'░' * 12}]  50 %  2 GB of 4 GB  64 MB/s  0:32 left"
        "  1 of 2 layers"
    )


def test_without_a_total_there_is_no_percentage_and_no_time() -> None:
    line = bar_line(replace(HALF, total=None, eta=None), 200)
    assert line == f"Pulling {REFERENCE}  2 GB  64 MB/s  1 of 2 layers"
    words = (Step("", "Waiting for the registry"),)
    line = bar_line(replace(QUEUED, state=JobState.RUNNING, steps=words), 200)
    assert line == f"Pulling {REFERENCE}  Waiting for the registry"


def test_when_all_bytes_are_there_the_rest_has_a_name() -> None:
    line = bar_line(replace(HALF, current=4 * GB, eta=None), 200)
    assert "100 %  4 GB of 4 GB  unpacking  1 of 2 layers" in line


def test_more_than_was_announced_is_not_more_than_everything() -> None:
    assert "100 %" in bar_line(replace(HALF, current=5 * GB), 200)


@pytest.mark.parametrize("width", [1, 20, 40, 60, 79, 100, 119])
def test_a_bar_fits_the_terminal(width: int) -> None:
    line = bar_line(HALF, width)
    assert len(line) <= width
    assert width < 40 or "50 %" in line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0:00"), (7, "0:07"), (59.6, "1:00"), (95, "1:35"), (7325, "2:02:05")],
)
def test_times(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_on_a_terminal_one_line_is_drawn_again_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    screen = Screen()
    progress = Progress(screen)
    for job in (QUEUED, HALF, replace(HALF, current=3 * GB), replace(HALF, state=JobState.FAILED)):
        progress.show(job)
    progress.close()
    first, half, later, end = screen.getvalue().split(ERASE)
    assert (first, end) == ("", "")
    assert "50 %" in half
    assert "75 %" in later
    assert "\n" not in screen.getvalue()


def test_elsewhere_a_line_for_each_thing_that_is_new() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    layers = (LAYERS[0], replace(LAYERS[1], status="Pull complete", done=True))
    done = replace(HALF, state=JobState.SUCCEEDED, ended=9.0, steps=layers)
    for job in (QUEUED, HALF, HALF, replace(HALF, current=3 * GB), done, done):
        progress.show(job)
    progress.close()
    assert stream.getvalue().splitlines() == [
        f"{REFERENCE}: pull queued",
        f"{REFERENCE}: pull running",
        "aaaaaaaaaaaa: Pull complete",
        "bbbbbbbbbbbb: Pull complete",
        f"{REFERENCE}: pull succeeded",
    ]


def test_for_programs_nothing() -> None:
    screen = Screen()
    progress = Progress(screen, quiet=True)
    progress.show(HALF)
    progress.close()
    assert screen.getvalue() == ""
