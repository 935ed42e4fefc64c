"""A run of the tests with canary secrets around it: a hit fails the test that it is seen in.

A hit that is seen when all tests are done, of a container that one of the last has started, fails
the run: its exit status is 1. Each worker of pytest-xdist has secrets and a listener of its own;
at its end it tells the first process what was searched and found.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.canaries import SUITE
from tests.canary_listener import SUITE_LISTENER


@dataclass
class OfWorkers:
    """What workers have told at their end."""

    hits: list[str] = field(default_factory=list)
    untold: int = 0  # of these, those that failed no test


ENOUGH = 10  # containers, of which at least one must have been there long enough to be looked at
SHOWN = 20  # hits

_told: list[str] = []  # hits that are a test's
_of_workers = OfWorkers()
_before: dict[str, str | None] = {}


def pytest_configure(config: pytest.Config) -> None:
    """Let whatever this process starts have secrets in its environment."""
    _before.update({name: os.environ.get(name) for name in SUITE.environment})
    os.environ.update(SUITE.environment)
    SUITE_LISTENER.active = True


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave the environment as it was."""
    for name, value in _before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Fail a test when secrets were seen; containers of the one before it are possible, too."""
    result = yield
    if hits := _new_hits():
        pytest.fail("canary secrets, seen in this test:\n" + "\n".join(hits), pytrace=False)
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run over what was seen last, and when nobody has looked."""
    SUITE_LISTENER.close()
    if len(SUITE_LISTENER.seen) >= ENOUGH and not SUITE_LISTENER.inspected:
        SUITE.hits.append(f"none of {len(SUITE_LISTENER.seen)} containers could be looked at")
    _count_containers()
    untold = _new_hits()
    workeroutput: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if workeroutput is not None:
        told = {"searched": dict(SUITE.counts), "hits": SUITE.hits, "untold": len(untold)}
        workeroutput["canaries"] = told
    elif (untold or _of_workers.untold) and session.exitstatus in (pytest.ExitCode.OK, 5):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker has searched and found; one that died has told nothing."""
    told = getattr(node, "workeroutput", {}).get("canaries")
    if told is not None:
        SUITE.counts.update(told["searched"])
        _of_workers.hits.extend(told["hits"])
        _of_workers.untold += told["untold"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was searched; pytest's own summary comes after it."""
    hits = [*SUITE.hits, *_of_workers.hits]
    if not SUITE.counts and not hits:
        return
    said = ", ".join(f"{count} {place}" for place, count in SUITE.counts.items())
    terminalreporter.section("canary secrets")
    terminalreporter.line(f"{len(hits)} hits in {said}")
    for hit in hits[:SHOWN]:
        terminalreporter.line(hit, red=True)


def _count_containers() -> None:
    """Count what the listener has looked at among what was searched."""
    if SUITE_LISTENER.seen:
        SUITE.counts["containers inspected"] = len(SUITE_LISTENER.inspected)
        SUITE.counts["command lines"] = SUITE_LISTENER.read["cmdline"]
        SUITE.counts["environments"] = SUITE_LISTENER.read["environ"]
        gone = SUITE_LISTENER.seen - SUITE_LISTENER.inspected
        SUITE.counts["containers gone before"] = len(gone)


def _new_hits() -> list[str]:
    SUITE_LISTENER.collect()
    new = SUITE.hits[len(_told) :]
    _told.extend(new)
    return new
