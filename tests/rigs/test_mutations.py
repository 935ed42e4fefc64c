"""The mutation check: its list can be made again and used, and it tells a find from a miss."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

import pytest

from rigs.mutations.draw import AREAS, draw
from rigs.mutations.faults import Fault, Gone, read_list, where, with_fault
from rigs.mutations.nearest import importers, nearest_first
from rigs.mutations.programs import Outcome
from rigs.mutations.pytest_run import PytestOptions, run_pytest
from rigs.mutations.python_sites import python_sites
from rigs.mutations.tree import Tree
from rigs.mutations.trial import Stage, Trial
from rigs.mutations.typescript_sites import typescript_sites

ROOT = Path(__file__).resolve().parents[2]
KEPT = read_list()

PRODUCT = '''
"""Words."""

def larger(one: int, other: int) -> int:
    if one > other:
        return one
    return other
'''
TEST = """
from product import larger

def test_larger():
    assert larger(1, 2) == 2
    assert larger(2, 1) == 2

def test_that_fails_anyhow():
    assert larger(0, 0) == 1
"""
SEEN = Fault("a", "product.py", 7, "return", "return other", "return None")
SAME = Fault("b", "product.py", 5, "comparison", "if one > other:", "if one >= other:")
OLD = Fault("c", "product.py", 5, "comparison", "if one < other:", "if one <= other:")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Return a tiny product with its test, for a pytest that has no plug-ins to load."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", "utf-8")
    (tmp_path / "product.py").write_text(PRODUCT, "utf-8")
    (tmp_path / "test_product.py").write_text(TEST, "utf-8")
    return Tree(tmp_path)


def stages(tree: Tree) -> list[Stage]:
    """Return the one stage that the tiny product has."""

    def run(tests: Sequence[str], without: Sequence[str] = ()) -> Outcome:
        return run_pytest(tree, tests, PytestOptions(60), without=without)

    def none() -> Outcome:
        return Outcome("passed")

    every = ["test_product.py"]
    return [Stage("tiny", lambda without: run(every, without), lambda test: run([test]), none)]


def test_a_fault_is_found_and_one_that_changes_nothing_is_not(tree: Tree) -> None:
    trial = Trial(tree)
    found, missed, gone = (trial.try_fault(fault, stages(tree)) for fault in (SEEN, SAME, OLD))
    assert (found.result, found.by) == ("found", "test_product.py::test_larger")
    assert missed.result == "not found"
    assert (gone.result, gone.note) == ("gone", f"product.py no longer has the line: {OLD.old}")
    assert trial.broken == ["test_product.py::test_that_fails_anyhow"]
    assert (tree.path / "product.py").read_text("utf-8") == PRODUCT


def test_a_seed_gives_the_same_faults_each_time(tmp_path: Path) -> None:
    for area in AREAS:
        folder = tmp_path / area.folder
        folder.mkdir(parents=True)
        sample = next(path for path in sorted((ROOT / area.folder).glob(f"*{area.suffix}"))[1:])
        (folder / sample.name).write_bytes(sample.read_bytes())
    first, again, other = (draw(tmp_path, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert [fault.id for fault in first.faults] == ["s01", "d01", "m01"]


def test_the_list_that_is_kept_has_a_place_for_each_fault_or_says_that_it_is_gone() -> None:
    assert [len([f for f in KEPT.faults if f.file.startswith(a.folder)]) for a in AREAS] == [
        12,
        9,
        9,
    ]
    fitting = 0
    for fault in KEPT.faults:
        path = ROOT / fault.file
        text = path.read_text("utf-8") if path.exists() else ""
        try:
            changed = with_fault(fault, text)
        except Gone:
            continue
        fitting += 1
        number = where(fault, text) - 1
        before, after = text.split("\n"), changed.split("\n")
        assert before[:number] + before[number + 1 :] == after[:number] + after[number + 1 :]
        assert (before[number].strip(), after[number].strip()) == (fault.old, fault.new)
        if fault.is_python:
            ast.parse(changed)
    assert fitting  # a list of which nothing is left has to be drawn anew


def test_a_line_that_stands_in_two_places_is_told_apart_by_what_is_near() -> None:
    far = ["x = 1", *[""] * 200, "x = 1"]
    fault = Fault("a", "a.py", 195, "integer", "x = 1", "x = 2")
    assert where(fault, "\n".join(far)) == 202
    with pytest.raises(Gone, match=r"several times: 1, 2"):
        where(Fault("a", "a.py", 1, "integer", "x = 1", "x = 2"), "x = 1\nx = 1")


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("    ok = a < b", {"ok = a <= b"}),
        ("    ok = a and not c", {"ok = a or not c", "ok = a and c"}),
        ("    x += n - 1", {"x -= n - 1", "x += n + 1", "x += n - 2"}),
        ("    await f(on=True)", {"pass", "await f(on=False)"}),
        ("    return a is not None", {"return None", "return a is None"}),
        ("    é = 'é' if a in b else f'{1 + 1}'", {"é = 'é' if a not in b else f'{1 + 1}'"}),
        ("    self._log.info('%d', 1 + 1)", set()),
        ("    timeout: int = 5", set()),
        ("    'a' + b", set()),
    ],
)  # fmt: skip
def test_python_is_made_wrong_by_a_sign(line: str, wrong: set[str]) -> None:
    assert {site.new for site in python_sites(f"async def f():\n{line}\n")} == wrong


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("if (!a && b) {", {"if (a && b) {", "if (!a || b) {"}),
        ("  return a === b", {"return a !== b"}),
        ("const x = a < 2 ? true : 'a && b';", {
            "const x = a <= 2 ? true : 'a && b';",
            "const x = a < 3 ? true : 'a && b';",
            "const x = a < 2 ? false : 'a && b';",
        }),
        ("this._changed.emit(a);", {";"}),
        ("return a;", {"return undefined as any;"}),
        ("// a && b", set()),
        ("import { a } from '1';", set()),
        ("type A = true | 1;", set()),
        ("const PAUSE = 5; // milliseconds", set()),
        ("const p = /1 && 2/;", set()),
    ],
)  # fmt: skip
def test_typescript_is_made_wrong_by_a_sign(line: str, wrong: set[str]) -> None:
    assert {site.new for site in typescript_sites(line)} == wrong


def test_tests_that_import_the_module_come_first(tmp_path: Path) -> None:
    files = {
        "product/deep.py": "",
        "product/middle.py": "from . import deep",
        "tests/conftest.py": "",
        "tests/test_afar.py": "",
        "tests/test_beside.py": "from product import middle",
        "tests/test_close.py": "import product.deep",
        "tests/test_the_deep.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    tests = [name for name in files if "/test_" in name]
    order = nearest_first(importers(tmp_path), "product/deep.py", tests)
    stems = [Path(name).stem for name in order]
    assert stems == ["test_close", "test_the_deep", "test_beside", "test_afar"]
