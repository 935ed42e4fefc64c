"""Who imports whom among the product, its tests and its rigs, read from the sources.

What counts: imports anywhere in a file, and strings that name a module (`python -m ...`, pytest's
plugins). What does not: imports under `if TYPE_CHECKING`. Folders need no `__init__.py`, as with
pytest's importlib mode. Standard library only.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PACKAGES = ("jupyter_gpu_containers", "tests", "rigs")
MARKS = frozenset({"engine", "ui"})


@dataclass
class Module:
    """One file.

    Attributes
    ----------
    path : Path
        Below the root, as `path.as_posix()` is on pytest's command line.
    imports : set of str
        Names of modules of PACKAGES.
    tests : int
        Functions named `test_...`.
    marks, everywhere : set of str
        Which of MARKS some of its tests have, and which all of them.
    lends : dict
        Names of fixtures and values that bring such marks: which.
    uses : set of str
        Names that stand in this file.
    """

    path: Path
    imports: set[str] = field(default_factory=set)
    tests: int = 0
    marks: set[str] = field(default_factory=set)
    everywhere: set[str] = field(default_factory=set)
    lends: dict[str, set[str]] = field(default_factory=dict)
    uses: set[str] = field(default_factory=set)

    @property
    def is_test(self) -> bool:
        """Whether pytest collects it."""
        return self.path.parts[0] == "tests" and self.path.name.startswith("test_")

    @property
    def has_fast_tests(self) -> bool:
        """Whether some of its tests need neither engine nor browser."""
        return not self.everywhere


def name_of(path: Path) -> str:
    """Return a file's name as a module, e.g. `tests.model.test_image`."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class Graph:
    """All modules below a root; a file that is gone is known as long as somebody names it."""

    def __init__(self, root: Path, gone: Iterable[Path] = ()) -> None:
        paths = [path for package in PACKAGES for path in (root / package).rglob("*.py")]
        found = {name_of(path.relative_to(root)): path.relative_to(root) for path in paths}
        self._names = {*found, *map(name_of, gone)}
        self.modules = {name: self._read(root, path) for name, path in found.items()}
        lent: dict[str, set[str]] = {}
        for module in self.modules.values():
            lent.update(module.lends)
        for module in self.modules.values():
            for name in module.uses & lent.keys():
                module.marks |= lent[name]

    def distances(self, seeds: Iterable[str]) -> dict[str, int]:
        """Return the number of imports between each module that reaches a seed and the nearest.

        A conftest.py is imported by all tests below its folder.
        """
        importers: dict[str, set[str]] = defaultdict(set)
        for name, module in self.modules.items():
            for imported in module.imports:
                importers[imported].add(name)
            if module.is_test:
                for folder in module.path.parents:
                    importers[name_of(folder / "conftest.py")].add(name)
        found = dict.fromkeys(seeds, 0)
        queue = list(found)
        for name in queue:
            for importer in sorted(importers[name] - found.keys()):
                found[importer] = found[name] + 1
                queue.append(importer)
        return found

    # --- one file -----------------------------------------------------------------------------

    def _read(self, root: Path, path: Path) -> Module:
        module = Module(path)
        package = name_of(path.with_name("__init__.py"))
        for node in _walk(ast.parse((root / path).read_bytes(), str(path))):
            if isinstance(node, ast.Import):
                module.imports.update(*(self._resolve(alias.name) for alias in node.names))
            elif isinstance(node, ast.ImportFrom):
                origin = node.module or ""
                if node.level:
                    above = package.split(".")[: len(package.split(".")) - node.level + 1]
                    origin = ".".join([*above, *filter(None, [origin])])
                for alias in node.names:
                    module.imports |= self._resolve(f"{origin}.{alias.name}")
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                if "." in node.value and " " not in node.value:
                    module.imports |= self._resolve(node.value.partition(":")[0])
            elif isinstance(node, ast.Name | ast.arg):
                module.uses.add(node.id if isinstance(node, ast.Name) else node.arg)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self._note(module, node)
            elif isinstance(node, ast.Assign):
                self._note_value(module, node)
        module.imports.discard(name_of(path))
        return module

    def _resolve(self, dotted: str) -> set[str]:
        """Return the module that a name is or stands in; of other projects none."""
        parts = dotted.split(".")
        if parts[0] in PACKAGES:
            for length in range(len(parts), 0, -1):
                name = ".".join(parts[:length])
                if name in self._names:
                    return {name}
        return set()

    @staticmethod
    def _note(module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        marks = set().union(*map(_marks, node.decorator_list))
        if node.name.startswith("test_"):
            module.tests += 1
            module.marks |= marks
        elif marks:
            module.lends[node.name] = marks

    @staticmethod
    def _note_value(module: Module, node: ast.Assign) -> None:
        marks = _marks(node.value)
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        if "pytestmark" in names:
            module.marks |= marks
            module.everywhere |= marks
        elif marks:
            module.lends.update(dict.fromkeys(names, marks))


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Like `ast.walk`, without what is for type checkers alone."""
    nodes = [tree]
    for node in nodes:
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            nodes += node.orelse
        else:
            nodes += ast.iter_child_nodes(node)


def _marks(node: ast.AST) -> set[str]:
    """Return the marks of MARKS that stand in an expression as `mark.NAME`."""
    return {
        child.attr
        for child in ast.walk(node)
        if isinstance(child, ast.Attribute)
        and child.attr in MARKS
        and isinstance(child.value, ast.Attribute)
        and child.value.attr == "mark"
    }
