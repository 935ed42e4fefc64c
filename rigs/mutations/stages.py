"""The stages of a trial: which tests a fault meets, in which order."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from rigs.mutations.faults import Fault
from rigs.mutations.jest_run import near, of_one, related, run_jest
from rigs.mutations.nearest import importers, nearest_first, test_files
from rigs.mutations.programs import Outcome, run_limited, tail
from rigs.mutations.pytest_run import PytestOptions, run_pytest
from rigs.mutations.tree import Tree
from rigs.mutations.trial import Stage

FAST, ENGINE, BROWSER = "not engine and not ui", "engine and not ui", "ui"
PACKAGING = "tests/packaging/"  # makes the package in each Python, and tries nothing of the product
BATCHES = (8, 40)  # the nearest files, then more, then the rest: to collect all takes its time
FRONT_END_LIMIT = 900.0  # seconds for jest, and for a step of the build
BUILD = (
    ("node", "node_modules/typescript/bin/tsc", "-p", "labextension"),
    (f"{sys.prefix}/bin/jupyter-builder", "build", "."),
)


@dataclass
class Suite:
    """The tests of a work tree.

    Parameters
    ----------
    paths : sequence of str
        Files and folders that the tests are taken from.
    whole : bool
        Whether the browser's tests take part.
    has_engine : bool
        Whether the engine's tests do.
    """

    tree: Tree
    options: PytestOptions
    paths: Sequence[str]
    whole: bool
    has_engine: bool

    def stages(self, fault: Fault) -> Iterator[Stage]:
        """Yield what a fault meets until it is found."""
        if not fault.is_python:
            if wanted := near(self.tree, fault.file):
                yield self._of_jest(wanted)
            yield self._of_jest(related(fault.file))
            if self.whole:
                yield self._of_browser_with_build(fault.file)
            return
        files = self._ordered(fault.file)
        for name, marks in self._marks():
            first = 0
            for number in (*BATCHES, len(files)):
                if batch := files[first : first + number]:
                    yield self._of_pytest(name, marks, batch)
                first += number

    def _marks(self) -> Iterator[tuple[str, str]]:
        yield "fast", FAST
        if self.has_engine:
            yield "engine", ENGINE
        if self.whole:
            yield "browser", BROWSER

    @cached_property
    def _importers(self) -> dict[str, set[str]]:
        return importers(self.tree.path)

    def _ordered(self, file: str) -> list[str]:
        files = test_files(self.tree.path, self.paths)
        if not self.whole:
            files = [test for test in files if not test.startswith(PACKAGING)]
        return nearest_first(self._importers, file, files)

    def _of_pytest(self, name: str, marks: str, files: Sequence[str]) -> Stage:
        pytest = partial(run_pytest, self.tree, options=self.options)
        return Stage(
            name,
            lambda without: pytest(files, marks=marks, without=without, side_by_side=True),
            lambda test: pytest([test]),
            lambda: pytest(files, marks=marks, only_collect=True),
        )

    def _of_jest(self, wanted: Sequence[str]) -> Stage:
        jest = partial(run_jest, self.tree, limit=FRONT_END_LIMIT)
        return Stage(
            "unit",
            lambda without: jest(wanted, without=without),
            lambda test: jest(of_one(test)),
            lambda: jest(wanted),
        )

    def _of_browser_with_build(self, file: str) -> Stage:
        stage = self._of_pytest("browser", BROWSER, self._ordered(file))
        return Stage(
            stage.name,
            lambda without: self._build() or stage.run(without),
            lambda test: self._build() or stage.run_one(test),
            lambda: self._build() or stage.begin(),
        )

    def _build(self) -> Outcome | None:
        """Build the front end in the tree; None: it is built."""
        with tempfile.NamedTemporaryFile(prefix="jgc-mutations-") as log:
            for command in BUILD:
                status = run_limited(
                    command, self.tree.path, self.tree.environment(), FRONT_END_LIMIT, log
                )
                if status != 0:
                    return Outcome("did not run", None, tail(Path(log.name)))
        return None


def engine_answers(tree: Tree) -> bool:
    """Whether there is a container engine for tests."""
    command = [sys.executable, str(tree.path / "scripts" / "engine.py"), "find"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
