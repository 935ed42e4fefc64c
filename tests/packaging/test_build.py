"""What is in the wheel and in the source distribution, and what they say of themselves."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

from tests.conftest import ROOT
from tests.packaging.conftest import Built
from tests.packaging.environments import run


def program(name: str) -> Path:
    return Path(sys.prefix, "bin", name)


def test_twine_and_check_wheel_contents_have_nothing_to_say(built: Built) -> None:
    folder = built.wheel.parent
    said = run(program("twine"), "check", "--strict", built.wheel, built.sdist, cwd=folder)
    assert said.count("PASSED") == 2, said
    run(program("check-wheel-contents"), built.wheel, cwd=ROOT)


def test_the_wheel_has_the_code_what_jupyter_looks_for_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        names = {name.partition(".data/data/")[2] or name for name in archive.namelist()}
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"jupyter_gpu_containers", "share", "etc"}
    front_end = "share/jupyter/labextensions/jupyter-gpu-containers"
    assert {
        "jupyter_gpu_containers/_version.py",
        "jupyter_gpu_containers/py.typed",
        "jupyter_gpu_containers/web/openapi.yaml",
        "etc/jupyter/jupyter_server_config.d/jupyter_gpu_containers.json",
        f"{front_end}/install.json",
        f"{front_end}/package.json",
        f"{front_end}/static/style.js",
    } <= names
    assert not any(name.startswith("jupyter_gpu_containers/labextension/") for name in names)
    assert any(name.endswith("LICENSE") for name in names)
    assert not [name for name in names if name.endswith((".map", ".ts", ".tsx", ".pyc"))]


def test_every_file_of_the_package_that_git_has_is_in_the_wheel(built: Built) -> None:
    told = run("git", "ls-files", "jupyter_gpu_containers", cwd=ROOT).splitlines()
    wanted = {name for name in told if not name.startswith("jupyter_gpu_containers/etc/")}
    assert len(wanted) > 200
    with zipfile.ZipFile(built.wheel) as archive:
        missing = wanted - set(archive.namelist())
    assert {name for name in missing if (ROOT / name).exists()} == set()


def test_the_source_distribution_is_enough_to_test_and_to_build(built: Built) -> None:
    """Built on a machine without Node, so with the JupyterLab extension in it."""
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "LICENSE",
        "package.json",
        "jupyter_gpu_containers/labextension/static/style.js",
        "labextension/src/index.ts",
        "labextension/yarn.lock",
        "tests/conftest.py",
        "run",
    } <= names
    assert not [name for name in names if name.startswith(("node_modules/", ".venv/"))]
