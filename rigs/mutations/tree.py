"""A work tree of its own for a run: at a commit, with what git does not keep lent by links."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rigs.mutations.faults import Fault, with_fault

PACKAGE = "jupyter_gpu_containers"
BUILT = f"{PACKAGE}/labextension"
# Folders that git ignores; links to what is in them, so that they stay folders for git's patterns.
# Of the last one only the folders: its files are written.
LENT = (".venv", "node_modules", ".run")
# what makes a suite: tests, and how they are run
SUITE = ("tests", "pyproject.toml", "labextension/src/__tests__", "labextension/jest.config.js")


class NotIsolated(Exception):
    """Python in the work tree imports the package from somewhere else."""


@dataclass
class Tree:
    """Where faults are tried. A fault is in a file only between `put` and `restore`."""

    path: Path
    after_change: Callable[[], None] | None = None  # such as a build of the front end
    _texts: dict[Path, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Return the variables for programs that import the package from here."""
        return {**os.environ, "PYTHONPATH": str(self.path)}

    def put(self, fault: Fault) -> None:
        """Make the fault; raises Gone where the file has no place for it."""
        path = self.path / fault.file
        text = path.read_text("utf-8") if path.exists() else ""
        changed = with_fault(fault, text)
        self._texts[path] = text
        self._write(path, changed)

    def restore(self) -> None:
        """Undo every fault."""
        for path, text in self._texts.items():
            self._write(path, text)
        self._texts.clear()

    def _write(self, path: Path, text: str) -> None:
        """Write a file, newer than before by a second: Python and jest look at the time."""
        newer = path.stat().st_mtime + 2
        path.write_text(text, "utf-8")
        os.utime(path, (newer, newer))
        if self.after_change:
            self.after_change()


@contextmanager
def work_tree(root: Path, commit: str, suite: str | None = None) -> Iterator[Tree]:
    """Check a commit out beside the checkout, with the tests of another one if asked for.

    Raises
    ------
    subprocess.CalledProcessError
        git does not know the commit.
    NotIsolated
        The tests would meet the package of the checkout.
    """
    folder = Path(tempfile.mkdtemp(prefix="jgc-mutations-"))
    path = folder / "tree"
    try:
        _git(root, "worktree", "add", "--quiet", "--detach", str(path), commit)
        if suite:
            _git(path, "restore", f"--source={suite}", "--worktree", "--", *SUITE)
        for name in LENT:
            lend(root / name, path / name, files=name != ".run")
        shutil.copytree(root / BUILT, path / BUILT)
        shutil.copy(root / PACKAGE / "_version.py", path / PACKAGE / "_version.py")
        tree = Tree(path)
        _check(tree)
        yield tree
    finally:
        _git(root, "worktree", "remove", "--force", str(path), check=False)
        shutil.rmtree(folder, ignore_errors=True)


def lend(source: Path, target: Path, *, files: bool = True) -> None:
    """Make a folder with a link to each thing, or each folder, that is in another one."""
    target.mkdir(exist_ok=True)
    for child in source.iterdir() if source.is_dir() else ():
        if files or child.is_dir():
            (target / child.name).symlink_to(child)


def resolved(root: Path, commit: str) -> str:
    """Return a commit's full name."""
    return _git(root, "rev-parse", "--verify", f"{commit}^{{commit}}").strip()


def _check(tree: Tree) -> None:
    """Make sure that Python imports the package of the tree, from any folder."""
    command = [sys.executable, "-c", f"import {PACKAGE}; print({PACKAGE}.__file__)"]
    found = subprocess.run(
        command, cwd="/", env=tree.environment(), capture_output=True, text=True, check=True
    ).stdout.strip()
    if not Path(found).is_relative_to(tree.path):
        raise NotIsolated(f"{PACKAGE} comes from {found}, not from {tree.path}")


def _git(folder: Path, *arguments: str, check: bool = True) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=check)
    return done.stdout
