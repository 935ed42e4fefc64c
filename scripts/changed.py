"""What `./run test --changed` runs: the tests that a change can break, by imports, in 3 minutes.

    changed.py [--changed[=REV]]     in the root of a checkout; prints lines `KIND VALUE`

Kinds: `python FILE` and `front FILE` have changed (the latter in the front end); `fast FILE`: run
its tests that need neither engine nor browser; `heavy FILE`: run all of it; `needs engine`, `needs
ui`: what those need; `say TEXT`: to be told in the end, what was left out among it.

Changed are files that differ from REV; without it, from where this branch left origin/main (from
HEAD where there is none), or where nothing does, from the last commit's parent.

THE RULE. Nearly every test of the engine or in a browser starts the whole server, and so reaches
all of the product. Therefore tests are taken the nearest first, counted in imports, those of the
changed file's own layer before others and then the cheapest, until SECONDS are used up. Tests with
engine or browser are taken only if their file itself imports or reads what has changed, and for
half of SECONDS: others need it no more than any start of a server does. Tests that have changed
themselves are always run. What reaches the change and is not run is counted and said.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from import_graph import PACKAGES, Graph, Module, name_of

# Of all workers together: two of them have done with it in about two minutes, which leaves one for
# linters, for collecting tests and for the front end's units.
SECONDS = 220.0
DURATIONS = Path(".run/durations.json")  # of the last run of all tests: seconds by file
# Where that is absent: seconds for each test function. Its parameters make two of one in the mean.
FAST, PACKAGING, ENGINE, UI = 0.3, 15.0, 4.0, 6.0

# Whose tests read a file without importing it; the longest beginning counts. Folders hold tests.
READERS: dict[str, tuple[str, ...]] = {
    "run": ("tests/checkout",),
    "scripts/": ("tests/checkout",),
    "docs/": ("tests/docs",),
    "README.md": ("tests/docs",),
    "CHANGELOG.md": ("tests/docs",),
    "CONTRIBUTING.md": ("tests/docs",),
    "package.json": ("tests/packaging/test_build.py",),
    "pyproject.toml": ("tests/packaging/test_build.py",),
    "jupyter_gpu_containers/web/openapi.yaml": ("tests/web", "tests/cli/test_operations.py"),
    # the states of the interface are the one test of the browser that shows every view of it, on a
    # made-up server; the others test what goes on between page, server and engine
    "labextension/": ("tests/ui/test_states.py",),
    "labextension/src/": (
        "tests/ui/test_states.py",
        "tests/docs/test_words.py",
        "tests/cli/test_documents.py",
        "tests/security/test_surface.py",
    ),
}
IMAGES = "tests/images/"


def git(*arguments: str) -> list[str] | None:
    """Return the names that git prints, separated by NUL; None if it refuses."""
    command = ["git", "--no-optional-locks", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [name for name in done.stdout.split("\0") if name] if done.returncode == 0 else None


def changed_files(revision: str) -> list[Path]:
    """Return what differs from a revision, also what is gone; see above for the choice of it."""
    new = git("ls-files", "--others", "--exclude-standard", "-z") or []
    left = [base.strip() for base in git("merge-base", "HEAD", "origin/main") or []]
    for base in [revision] if revision else [*left, "HEAD", "HEAD~1"]:
        differing = git("diff", "--name-only", "--no-renames", "-z", base, "--")
        if differing is None and revision:
            sys.exit(f"git knows no revision {revision}")
        if found := {*(differing or []), *new}:
            return sorted(map(Path, found))
    return []


@dataclass
class Plan:
    """What is run, what is not, and why."""

    fast: list[Path] = field(default_factory=list)
    heavy: list[Module] = field(default_factory=list)
    left_fast: set[Path] = field(default_factory=set)
    left_heavy: set[Path] = field(default_factory=set)

    def lines(self) -> Iterator[str]:
        """Give the lines to print."""
        yield from (f"fast {path}" for path in self.fast)
        for module in self.heavy:
            yield f"heavy {module.path}"
            yield from (f"needs {mark}" for mark in sorted(module.marks))
        if self.left_heavy:
            yield (
                f"say {_files(self.left_heavy)} with engine or browser reach it only through the "
                "whole server, or would take too long: ./run test runs them"
            )
        if self.left_fast:
            yield (
                f"say {_files(self.left_fast)} with fast tests reach it, too, from farther away "
                "than three minutes allow: ./run test runs them"
            )


class Choice:
    """The tests of a checkout, and how near they are to a change."""

    def __init__(self, root: Path, changed: list[Path]) -> None:
        gone = [path for path in changed if not (root / path).exists() and path.suffix == ".py"]
        self._changed = changed
        self._graph = Graph(root, gone)
        self._tests = {m.path: m for m in self._graph.modules.values() if m.is_test}
        self._texts = {path: (root / path).read_text("utf-8") for path in self._tests}
        self._distances = self._all_distances()
        # e.g. `service`: where a layer of the product stands, and the folder of its tests
        self._layers = {path.parts[1] for path in changed if path.parts[0] == PACKAGES[0]}
        durations = root / DURATIONS
        self._durations = json.loads(durations.read_text("utf-8")) if durations.exists() else {}

    def plan(self) -> Plan:
        """Apply THE RULE."""
        plan, left, left_for_heavy = Plan(), SECONDS, SECONDS / 2
        for path in sorted(self._distances, key=self._order):
            test, distance = self._tests[path], self._distances[path]
            whole, fast = self._seconds(test, test.marks), self._seconds(test, frozenset())
            if test.marks and (
                distance == 0 or (distance == 1 and whole <= min(left, left_for_heavy))
            ):
                plan.heavy.append(test)
                left, left_for_heavy = left - whole, left_for_heavy - whole
                continue
            if test.marks:
                plan.left_heavy.add(path)
            if test.has_fast_tests and (distance == 0 or fast <= left):
                plan.fast.append(path)
                left -= fast
            elif test.has_fast_tests:
                plan.left_fast.add(path)
        return plan

    def _order(self, path: Path) -> tuple[int, bool, float]:
        other = path.parts[1] not in self._layers
        return self._distances[path], other, self._seconds(self._tests[path], frozenset())

    def _seconds(self, test: Module, marks: Iterable[str]) -> float:
        """Return what the tests of a file take: all of them, or without `marks` the fast ones."""
        known = self._durations.get(test.path.as_posix())
        if known is not None and set(marks) == test.marks:
            return float(known)
        kind = FAST if test.path.parts[1] != "packaging" else PACKAGING
        each = UI if "ui" in marks else ENGINE if "engine" in marks else kind
        return min(test.tests * each, known or float("inf"))

    def _all_distances(self) -> dict[Path, int]:
        """Return the distance of each test that reaches the change."""
        seeds: set[str] = set()
        near: set[Path] = set()  # tests that read what has changed
        for path in self._changed:
            if path.as_posix().startswith(IMAGES):
                continue
            if path.suffix == ".py" and path.parts[0] in PACKAGES:
                seeds |= self._with_parts(path)
                continue
            readers = self._readers(path)
            near |= readers
            if not readers and path.parts[0] in PACKAGES:
                seeds |= self._modules_beside(path)
        found = self._graph.distances(seeds)
        of_tests = {
            m.path: found[name_of(m.path)] for m in self._tests.values() if name_of(m.path) in found
        }
        return of_tests | {path: 0 if of_tests.get(path) == 0 else 1 for path in near}

    def _with_parts(self, path: Path) -> set[str]:
        """Return a module's name; of a package also its parts, whose import runs it as well."""
        name = name_of(path)
        if path.name != "__init__.py":
            return {name}
        return {name, *(part for part in self._graph.modules if part.startswith(f"{name}."))}

    def _readers(self, path: Path) -> set[Path]:
        """Return the tests which read a file that is no module: READERS, beside it, naming it."""
        text = path.as_posix()
        homes = max((key for key in READERS if text.startswith(key)), key=len, default="")
        folders = [Path(home) for home in READERS.get(homes, ())]
        if path.parts[0] == "tests":
            beside = [f for f in path.parents[:-2] if any(t.parent == f for t in self._tests)]
            folders += beside[:1]
        named = {
            test for test, source in self._texts.items() if path.suffix and path.name in source
        }
        return named | {t for t in self._tests if any(t == f or f in t.parents for f in folders)}

    def _modules_beside(self, path: Path) -> set[str]:
        """Return the modules of the nearest folder above a file that has any."""
        for folder in path.parents:
            if found := {n for n, m in self._graph.modules.items() if m.path.parent == folder}:
                return found
        return set()


def _files(paths: Iterable[Path]) -> str:
    count = len(list(paths))
    return f"{count} test file{'' if count == 1 else 's'}"


def main() -> None:
    """Print the lines."""
    revision = next((text.partition("=")[2] for text in sys.argv[1:]), "")
    root = Path.cwd()
    changed = changed_files(revision)
    there = [path for path in changed if (root / path).exists()]
    for path in there:
        if path.suffix == ".py":
            print(f"python {path}")
        elif path.parts[0] == "labextension" or path.name == "package.json":
            print(f"front {path}")
    if any(path.as_posix().startswith(IMAGES) for path in changed):
        print("say Every test with an engine runs on tests/images, too many for this: ./run test")
    for line in Choice(root, changed).plan().lines():
        print(line)


if __name__ == "__main__":
    main()
