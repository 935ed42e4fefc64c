"""docs/threats.md is complete, and what it names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "threats.md").read_text("utf-8")
ROWS = re.findall(r"^\| (T\d+) \| (.+?) \| (.+?) \| (.*?) ?\|$", PAGE, re.MULTILINE)


def test_every_threat_has_its_row() -> None:
    assert [number for number, *_ in ROWS] == [f"T{number}" for number in range(1, 38)]


def test_every_row_names_a_test_or_says_why_there_is_none() -> None:
    silent = [row[0] for row in ROWS if "::" not in row[3] and "Not tested:" not in row[2]]
    assert silent == []


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 40
    absent = []
    for file, name in named:
        path = ROOT / file
        tree = ast.parse(path.read_text("utf-8")) if path.is_file() else ast.Module([], [])
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        if not any(isinstance(node, functions) and node.name == name for node in ast.walk(tree)):
            absent.append(f"{file}::{name}")
    assert absent == []
    assert PAGE.count("::test_") == len(named)  # none is spelt so that it was not found


def test_every_test_of_this_folder_is_named() -> None:
    """At least one test of each file: a threat that is tried is one that is told."""
    files = sorted(path.name for path in Path(__file__).parent.glob("test_*.py"))
    others = {"test_threats.py", "test_limits.py"}
    assert [file for file in files if f"security/{file}::" not in PAGE and file not in others] == []
