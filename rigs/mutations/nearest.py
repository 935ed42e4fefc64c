"""Which test files come first for a module: those that import it, over the fewest steps."""

from __future__ import annotations

import ast
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

FAR = 1_000  # for those that do not import it, but may start a program that does


def nearest_first(edges: Mapping[str, set[str]], file: str, tests: Iterable[str]) -> list[str]:
    """Order test files by their distance from a file; one of its name is as near as an importer.

    Parameters
    ----------
    edges : mapping
        Which files import a file, as `importers` returns it.
    file : str
        The file of a module, relative to it.
    tests : iterable of str
        Test files, relative to it.
    """
    distances = _distances(file, edges)
    name = PurePosixPath(file).stem.rstrip("s")

    def rank(test: str) -> tuple[int, str]:
        is_named = name in PurePosixPath(test).stem
        return 1 if is_named else distances.get(test, FAR), test

    return sorted(tests, key=rank)


def test_files(root: Path, paths: Iterable[str]) -> list[str]:
    """Return the test files that are named, or are in the folders that are."""
    found: set[Path] = set()
    for path in paths:
        found |= set((root / path).rglob("test_*.py")) if (root / path).is_dir() else {root / path}
    return sorted(path.relative_to(root).as_posix() for path in found)


def importers(root: Path) -> dict[str, set[str]]:
    """Return for each file of a folder's packages which files import it, by their texts.

    A conftest.py counts as imported by everything in its folder.
    """
    files = {
        path.relative_to(root).as_posix(): path
        for folder in sorted(root.iterdir())
        if folder.is_dir() and not folder.is_symlink() and not folder.name.startswith(".")
        for path in folder.rglob("*.py")
        if "node_modules" not in path.parts
    }
    found: dict[str, set[str]] = defaultdict(set)
    for name, path in files.items():
        for module in _imports(ast.parse(path.read_bytes()), PurePosixPath(name).parent):
            for candidate in (f"{module}.py", f"{module}/__init__.py"):
                if candidate in files:
                    found[candidate].add(name)
        for folder in PurePosixPath(name).parents:
            if (conftest := (folder / "conftest.py").as_posix()) in files and conftest != name:
                found[conftest].add(name)
    return found


def _imports(tree: ast.Module, folder: PurePosixPath) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.replace(".", "/") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = (node.module or "").replace(".", "/")
            if node.level:
                base = ([folder, *folder.parents][node.level - 1] / base).as_posix()
            yield base
            yield from (f"{base}/{alias.name}" for alias in node.names)


def _distances(start: str, edges: Mapping[str, set[str]]) -> dict[str, int]:
    found = {start: 0}
    waiting = deque([start])
    while waiting:
        file = waiting.popleft()
        for importer in edges.get(file, ()):
            if importer not in found:
                found[importer] = found[file] + 1
                waiting.append(importer)
    return found
