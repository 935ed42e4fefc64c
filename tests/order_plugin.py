"""Which test runs when, and in which worker.

Fast files first, then those that need an engine, then the browser's; of each the longest first, as
the last run of all tests had it, so that no worker is alone with one at the end. Workers of
pytest-xdist take files whole, in this order: what a file sets up is set up once. The tests of
Podman and those of a rootless Docker are one piece of work each, so that one worker alone starts
such an engine.
"""

from __future__ import annotations

import gc
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from random_order.config import Config as RandomOrder
from xdist.scheduler import LoadFileScheduling

from tests.report_plugin import DURATIONS

STAGES = ("fast", "engine", "browser")
# seconds, of files which are one long test: for the first run of all
SCENARIOS = {"tests/ui/test_story.py": 80.0, "tests/ui/test_tutorial.py": 50.0}
ENGINE_OF_ITS_OWN = re.compile(r"/test_(podman|rootless)\.py|[\[-](podman|rootless)[\]-]")


def stage(item: pytest.Item) -> int:
    """Return which of STAGES a test is of."""
    if item.get_closest_marker("ui"):
        return 2
    return 1 if item.get_closest_marker("engine") else 0


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the run; leave out what cannot run: without real GPUs, or by others than root.

    A file is of the last stage of its tests. Browsers come last in each worker, too: Playwright
    keeps the event loop that it takes. Last of the plugins, so that a random order stays within.
    """
    cannot = [] if any(Path("/dev").glob("nvidia[0-9]*")) else ["hardware"]
    if os.geteuid() != 0:
        cannot.append("root")
    out = {item for item in items if any(map(item.get_closest_marker, cannot))}
    config.hook.pytest_deselected(items=list(out))
    items[:] = [item for item in items if item not in out]
    stages: dict[Path, int] = {}
    for item in items:
        stages[item.path] = max(stage(item), stages.get(item.path, 0))
    seconds = {} if RandomOrder(config).is_enabled else _seconds()
    items.sort(key=lambda item: (stages[item.path], -seconds.get(_file(item), 0.0)))


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of the search for garbage: it stays to the end."""
    gc.collect()
    gc.freeze()


def _seconds() -> dict[str, float]:
    """Return what files took, as far as it is known."""
    known = json.loads(DURATIONS.read_text("utf-8")) if DURATIONS.is_file() else {}
    return {**SCENARIOS, **known}


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


class Scheduling(LoadFileScheduling):
    """Files whole, and engines of their own whole."""

    def _split_scope(self, nodeid: str) -> str:
        engine = ENGINE_OF_ITS_OWN.search(nodeid)
        return engine[1] or engine[2] if engine else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """Take it where files are to stay whole (`--dist loadfile`)."""
    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None
