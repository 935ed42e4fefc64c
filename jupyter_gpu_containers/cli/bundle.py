"""``doctor --report``: one file for a bug report, without secrets, people's names and folders."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import os
import platform
import socket
import time
import zipfile
from collections.abc import Awaitable
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from jupyter_gpu_containers import __version__
from jupyter_gpu_containers.errors import GpuContainersError, InvalidRequestError
from jupyter_gpu_containers.model.redaction import redacted_data
from jupyter_gpu_containers.service.kernel.environments import environment_problems
from jupyter_gpu_containers.service.services import Services
from jupyter_gpu_containers.web.serializers import (
    environment_model,
    gpus_model,
    limits_model,
    time_text,
)

from .jobs import found_jobs
from .kernels import kernel_rows
from .launches import found_launches
from .rest import running_servers

Json = dict[str, Any]
PACKAGES = (
    *("jupyter_gpu_containers", "jupyter_server", "jupyterlab", "notebook", "jupyter_client"),
    *("jupyter_core", "jupyter_events", "ipykernel", "tornado", "traitlets", "pyzmq", "docker"),
    *("nvidia-ml-py", "nbclient", "jupyter_collaboration", "jupyterhub"),
)
SHORTEST_NAME = 3  # characters; shorter ones are in every word
README = """\
A report of GPU containers for Jupyter, made by `jupyter gpu-containers doctor --report`.

Secrets, names of people and of this machine, and folders were replaced. Names of images,
environments, notebooks' files and errors were not: please look before you send it.
"""


async def write_bundle(services: Services, findings: list[Json], wanted: str) -> tuple[Path, Json]:
    """Collect what helps others, and write it; return the file and what is in it.

    Parameters
    ----------
    services : Services
    findings : list of dict
        What the checks have said.
    wanted : str
        The file's name; empty: one with the time, in this folder.

    Raises
    ------
    InvalidRequestError
        The file is there already, or cannot be written.
    """
    engine, gpus, environments, kernels, servers = await asyncio.gather(
        _tried(_engine(services)),
        _tried(_gpus(services)),
        _tried(_environments(services)),
        _tried(_kernels(services)),
        _tried(_servers()),
    )
    parts = {
        "doctor.json": findings,
        "versions.json": _versions(),
        "engine.json": engine,
        "gpus.json": gpus,
        "limits.json": limits_model(services.policy, services.gate),
        "environments.json": environments,
        "kernels.json": kernels,
        "servers.json": servers,
    }
    names = _names()
    clean = {name: redacted_data(part, names) for name, part in parts.items()}
    stamp = time.strftime("%Y%m%d-%H%M%S")
    path = Path(wanted or f"gpu-containers-report-{stamp}.zip")
    await asyncio.to_thread(_write, path, clean)
    return path, clean


def _write(path: Path, parts: Json) -> None:
    """Write a file that only its user can read, until it is sent."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as exc:
        raise InvalidRequestError(
            f"{path} is there already.", "Name another file: doctor --report FILE"
        ) from exc
    except OSError as exc:
        raise InvalidRequestError(f"{path} cannot be written: {exc.strerror}.") from exc
    with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("README.txt", README)
        for name, part in parts.items():
            z.writestr(name, json.dumps(part, indent=2, ensure_ascii=False) + "\n")


async def _tried(asking: Awaitable[Any]) -> Any:
    """Return what is found out, or why it is not: a report is made of what there is."""
    try:
        return await asking
    except GpuContainersError as exc:
        return {"problem": exc.as_dict()}


def _names() -> dict[str, str]:
    """Return names that tell who somebody is, and what is put in their places."""
    names = {}
    host = socket.gethostname()
    for name in (host, host.partition(".")[0]):
        names[name] = "[host]"
    with contextlib.suppress(KeyError, OSError):  # a user id without a name
        names[getpass.getuser()] = "[user]"
    return {name: to for name, to in names.items() if len(name) >= SHORTEST_NAME and name != "root"}


def _versions() -> Json:
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return {
        "jupyter_gpu_containers": __version__,
        "made": time_text(time.time()),
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "packages": found,
    }


async def _engine(services: Services) -> Json:
    return asdict(await services.backend.info())


async def _gpus(services: Services) -> Json:
    model = gpus_model(await services.gpu_usage(), services.gate.max_gpus)
    for gpu in model["gpus"]:
        gpu["holders"] = len(gpu["holders"])  # who they are is nobody's business
        del gpu["holder"]
    return model


async def _environments(services: Services) -> list[Json]:
    found = services.environments.list()
    problems = await environment_problems(found, services.backend)
    return [environment_model(each, problems.get(each.name)) for each in found]


async def _kernels(services: Services) -> list[Json]:
    rows = [row.as_dict() for row in await kernel_rows(services)]
    for row in rows:
        row["user"] = "[user]" if row["user"] else ""
    return [_without_folder(row, row["notebook"]) for row in rows]


def _without_folder(record: Json, path: str) -> Json:
    """Return a record without the folder of its notebook, wherever it stands."""
    folder = path[: path.rfind("/") + 1]
    if not folder:
        return record
    inside = json.dumps(folder)[1:-1]
    without: Json = json.loads(json.dumps(record).replace(inside, json.dumps("…/")[1:-1]))
    return without


async def _servers() -> Json:
    """Return launches and jobs of this user's servers, with the errors and logs of failed ones."""
    servers = await asyncio.to_thread(running_servers)
    launches, jobs = await asyncio.gather(found_launches(servers), found_jobs(servers))
    return {
        "servers": len(servers),
        "launches": [_without_folder(launch, launch["path"]) for _, launch in launches],
        "jobs": [job for _, job in jobs],
    }
