"""The conda recipe, built with rattler-build; its own tests run in environments of what it made.

conda-forge is not asked: the channel is made here, of this machine's Python and of PyPI's wheels.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.kept import keep, key_of
from tests.packaging.conftest import Built
from tests.packaging.environments import Environment, interpreters, key_of_package
from tests.packaging.test_metadata import tomllib

BUILDER = "py-rattler-build>=0.73,<1"
SAID = "said.json"
RECIPE = ROOT / "scripts" / "conda" / "recipe.yaml"
PROGRAM = Path(__file__).with_name("conda_channel.py")
SCHEME = "import sysconfig; print(sysconfig.get_preferred_scheme('prefix'))"


def ordinary_python() -> int:
    """Return a minor version of Python that can be copied elsewhere: not a distribution's."""
    for minor, python in interpreters().items():
        asked = [str(python), "-c", SCHEME]
        if subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == (
            "posix_prefix"
        ):
            return minor
    pytest.skip("needs a Python that is not the distribution's")


@pytest.fixture(scope="module")
def builder(built: Built) -> Environment:
    """An environment with rattler-build and what the wheel asks for, and a channel of all that."""
    python = interpreters()[ordinary_python()]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*built.requirements, BUILDER, "packaging", *project["build-system"]["requires"]]

    def make(folder: Path) -> None:
        at = Environment(folder, python)
        at.create()
        at.add(*wanted)
        at("python", PROGRAM, RECIPE, folder / "channel")

    key = key_of(str(python), *wanted, PROGRAM, RECIPE)
    return Environment(keep("conda", key, make), python)


@pytest.fixture
def made(built: Built, builder: Environment) -> dict[str, Any]:
    """What came of the recipe, with what its tests said."""

    def make(folder: Path) -> None:
        # the recipe looks for the source distribution from where it lies
        recipe = folder / "scripts" / "conda" / "recipe.yaml"
        recipe.parent.mkdir(parents=True)
        shutil.copy(RECIPE, recipe)
        (folder / "dist").mkdir()
        shutil.copy(built.sdist, folder / "dist")
        builder.variables |= {
            "RATTLER_CACHE_DIR": str(folder / "cache"),
            "PATH": f"{builder.path}:/usr/bin:/bin",
        }
        said = builder("python", PROGRAM, recipe, builder.folder / "channel", folder / "output")
        (folder / SAID).write_text(said.splitlines()[-1])

    key = key_of_package(*built.requirements, PROGRAM, RECIPE)
    found: dict[str, Any] = json.loads((keep("conda-package", key, make) / SAID).read_text())
    return found


def test_the_recipe_makes_a_package_that_passes_its_own_tests(made: dict[str, Any]) -> None:
    of_python, of_programs = made["tests"]
    assert of_python["success"], of_python["said"]
    assert "No broken requirements found" in of_python["said"]
    assert of_programs["success"], of_programs["said"]
    assert "+ jupyter labextension list" in of_programs["said"]
    assert made["subdir"] == "noarch"
    front_end = "share/jupyter/labextensions/jupyter-gpu-containers"
    assert {
        "site-packages/jupyter_gpu_containers/cli/__init__.py",
        "site-packages/jupyter_gpu_containers/locale/de_DE/LC_MESSAGES/jupyter_gpu_containers.json",
        "etc/jupyter/jupyter_server_config.d/jupyter_gpu_containers.json",
        f"{front_end}/install.json",
        f"{front_end}/static/style.js",
    } <= set(made["files"])
    assert not [name for name in made["files"] if "/node_modules/" in name or ".pyc" in name]
