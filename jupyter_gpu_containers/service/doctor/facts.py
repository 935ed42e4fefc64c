"""The facts that the checks look at, read on this machine."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_gpu_containers.errors import GpuContainersError, UnavailableError, WorkspaceError
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import EngineInfo
from jupyter_gpu_containers.service.image.images import as_problem
from jupyter_gpu_containers.service.kernel.environments import environment_problems
from jupyter_gpu_containers.service.kernel.workspace import resolve_workspace

if TYPE_CHECKING:
    from jupyter_gpu_containers.service.services import Services

from .findings import Facts

NVIDIA = "0x10de"  # PCI vendor id
DISPLAY_CLASS = "0x03"  # PCI base class: display controller
PATIENCE = 10.0  # seconds for a program that prints its version


async def read_facts(services: Services) -> Facts:
    """Look at this machine. What cannot be found out is a fact, too; nothing is raised."""
    facts = await read_machine(services)
    if isinstance(facts.engine, GpuContainersError):
        return facts
    return replace(
        facts,
        left_behind=await _left_behind(services),
        broken_environments=await _broken_environments(services),
    )


async def read_machine(services: Services) -> Facts:
    """Look at this machine, without what lives on it."""
    gpus, engine = await asyncio.gather(services.inventory.snapshot(), _engine(services))
    workspace, workspace_problem = _workspace(services.kernels.seats.workspace)
    run_root = services.kernels.seats.run_root
    return Facts(
        engine=engine,
        demo=services.backend.demo,
        gpus=gpus,
        nvidia_devices=count_nvidia_devices(),
        toolkit=await asyncio.to_thread(toolkit_version),
        hook=shutil.which("nvidia-container-runtime-hook") is not None,
        unlinked_devices=unlinked_devices(),
        disk_free=free_space(engine.root_dir) if isinstance(engine, EngineInfo) else None,
        run_root=str(run_root),
        run_root_problem=run_root_problem(run_root),
        workspace=workspace,
        workspace_problem=workspace_problem,
    )


async def _engine(services: Services) -> EngineInfo | GpuContainersError:
    try:
        return await services.backend.info()
    except GpuContainersError as exc:
        return exc


async def _left_behind(services: Services) -> tuple[str, ...]:
    try:
        containers = await services.backend.containers(labels.VERSION)
    except UnavailableError:  # it answered a moment ago; the next look will tell
        return ()
    caller = services.kernels.seats.caller
    # with a key for several people, others' can be told; only they, and root, may stop them
    mine = [
        one for one in containers if caller.uid == 0 or one.labels.get(labels.USER) == caller.name
    ]
    abandoned = filter(services.claims.reconciler.is_abandoned, mine)
    return tuple(one.id for one in sorted(abandoned, key=lambda one: -one.created))


async def _broken_environments(services: Services) -> tuple[tuple[str, Problem], ...]:
    environments = services.environments.list()
    found = await environment_problems(environments, services.backend)
    for environment in environments:
        if environment.name not in found:
            try:  # a rule may be newer than the environment
                image = await services.backend.image(environment.image_id)
                services.gate.check_environment(environment, image)
            except UnavailableError:  # it answered a moment ago; the next look will tell
                break
            except GpuContainersError as exc:
                found[environment.name] = as_problem(exc)
    return tuple(found.items())


def _workspace(root: str | None) -> tuple[str, Problem | None]:
    try:
        return resolve_workspace(root, None)[0].target, None
    except WorkspaceError as exc:
        return root or os.getcwd(), as_problem(exc)


def count_nvidia_devices(bus: Path = Path("/sys/bus/pci/devices")) -> int:
    """Return how many of NVIDIA's display controllers are on the PCI bus."""
    count = 0
    for device in bus.glob("*"):
        try:
            vendor = (device / "vendor").read_text().strip()
            kind = (device / "class").read_text().strip()
        except OSError:  # it was unplugged in this moment
            continue
        count += vendor == NVIDIA and kind.startswith(DISPLAY_CLASS)
    return count


def unlinked_devices(folder: Path = Path("/dev")) -> tuple[str, ...]:
    """Return NVIDIA's device nodes without a link in ``char/``, by which systemd finds devices."""
    missing = []
    for node in sorted(folder.glob("nvidia*")):
        try:
            facts = node.stat()
        except OSError:  # it went away in this moment
            continue
        if stat.S_ISCHR(facts.st_mode):
            number = f"{os.major(facts.st_rdev)}:{os.minor(facts.st_rdev)}"
            if not (folder / "char" / number).exists():
                missing.append(str(node))
    return tuple(missing)


def toolkit_version() -> str | None:
    """Return the version that nvidia-ctk prints; None where there is none."""
    try:
        ran = subprocess.run(
            ["nvidia-ctk", "--version"],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"version (\d+(?:\.\d+)+)", ran.stdout)
    return match[1] if match else None


def free_space(folder: str) -> int | None:
    """Return the free bytes of a folder; None where it is not on this machine."""
    try:
        return shutil.disk_usage(folder).free if folder else None
    except OSError:
        return None


def run_root_problem(folder: Path) -> Problem | None:
    """Tell why kernels could not have their run directories in a folder."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    facts = there.lstat()
    if not stat.S_ISDIR(facts.st_mode) or not os.access(there, os.W_OK | os.X_OK):
        return Problem(
            "run_dir_not_writable",
            f"The run directory {folder} cannot be written.",
            "Set c.GpuContainers.run_dir to a folder of yours, or unset XDG_RUNTIME_DIR.",
        )
    if there == folder and (facts.st_uid != os.getuid() or facts.st_mode & 0o077):
        return Problem(
            "run_dir_not_private",
            f"The run directory {folder} is not private to you.",
            f"chmod 700 {folder}" if facts.st_uid == os.getuid() else f"sudo rm -r {folder}",
        )
    return None
