"""One run of pytest in a work tree, to the first failure."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from rigs.mutations.programs import Outcome, run_limited, tail
from rigs.mutations.tree import Tree

NOTHING_COLLECTED = 5
_TIMED_OUT = "from pytest-timeout"  # in the message of a test that took longer than its time


@dataclass(frozen=True)
class PytestOptions:
    """How tests are run."""

    limit: float = 3600.0  # seconds for all of them
    test_limit: int | None = 120  # seconds for each; None: as the project has it
    workers: int = 2  # of pytest-xdist, where it is installed


def run_pytest(
    tree: Tree,
    tests: Sequence[str],
    options: PytestOptions,
    *,
    marks: str = "",
    without: Collection[str] = (),
    side_by_side: bool = False,
    only_collect: bool = False,
) -> Outcome:
    """Run tests until the first fails.

    Parameters
    ----------
    tests : sequence of str
        Files or node ids, in the order in which they are run.
    marks : str
        What `-m` takes.
    without : collection of str
        Node ids of tests that are left out.
    side_by_side : bool
        Whether several workers may run them.
    only_collect : bool
        Whether to stop before the first.
    """
    with tempfile.TemporaryDirectory(prefix="jgc-mutations-") as folder:
        cache, log = Path(folder) / "cache", Path(folder) / "log"
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--color=no"]
        command += ["-o", f"cache_dir={cache}"]
        command += ["-m", marks] if marks else []
        if options.test_limit and _has("pytest_timeout"):
            command += [f"--timeout={options.test_limit}"]
        if side_by_side and options.workers > 1 and _has("xdist"):
            command += [f"-n{options.workers}", "--dist=loadfile", "--no-loadscope-reorder"]
        command += ["--collect-only"] if only_collect else []
        command += [f"--deselect={test}" for test in without]
        with log.open("wb") as output:
            status = run_limited(
                [*command, *tests], tree.path, tree.environment(), options.limit, output
            )
        return _outcome(status, _first_failure(cache), log)


def _has(module: str) -> bool:
    return not os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD") and find_spec(module) is not None


def _first_failure(cache: Path) -> str | None:
    """Return the node id of what pytest remembers as failed, be it a test or a file."""
    kept = cache / "v" / "cache" / "lastfailed"
    failed: dict[str, bool] = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    return next(iter(failed), None)


def _outcome(status: int | None, failed: str | None, log: Path) -> Outcome:
    if status is None:
        return Outcome("time-out", None, tail(log))
    if failed:
        is_late = _TIMED_OUT in log.read_text("utf-8", "replace")
        return Outcome("time-out" if is_late else "failed", failed, tail(log))
    if status in (0, NOTHING_COLLECTED):
        return Outcome("passed")
    return Outcome("did not run", None, tail(log))
