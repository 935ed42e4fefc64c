"""One run of the front end's unit tests in a work tree: those that import a file."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

from rigs.mutations.programs import Outcome, run_limited, tail
from rigs.mutations.tree import Tree

JEST = ("node", "node_modules/jest/bin/jest.js", "-c", "labextension/jest.config.js")
REPORTER = Path(__file__).with_name("first_failure.cjs")
TESTS = "labextension/src/__tests__"
# says by its status whether a file of TypeScript is one, types aside
_PARSES = """
const ts = require('typescript');
const { diagnostics } = ts.transpileModule(require('fs').readFileSync(process.argv[1], 'utf8'), {
  reportDiagnostics: true, fileName: process.argv[1] });
process.exit(diagnostics.length ? 1 : 0);
"""


def run_jest(
    tree: Tree, wanted: Sequence[str], limit: float, *, without: Collection[str] = ()
) -> Outcome:
    """Run unit tests until the first fails.

    Parameters
    ----------
    wanted : sequence of str
        Options that tell jest which: see `of_one`, `near` and `related`.
    limit : float
        Seconds.
    without : collection of str
        Those that do not count when they fail. jest cannot leave out a single test, so all run.
    """
    with tempfile.TemporaryDirectory(prefix="jgc-mutations-") as folder:
        failures, log = Path(folder) / "failures", Path(folder) / "log"
        failures.touch()
        command = [*JEST, "--silent", "--maxWorkers=2", "--reporters=default"]
        command += [f"--reporters={REPORTER}", *(() if without else ("--bail",)), *wanted]
        environment = {**tree.environment(), "JGC_FAILURES": str(failures)}
        with log.open("wb") as output:
            status = run_limited(command, tree.path, environment, limit, output)
        failed = [test for test in _failed(failures, tree.path) if test not in without]
        if failed:
            return Outcome("failed", failed[0], tail(log))
        if status is None:
            return Outcome("time-out", None, tail(log))
        is_told = status == 0 or bool(failures.read_bytes())
        return Outcome("passed") if is_told else Outcome("did not run", None, tail(log))


def related(file: str) -> list[str]:
    """Choose every test that imports a file, in any number of steps."""
    return ["--passWithNoTests", "--findRelatedTests", file]


def near(tree: Tree, file: str) -> list[str] | None:
    """Choose the tests that import a file themselves; None: there are none."""
    name = f"/{PurePosixPath(file).stem}'"
    tests = sorted((tree.path / TESTS).glob("*.spec.ts*"))
    found = [str(path) for path in tests if name in path.read_text("utf-8")]
    return ["--runTestsByPath", *found] if found else None


def of_one(test: str) -> list[str]:
    """Choose a test by the name that an outcome gives it: `FILE: NAME`, or all of the file."""
    spec, _, name = test.partition(": ")
    pattern = re.sub(r"[.*+?^${}()|[\]\\/]", r"\\\g<0>", name)
    return ["--runTestsByPath", spec, *((f"--testNamePattern=^{pattern}$",) if name else ())]


def parses(tree: Tree, file: str) -> bool:
    """Whether TypeScript can read a file; its types are not looked at."""
    with tempfile.TemporaryFile() as output:
        command = ["node", "-e", _PARSES, str(tree.path / file)]
        return run_limited(command, tree.path, tree.environment(), 120.0, output) == 0


def _failed(failures: Path, root: Path) -> list[str]:
    """Return the names of single tests that failed, or of files that could not be run."""
    rows = map(json.loads, failures.read_text("utf-8").splitlines())
    base = root.resolve()
    return [f"{Path(row['file']).relative_to(base).as_posix()}: {row['name']}" for row in rows]
