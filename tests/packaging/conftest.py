"""Wheel and source distribution, built once; fresh environments with what the wheel asks for."""

from __future__ import annotations

import email
import os
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.packaging.environments import Environment, checkout, interpreters, uv_run

MakeEnvironment = Callable[[int], Environment]


@dataclass(frozen=True)
class Built:
    """What a build left."""

    wheel: Path
    sdist: Path

    @property
    def requirements(self) -> list[str]:
        """What the wheel asks for, without its extras."""
        with zipfile.ZipFile(self.wheel) as archive:
            name = next(name for name in archive.namelist() if name.endswith("/METADATA"))
            metadata = email.message_from_bytes(archive.read(name))
        wanted = metadata.get_all("Requires-Dist") or []
        return [line for line in wanted if "extra ==" not in line]


def build(folder: Path, version: str | None = None) -> Built:
    """Build the source distribution, and the wheel from that, where there is no Node."""
    copy = checkout(folder / "checkout", version=version)
    nothing = folder / "bin"
    nothing.mkdir()
    env = dict(os.environ) | {"PATH": str(nothing)}
    to = ("--python", sys.executable, "--out-dir", folder / "dist")
    uv_run("build", *to, copy, cwd=folder, env=env)
    (wheel,) = (folder / "dist").glob("*.whl")
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    return Built(wheel, sdist)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """This checkout's wheel and source distribution."""
    return build(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="session")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The same under an older version number."""
    return build(tmp_path_factory.mktemp("previous"), "0.0.1")


@pytest.fixture
def make_environment(tmp_path: Path, built: Built) -> MakeEnvironment:
    """Return what makes an environment that has what the wheel asks for, but not the wheel."""

    def make(minor: int) -> Environment:
        folder = tmp_path / f"python3.{minor}"
        environment = Environment(folder, interpreters()[minor])
        environment.create()
        environment.add(*built.requirements)
        # the memory backend: these tests are of the package, not of engines
        settings = ROOT / "binder" / "jupyter_gpu_containers_config.py"
        (folder / "settings").mkdir()
        shutil.copy(settings, folder / "settings")
        environment.variables["JUPYTER_CONFIG_PATH"] = str(folder / "settings")
        return environment

    return make
