"""Libraries that many notebooks begin with, the same files natively and in an image."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import docker

from .peers import CACHE, CannotInstallError

# of Python 3.10 to 3.13
REQUIREMENTS = ("numpy==2.2.6", "pandas==2.3.3", "matplotlib==3.10.7")
MODULES = ("numpy", "pandas", "matplotlib.pyplot")
IMPORT = f"import {', '.join(MODULES)}"
IMAGE = f"jgc-bench/libraries:{os.getpid()}"  # two measurements do not meet
PLACE = "/opt/libraries"
SITE, FONTS = "site", "matplotlib"  # folders; matplotlib lists fonts once, then reads the list


@dataclass(frozen=True)
class Libraries:
    """Where they lie on this machine."""

    folder: Path

    def environment(self) -> dict[str, str]:
        """Return the variables with which a native interpreter finds them."""
        return _variables(str(self.folder))

    def build(self, client: docker.DockerClient, base: str) -> str:
        """Make an image with them, and return its reference."""
        environment = _variables(PLACE)
        environment["PYTHONPATH"] = f"$PYTHONPATH:{environment['PYTHONPATH']}"
        lines = [f"FROM {base}", *(f"COPY {name} {PLACE}/{name}" for name in (SITE, FONTS))]
        lines += [f"ENV {name}={value}" for name, value in environment.items()]
        (self.folder / "Dockerfile").write_text("\n".join(lines))
        client.images.build(path=str(self.folder), tag=IMAGE, rm=True, forcerm=True)
        return IMAGE


def install() -> Libraries:
    """Install them unless they are there; they are kept from run to run.

    Raises
    ------
    CannotInstallError
        The package index does not answer or does not have them.
    """
    libraries = Libraries(CACHE / f"libraries-{sys.version_info.major}.{sys.version_info.minor}")
    stamp = libraries.folder / "requirements.txt"
    if stamp.exists() and tuple(stamp.read_text().split()) == REQUIREMENTS:
        return libraries
    site = libraries.folder / SITE
    print(f"==> Installing {', '.join(REQUIREMENTS)} into {site}", file=sys.stderr, flush=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(site)]
    for command in ([*pip, *REQUIREMENTS], [sys.executable, "-c", IMPORT]):
        environment = {**os.environ, **libraries.environment()}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotInstallError((done.stderr.strip().splitlines() or ["pip failed"])[-1])
    stamp.write_text("\n".join(REQUIREMENTS))
    return libraries


def _variables(folder: str) -> dict[str, str]:
    return {"PYTHONPATH": f"{folder}/{SITE}", "MPLCONFIGDIR": f"{folder}/{FONTS}"}
