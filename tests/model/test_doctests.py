"""The examples in the docstrings of `model/`."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from jupyter_gpu_containers import model

KNOWN = 17  # modules with examples as of this test; a search that finds fewer is broken


def _examples() -> dict[str, list[doctest.DocTest]]:
    """Return the examples by module."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    names = [found.name for found in pkgutil.walk_packages(model.__path__, f"{model.__name__}.")]
    found = {name: finder.find(importlib.import_module(name)) for name in names}
    return {name: tests for name, tests in found.items() if any(test.examples for test in tests)}


EXAMPLES = _examples()


def test_all_modules_with_examples_are_found() -> None:
    assert len(EXAMPLES) >= KNOWN


@pytest.mark.parametrize("module", EXAMPLES)
def test_the_docstrings_examples_hold(module: str) -> None:
    runner = doctest.DocTestRunner(verbose=False)
    report: list[str] = []
    for example in EXAMPLES[module]:
        runner.run(example, out=report.append)
    assert not report, "".join(report)
    assert runner.tries > 0
