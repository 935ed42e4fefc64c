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
from tests.kept import keep
from tests.packaging.environments import (
    Environment,
    checkout,
    interpreters,
    key_of_checkout,
    uv_run,
)

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


def kept_build(name: str, version: str | None = None) -> Built:
    """Return what was built of this very checkout, in this run or in one before."""
    key = key_of_checkout(sys.version, version or "")
    folder = keep(name, key, lambda folder: build(folder, version))
    (wheel,) = (folder / "dist").glob("*.whl")
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    return Built(wheel, sdist)


def build(folder: Path, version: str | None = None) -> None:
    """Build the source distribution, and the wheel from that, where there is no Node."""
    copy = checkout(folder / "checkout", version=version)
    nothing = folder / "bin"
    nothing.mkdir()
    env = dict(os.environ) | {"PATH": str(nothing)}
    to = ("--python", sys.executable, "--out-dir", folder / "dist")
    uv_run("build", *to, copy, cwd=folder, env=env)


@pytest.fixture(scope="session")
def built() -> Built:
    """This checkout's wheel and source distribution."""
    return kept_build("build")


@pytest.fixture(scope="session")
def previous() -> Built:
    """The same under an older version number."""
    return kept_build("previous", "0.0.1")


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
