"""The mutation check: its list can be used, and it tells a find from a miss."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

import pytest

from rigs.mutations.draw import AREAS
from rigs.mutations.faults import Fault, Gone, read_list, where, with_fault
from rigs.mutations.programs import Outcome
from rigs.mutations.pytest_run import PytestOptions, run_pytest
from rigs.mutations.tree import Tree
from rigs.mutations.trial import Stage, Trial

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
