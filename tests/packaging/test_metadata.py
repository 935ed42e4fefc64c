"""What the package says of Pythons, versions and dependencies, in each place that says it."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.packaging.environments import MINORS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# what conda-forge calls differently
CONDA_NAMES = {"docker": "docker-py"}
PINNED = re.compile(r"([A-Za-z0-9_.-]+?) *((?:[<>=!~].*)?)")


@pytest.fixture
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@pytest.fixture
def recipe() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "scripts/conda/recipe.yaml").read_text("utf-8"))
    return found


def pins(requirements: list[str]) -> dict[str, str]:
    """Return the range of versions of each package, by its name in conda's spelling."""
    found = {}
    for line in requirements:
        matched = PINNED.fullmatch(line)
        assert matched, line
        name = matched[1].lower()
        found[CONDA_NAMES.get(name, name)] = matched[2].replace(" ", "")
    return found


def test_the_oldest_python_is_the_same_for_all_who_ask(pyproject: dict[str, Any]) -> None:
    """ruff refuses newer grammar than its target, mypy what the library had not yet."""
    oldest = MINORS[0]
    assert pyproject["project"]["requires-python"] == f">=3.{oldest}"
    assert pyproject["tool"]["ruff"]["target-version"] == f"py3{oldest}"
    assert pyproject["tool"]["mypy"]["python_version"] == f"3.{oldest}"


def test_the_classifiers_name_what_is_tested(pyproject: dict[str, Any]) -> None:
    named = [
        line.rpartition(" ")[2]
        for line in pyproject["project"]["classifiers"]
        if line.startswith("Programming Language :: Python :: 3.")
    ]
    assert named == [f"3.{minor}" for minor in MINORS]


def test_versions_of_the_recipe(recipe: dict[str, Any], pyproject: dict[str, Any]) -> None:
    package = json.loads((ROOT / "package.json").read_text("utf-8"))
    assert recipe["context"] == {
        "name": pyproject["project"]["name"],
        "version": package["version"],
    }


def test_the_recipe_wants_what_the_wheel_wants(
    recipe: dict[str, Any], pyproject: dict[str, Any]
) -> None:
    run = pins(recipe["requirements"]["run"])
    assert run.pop("python") == pyproject["project"]["requires-python"]
    assert run == pins(pyproject["project"]["dependencies"])
    host = pins(recipe["requirements"]["host"])
    assert {host.pop("python"), host.pop("pip")} == {pyproject["project"]["requires-python"], ""}
    assert host == pins(pyproject["build-system"]["requires"])


def test_programs_licence_and_summary_of_the_recipe(
    recipe: dict[str, Any], pyproject: dict[str, Any]
) -> None:
    project = pyproject["project"]
    programs = [f"{name} = {target}" for name, target in project["scripts"].items()]
    assert recipe["build"]["python"]["entry_points"] == programs
    assert recipe["about"]["summary"] == project["description"]
    assert recipe["about"]["license"] == project["license"]
    assert (ROOT / recipe["about"]["license_file"]).is_file()
