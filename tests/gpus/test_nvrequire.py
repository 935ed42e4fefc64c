"""The hook's stand-in refuses what NVIDIA's own evaluator refuses."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.doubles.engine import HOOK
from tests.model.cases import CASES, requirement


def load(path: Path) -> ModuleType:
    """The hook runs as a program of its own; its folder is on no import path."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


nvrequire = load(HOOK / "nvrequire.py")


def said(text: str, facts: dict[str, str | None]) -> str:
    try:
        nvrequire.check(text, facts)
    except nvrequire.RequirementError as refusal:
        return str(refusal)
    return ""


@pytest.mark.parametrize(("text", "host", "expected", "note"), CASES["evaluate"])
def test_outcomes_are_nvidias(text: str, host: str, expected: str, note: str) -> None:
    words = said(requirement(text), CASES["hosts"][host])
    beginning = {"pass": "", "fail": "unsatisfied condition: ", "error": "invalid expression"}
    assert words.startswith(beginning[expected]), words
    assert bool(words) == (expected != "pass"), words


@pytest.mark.parametrize(("text", "message"), CASES["messages"])
def test_refusals_are_nvidias(text: str, message: str) -> None:
    assert nvrequire.refusal(text) == message


@pytest.mark.parametrize("case", CASES["env_to_requirements"], ids=lambda c: c["description"])
def test_requirements_of_an_environment(case: dict[str, dict[str, str]]) -> None:
    assert sorted(nvrequire.requirements(case["env"])) == sorted(case["expect"])
