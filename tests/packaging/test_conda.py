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
from tests.packaging.conftest import Built, MakeEnvironment
from tests.packaging.environments import interpreters
from tests.packaging.test_metadata import tomllib

BUILDER = "py-rattler-build>=0.73,<1"
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


@pytest.fixture
def made(tmp_path: Path, built: Built, make_environment: MakeEnvironment) -> dict[str, Any]:
    """What came of the recipe, with what its tests said."""
    at = make_environment(ordinary_python())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    at.add(BUILDER, "packaging", *project["build-system"]["requires"])
    # the recipe looks for the source distribution from where it lies
    recipe = tmp_path / "scripts" / "conda" / "recipe.yaml"
    recipe.parent.mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "conda" / "recipe.yaml", recipe)
    (tmp_path / "dist").mkdir()
    shutil.copy(built.sdist, tmp_path / "dist")
    at.variables |= {
        "RATTLER_CACHE_DIR": str(tmp_path / "cache"),
        "PATH": f"{at.path}:/usr/bin:/bin",
    }
    program = Path(__file__).with_name("conda_channel.py")
    said = at("python", program, recipe, tmp_path / "conda")
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
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
