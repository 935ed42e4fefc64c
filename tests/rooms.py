"""A room: a Jupyter of a test's own, with data, configuration, workspace and run directory.

What a test starts in its room must be gone when it ends: `Room.leftovers` looks for containers,
folders, connection files, processes and threads, and `Room.close` fails the test over them.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from jupyter_gpu_containers.config import load_services, share_services
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.service.queue.file import known_queues
from jupyter_gpu_containers.service.services import Services
from tests.canaries import SUITE, write_down_events
from tests.waiting import wait_until

SETTLE = 10.0  # seconds in which what was asked to end must have ended
MEMORY_IMAGE = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"
ENGINE_IMAGE = "jgc-test/debian12:py311"
FACTS = Path("gpu_containers", "images")  # below Jupyter's data directory


class Room:
    """One test's Jupyter, in this process and in the ones that it starts.

    Parameters
    ----------
    backend : {"docker", "memory"}
    facts : Path
        What was found out about images, shared by all rooms: a look inside takes half a second.
    owner : tuple of int, optional
        User and group id that the folders belong to; by default this process's.
    """

    def __init__(self, backend: str, facts: Path, *, owner: tuple[int, int] | None = None) -> None:
        # a short path: the name of a Unix socket has at most 107 characters
        self.base = Path(tempfile.mkdtemp(prefix="jgc-room-")).resolve()
        self.backend = backend
        self.owner = owner or (os.getuid(), os.getgid())
        self.data, self.config, self.runtime, self.run, self.home, self.workspace = (
            self.base / name for name in ("data", "config", "runtime", "run", "home", "work")
        )
        for folder in (self.data, self.config, self.runtime, self.home, self.workspace):
            folder.mkdir()
        (self.data / "gpu_containers").mkdir()
        if owner is None:
            (self.data / FACTS).symlink_to(facts)
        write_down_events(self.config, self.base)
        self.traits: dict[str, Any] = {}
        self._services: Services | None = None
        self.configure()
        for folder in (self.base, *self.base.rglob("*")):
            os.chown(folder, *self.owner, follow_symlinks=False)

    @property
    def variables(self) -> dict[str, str]:
        """The variables that lead any Jupyter program into this room."""
        return {
            "HOME": str(self.home),
            "IPYTHONDIR": str(self.home / "ipython"),
            "JUPYTER_CONFIG_DIR": str(self.config),
            "JUPYTER_DATA_DIR": str(self.data),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "JUPYTER_PATH": "",
            "JUPYTER_GPU_CONTAINERS_BACKEND": self.backend,
        }

    def environ(self) -> dict[str, str]:
        """Return a whole environment for a child process."""
        keep = {
            key: os.environ[key] for key in ("PATH", "LANG", "DOCKER_HOST") if key in os.environ
        }
        return {**keep, **self.variables, "NO_COLOR": "1", **SUITE.environment}

    def configure(self, **traits: Any) -> None:
        """Set traits of `GpuContainers`, for this process's services and for children."""
        self.traits |= traits
        section = {
            "backend": self.backend,
            "run_dir": str(self.run),
            "network": "none",
            "memory": "1g",
            **self.traits,
        }
        path = self.config / "jupyter_gpu_containers_config.json"
        path.write_text(json.dumps({"GpuContainers": section}))
        if self._services is not None:
            self._services.close()
            self._services = load_services()
            share_services(self._services)

    @property
    def image(self) -> str:
        """An everyday image of this room's backend."""
        return MEMORY_IMAGE if self.backend == "memory" else ENGINE_IMAGE

    @property
    def services(self) -> Services:
        """This process's services, the same ones that the provisioner uses."""
        if self._services is None:
            self._services = load_services()
            share_services(self._services)
        return self._services

    async def environment(self, reference: str, **limits: Any) -> Environment:
        """Add an environment for an image, as `POST environments` does."""
        image = await self.services.images.get(reference)
        return self.services.environments.add(image, reference=reference, **limits)

    async def command(self, *argv: str, **limits: Any) -> Environment:
        """Add an environment of the everyday image whose kernel is this command."""
        image = await self.services.images.get(self.image)
        assert image.probe is not None
        kernel = replace(image.probe.kernels[0], argv=argv)
        image = replace(image, probe=replace(image.probe, kernels=(kernel,)))
        return self.services.environments.add(image, reference=self.image, **limits)

    def become_server(self) -> None:
        """Have this process's services keep records of kernels, as a Jupyter server's do."""
        services = self.services
        services.claims.reconciler.server = services.kernels.seats.server = "a-server"

    def environment_now(self, reference: str, **limits: Any) -> Environment:
        """Add an environment where no event loop runs."""
        return asyncio.run(self.environment(reference, **limits))

    # --- what is left behind ------------------------------------------------------------------

    def waiting(self) -> list[str]:
        """Return the launches that wait for GPUs, as the next server would find them."""
        queues = known_queues(self.data / "gpu_containers")
        return [entry.launch.id for queue in queues for entry in queue.launches]

    def records(self) -> list[Path]:
        """Return the files in which the room's servers remember kernels."""
        return list((self.data / "gpu_containers" / "kernels").glob("*"))

    def containers(self) -> list[str]:
        """Return the names of the engine's containers that mount a folder of this room."""
        if self.backend != "docker":
            return []
        client = docker.APIClient(base_url=os.environ.get("DOCKER_HOST"), timeout=30)
        try:
            rows = client.containers(all=True, filters={"label": labels.VERSION})
        finally:
            client.close()
        prefix = f"{self.base}/"
        return [
            row["Id"]
            for row in rows
            if any(mount.get("Source", "").startswith(prefix) for mount in row["Mounts"])
        ]

    def processes(self) -> list[str]:
        """Return command lines that name this room: kernels, and programs that a test started."""
        return self.processes_of(self.base)

    def processes_of(self, path_in_room: Path) -> list[str]:
        """Return command lines that name this path."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # it ended in this moment
                continue
            if str(path_in_room) in command:
                found.append(f"{path.parent.name}: {command}")
        return found

    def left_of(self, path_in_room: Path) -> list[str]:
        """Return the processes that name this path when those that were killed had time to end."""
        return _at_last(lambda: self.processes_of(path_in_room))

    def leftovers(self) -> list[str]:
        """Return what is still there of what was started in this room."""
        homes = self.data / "gpu_containers" / "homes"
        folders = [*self.run.glob("*"), *homes.glob("*"), *self.runtime.glob("kernel-*.json")]
        return [
            *(f"container {name}" for name in self.containers()),
            *(f"folder {path}" for path in folders),
            *(f"process {text}" for text in self.processes()),
        ]

    def settled(self) -> list[str]:
        """Return what is left behind when things had time to end."""
        return _at_last(self.leftovers)

    def leaks(self) -> list[str]:
        """Return files of the room, logs and events among them, that have a canary."""
        return SUITE.look_into(self.base)

    def close(self) -> None:
        """End this process's services and remove the room; fails the test over leftovers."""
        left = self.settled() + self.leaks()
        if self._services is not None:
            self._services.close()
        share_services(None)
        left += [f"thread {name}" for name in _threads()]
        for name in self.containers():
            subprocess.run(["docker", "rm", "-fv", name], check=False, capture_output=True)
        shutil.rmtree(self.base)
        if left:
            pytest.fail("left behind: " + "\n".join(left), pytrace=False)


def _threads() -> list[str]:
    """Return this product's threads that go on after `Services.close`."""
    return _at_last(
        lambda: [t.name for t in threading.enumerate() if t.name.startswith("gpu-containers")]
    )


def _at_last(look: Callable[[], list[str]]) -> list[str]:
    """Return what is still there when it had time to go."""
    left = look()

    def is_gone() -> bool:
        left[:] = look()
        return not left

    if left:
        wait_until(is_gone, SETTLE)
    return left


def enter(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lead this process into a room for the time of a test."""
    for key, value in {**room.variables, **SUITE.environment}.items():
        monkeypatch.setenv(key, value)
    monkeypatch.chdir(room.workspace)


def run_program(
    room: Room, command: list[str], *, timeout: float = 60, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program in a room's workspace to its end; what it writes has no canary."""
    done = subprocess.run(
        command,
        cwd=room.workspace,
        env={**room.environ(), **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    SUITE.look("outputs of programs", done.stdout, f"output of {command[:3]}")
    return done
