"""``doctor``: reads the facts about this machine and shows what the checks say."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import stat
import subprocess
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_config_path, jupyter_path
from jupyter_server.extension.config import ExtensionConfigManager
from jupyterlab_server.config import get_page_config

from jupyter_gpu_containers.errors import GpuContainersError, UnavailableError, WorkspaceError
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.kernel.container import EngineInfo
from jupyter_gpu_containers.service.image.images import as_problem
from jupyter_gpu_containers.service.kernel.environments import environment_problems
from jupyter_gpu_containers.service.kernel.workspace import resolve_workspace
from jupyter_gpu_containers.service.services import Services

from .checks import check_all
from .findings import Facts, Finding, Level
from .kernels import kernel_rows
from .outcome import Outcome
from .tables import Style

SERVER_EXTENSION = "jupyter_gpu_containers"
LAB_EXTENSION = "jupyter-gpu-containers"
NVIDIA = "0x10de"  # PCI vendor id
DISPLAY_CLASS = "0x03"  # PCI base class: display controller
MARK = 9  # columns of the first column
PATIENCE = 10.0  # seconds for a program that prints its version
_MARKS = {Level.OK: ("OK", "good"), Level.NOTE: ("–", "dim"), Level.PROBLEM: ("PROBLEM", "bad")}


async def doctor(services: Services, arguments: Any) -> Outcome:
    """Check everything; the status is 1 when there is a problem."""
    findings = check_all(await read_facts(services))
    healthy = all(finding.level is not Level.PROBLEM for finding in findings)
    model = {"ok": healthy, "checks": [asdict(finding) for finding in findings]}
    return Outcome(model, lambda style: _text(findings, style), status=0 if healthy else 1)


def _text(findings: list[Finding], style: Style) -> str:
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        mark, kind = _MARKS[finding.level]
        indent = " " * (MARK + width + 2)
        room = max(40, (style.width or 10_000) - len(indent))
        message = textwrap.wrap(finding.message, room, break_long_words=False) or [""]
        lines.append(f"{style.paint(f'{mark:<{MARK}}', kind)}{finding.name:<{width}}  {message[0]}")
        lines += [indent + line for line in message[1:]]
        if finding.fix:  # not wrapped: it is there to be copied
            lines.append(indent + style.paint(f"fix: {finding.fix}", "bold"))
    return "\n".join(lines)


async def read_facts(services: Services) -> Facts:
    """Look at this machine. What cannot be found out is a fact, too; nothing is raised."""
    gpus, engine = await asyncio.gather(services.inventory.snapshot(), _engine(services))
    answers = isinstance(engine, EngineInfo)
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
        left_behind=await _left_behind(services) if answers else (),
        broken_environments=await _broken_environments(services) if answers else (),
        server_extension=server_extension_enabled(),
        lab_extension=lab_extension_enabled(),
    )


async def _engine(services: Services) -> EngineInfo | GpuContainersError:
    try:
        return await services.backend.info()
    except GpuContainersError as exc:
        return exc


async def _left_behind(services: Services) -> tuple[str, ...]:
    try:
        rows = await kernel_rows(services)
    except UnavailableError:  # it answered a moment ago; the next look will tell
        return ()
    return tuple(row.container_id for row in rows if row.left_behind)


async def _broken_environments(services: Services) -> tuple[tuple[str, Problem], ...]:
    found = await environment_problems(services.environments.list(), services.backend)
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


def server_extension_enabled() -> bool:
    """Tell whether Jupyter Server's configuration enables the extension."""
    manager: Any = ExtensionConfigManager(read_config_path=jupyter_config_path())
    return bool(manager.enabled(SERVER_EXTENSION))


def lab_extension_enabled() -> bool | None:
    """Tell whether JupyterLab loads the extension; None where its files are not there."""
    folders = jupyter_path("labextensions")
    if not any(Path(folder, LAB_EXTENSION, "package.json").is_file() for folder in folders):
        return None
    disabled = get_page_config(folders).get("disabledExtensions", {})
    return not any(
        name.partition(":")[0] == LAB_EXTENSION and off
        for name, off in (
            disabled.items() if isinstance(disabled, dict) else ((one, True) for one in disabled)
        )
    )
