"""Which kernels are restarted without being asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.kernel.ending import RESTART
from jupyter_gpu_containers.model.kernel.restarts import (
    NEVER,
    not_restarted,
    was_restarted,
    why_not,
)

CRASH = Problem("kernel_signalled", "The kernel was ended by signal 11 (SIGSEGV).", "Restart it.")


@pytest.mark.parametrize("code", NEVER)
def test_never(code: str) -> None:
    assert why_not(Problem(code, "It ended."), (), 0.0) == NEVER[code]


@pytest.mark.parametrize(
    "code",
    [
        "out_of_memory",
        "kernel_exited",
        "kernel_signalled",
        "engine_restarted",
        "pids_limit",
        "kernel_timeout",
    ],
)
def test_once(code: str) -> None:
    assert why_not(Problem(code, "It ended."), (), 0.0) is None


def test_unknown_reason() -> None:
    assert why_not(None, (), 0.0) is None
    assert why_not(None, (1.0, 2.0, 3.0), 4.0) is not None


@pytest.mark.parametrize(
    ("restarts", "now", "restarted"),
    [
        ((0.0, 1.0), 2.0, True),
        ((0.0, 1.0, 2.0), 3.0, False),
        ((0.0, 300.0, 599.0), 599.9, False),
        ((0.0, 300.0, 599.0), 600.0, True),  # the first one is ten minutes ago
        ((0.0, 300.0, 599.0), 9999.0, True),
    ],
)
def test_three_in_ten_minutes(restarts: tuple[float, ...], now: float, restarted: bool) -> None:
    assert (why_not(CRASH, restarts, now) is None) == restarted


def test_slow_death_is_bounded() -> None:
    """jupyter_client alone would restart it 60 times in this hour, and so on for ever."""
    restarts: tuple[float, ...] = ()
    for minute in range(60):
        if why_not(CRASH, restarts[-3:], minute * 60.0) is None:
            restarts = (*restarts, minute * 60.0)
    assert restarts == tuple(
        minute * 60.0 for ten in range(0, 60, 10) for minute in (ten, ten + 1, ten + 2)
    )


def test_words() -> None:
    why = why_not(CRASH, (1.0, 2.0, 3.0), 4.0)
    assert why == "it was restarted 3 times in the last 10 minutes"
    assert not_restarted(CRASH, why) == Problem(
        "kernel_signalled",
        "The kernel was ended by signal 11 (SIGSEGV). It was not restarted automatically: it was "
        "restarted 3 times in the last 10 minutes.",
        "Restart it.",
    )


def test_the_log_stays() -> None:
    death = Problem("disk_full", "The disk is full.", "Delete.", "ENOSPC\n")
    assert not_restarted(death, "the disk is full").log == "ENOSPC\n"


def test_words_after_a_restart() -> None:
    death = Problem("out_of_memory", "It was killed: out of memory.", "Use less.", "bye\n")
    assert was_restarted(death) == Problem(
        "out_of_memory",
        "It was killed: out of memory. It was restarted automatically, and its variables are lost.",
        "Use less.",
        "bye\n",
    )
    assert was_restarted(replace(death, hint=RESTART)).hint == ""


def test_words_without_a_reason() -> None:
    assert not_restarted(None, "why").message == (
        "The kernel ended. It was not restarted automatically: why."
    )
