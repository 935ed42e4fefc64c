"""The tree of errors: drawn as it is, coded, and in one form on the wire."""

import inspect
import json
import re
from pathlib import Path

import pytest

from jupyter_gpu_containers import errors
from jupyter_gpu_containers.errors import GpuContainersError, GpusBusyError


def _subclasses(cls: type) -> list[type]:
    below = cls.__subclasses__()
    return [cls, *(found for child in below for found in _subclasses(child))]


ALL = [cls for cls in _subclasses(GpuContainersError) if cls.__module__ == errors.__name__]


def _drawn() -> dict[str, str | None]:
    """Return the tree in the module's docstring: class to base."""
    tree: dict[str, str | None] = {"GpuContainersError": None}
    stack = ["GpuContainersError"]
    for match in re.finditer(r"^ {4}((?:│   |    )*)[├└]── (\w+)", errors.__doc__ or "", re.M):
        depth = len(match[1]) // 4
        del stack[depth + 1 :]
        tree[match[2]] = stack[-1]
        stack.append(match[2])
    return tree


def test_the_drawn_tree_is_the_real_one() -> None:
    real = {cls.__name__: cls.__base__.__name__ for cls in ALL if cls is not GpuContainersError}
    assert _drawn() == {"GpuContainersError": None, **real}


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_every_class_has_its_own_code_and_says_what_it_is(cls: type[GpuContainersError]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", vars(cls)["code"])
    assert [other for other in ALL if vars(other)["code"] == cls.code] == [cls]
    assert inspect.getdoc(cls)


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_the_form_on_the_wire(cls: type[GpuContainersError]) -> None:
    error = cls("It failed.", "Do this.")
    assert error.as_dict() == {"code": cls.code, "message": "It failed.", "hint": "Do this."}
    assert str(error) == "It failed. Do this."


def test_the_log_stands_apart_and_is_quoted_where_lines_count() -> None:
    error = GpusBusyError("No GPU\nis free.", "Wait.", log="[I ServerApp] fine\x1b[2J\nbye\n")
    assert error.as_dict() == {
        "code": "gpus_busy",
        "message": "No GPU\nis free.",
        "hint": "Wait.",
        "log": "[I ServerApp] fine\x1b[2J\nbye\n",
    }
    assert str(error) == (
        "No GPU\\nis free. Wait. Last lines of its log:\n  | [I ServerApp] fine\\x1b[2J\n  | bye"
    )


def test_a_code_of_its_own_and_no_hint() -> None:
    error = GpusBusyError("No GPU is free.", code="gpus_busy_by_others")
    assert error.as_dict() == {
        "code": "gpus_busy_by_others",
        "message": "No GPU is free.",
        "hint": "",
    }
    assert str(error) == "No GPU is free."


PACKAGE = Path(errors.__file__).parent
CODES = PACKAGE.parent / "labextension" / "src" / "__tests__" / "codes.json"
GIVEN = re.compile(r'\bcode(?:: ClassVar\[str\])? ?= ?"([a-z_]+)"|\bProblem\(\s*"([a-z_]+)"')


def test_the_front_end_knows_every_code() -> None:
    """Its tests hold those of launches against its remedies."""
    known = json.loads(CODES.read_text())
    given = {
        first or second
        for file in PACKAGE.rglob("*.py")
        for first, second in GIVEN.findall(file.read_text(encoding="utf-8"))
    }
    assert len(given) > 70
    assert set(known["launches"]) | set(known["others"]) == given
    assert not set(known["launches"]) & set(known["others"])
