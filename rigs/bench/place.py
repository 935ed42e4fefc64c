"""A place to measure in: folders of its own for Jupyter, and the kernels that are compared."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import docker
from packaging.requirements import Requirement

BASES = {"3.11": "jgc-test/debian12:py311", "3.13": "jgc-test/debian13:py313"}
SAME = f"jgc-bench/same-ipykernel:{os.getpid()}"  # two measurements do not meet
NATIVE = "native"  # name of the native kernel's kernelspec
CARRIED = {"3.11": "jgc-test/plain:latest"}  # without any kernel; else like the one in BASES
SITE = "/opt/site"


class Place:
    """A temporary folder with everything that Jupyter writes, removed at the end."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="jgc-bench-"))
        self.workspace = self.folder / "work"
        self.workspace.mkdir()
        self.variables = {
            "JUPYTER_DATA_DIR": str(self.folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.folder / "runtime"),
            "JUPYTER_CONFIG_DIR": str(self.folder / "config"),
            "IPYTHONDIR": str(self.folder / "ipython"),
        }

    def __enter__(self) -> Place:
        os.environ.update(self.variables)
        os.environ.pop("JUPYTER_GPU_CONTAINERS_BACKEND", None)
        self.native_kernelspec(NATIVE)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder)

    def environ(self) -> dict[str, str]:
        """Variables of a process that writes nowhere else."""
        return {**os.environ, **self.variables}

    def native_kernelspec(self, name: str, env: Mapping[str, str] | None = None) -> None:
        """Write the kernelspec of the native kernel, with more variables."""
        folder = self.folder / "data" / "kernels" / name
        folder.mkdir(parents=True)
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": command, "display_name": name, "language": "python", "env": {**(env or {})}}
        (folder / "kernel.json").write_text(json.dumps(spec))


def base_image() -> str:
    """Return the test image whose Python is of our own version, else the first one."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return BASES.get(version, next(iter(BASES.values())))


def carried_image() -> str | None:
    """Return the image into which a kernel is carried; None where none has our Python's version.

    To be compared with `same_ipykernel_image`: the same system, and the same ipykernel inside.
    """
    return CARRIED.get(f"{sys.version_info.major}.{sys.version_info.minor}")


def same_ipykernel_image(client: docker.DockerClient) -> str | None:
    """Make an image with the very ipykernel that runs natively, and return its reference.

    Otherwise two versions of ipykernel would be compared, not a container with its absence. None
    where no test image has our version of Python, for which compiled files would not fit.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if version not in BASES:
        return None
    dockerfile = f"FROM {BASES[version]}\nCOPY site {SITE}\nENV PYTHONPATH={SITE}\n"
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile)
        archive.addfile(entry, io.BytesIO(dockerfile.encode()))
        for file, name in _files_of("ipykernel"):
            archive.add(file, f"site/{name}", recursive=False)
    context.seek(0)
    client.images.build(fileobj=context, custom_context=True, tag=SAME, rm=True, forcerm=True)
    return SAME


def _files_of(package: str) -> list[tuple[Path, str]]:
    """Files of a distribution and of all that it needs, with compiled files and time stamps."""
    files: dict[str, Path] = {}
    for name in sorted(_closure(package, set())):
        for entry in distribution(name).files or ():
            if entry.parts[0] not in ("..", "/"):
                files[str(entry)] = Path(str(entry.locate()))
    return [(path, name) for name, path in sorted(files.items()) if path.is_file()]


def _closure(package: str, seen: set[str]) -> set[str]:
    try:
        needed = distribution(package).requires or []
    except PackageNotFoundError:  # for another platform, or an extra
        return seen
    seen.add(package)
    for text in needed:
        requirement = Requirement(text)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and requirement.name not in seen:
            _closure(requirement.name, seen)
    return seen


def remove_images(client: docker.DockerClient, references: list[str]) -> None:
    """Remove images of ours; one that is not there is no error."""
    for reference in references:
        try:
            client.images.remove(reference, force=True)
        except docker.errors.ImageNotFound:
            continue


def versions() -> dict[str, Any]:
    """Versions of what takes part on the native side."""
    names = ("ipykernel", "jupyter_client", "jupyter_server", "jupyterlab", "docker", "pyzmq")
    return {name: distribution(name).version for name in names}
