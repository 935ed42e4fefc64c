"""Which of a container's limits an engine cannot set: those are left out, and `doctor` tells.

To raise a limit over the engine's own takes the capability CAP_SYS_RESOURCE (setrlimit(2)), which a
rootless engine lacks, and one in some containers and virtual machines; every start would fail.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .alive import PATIENCE, PID_FILES, PROC
from .body import ULIMITS
from .client import EngineClient
from .transport import EngineAdapter, connect_socket

SYS_RESOURCE = 24  # capabilities(7)
RAISED = ("memlock", "nofile")  # those of ours that an engine's own limit may lie below
NAMES = {  # in /proc/PID/limits
    "memlock": "Max locked memory",
    "nofile": "Max open files",
    "nproc": "Max processes",
}
PODMANS, PODMAN_DEFAULT = ("nofile", "nproc"), 1 << 20  # what it sets by itself
SUPPORTED = {"memory": "MemoryLimit", "swap": "SwapLimit", "pids": "PidsLimit"}  # in `GET /info`
ENGINES = ("dockerd", "podman")
_UCRED = struct.Struct("3i")  # pid, uid, gid of who called listen(): unix(7)


def unsettable(info: Mapping[str, Any], process: Path | None) -> tuple[str, ...]:
    """Return the names of the limits that an engine cannot set.

    Parameters
    ----------
    info : mapping
        ``GET /info``.
    process : Path, optional
        The engine's folder in proc(5); None where it is not seen from here. Then it is taken for
        one that has the capability.
    """
    missing = [name for name, key in SUPPORTED.items() if info.get(key) is False]
    if any("name=rootless" in option for option in info.get("SecurityOptions") or ()):
        return (*RAISED, *missing)
    return (*_too_low(process), *missing)


def own_limits(info: Mapping[str, Any], process: Path | None) -> dict[str, int]:
    """Return limits that must be named at what the engine itself has; {} for nearly every engine.

    Podman that is not rootless gives a container 1048576 open files and processes where a request
    names no other number, whether it may raise limits or not.

    Parameters
    ----------
    info, process
        As for `unsettable`; of a Podman.
    """
    if any("name=rootless" in option for option in info.get("SecurityOptions") or ()):
        return {}
    own = _hard_limits(process)
    return {name: own[name] for name in PODMANS if own.get(name, PODMAN_DEFAULT) < PODMAN_DEFAULT}


def _too_low(process: Path | None) -> list[str]:
    own = _hard_limits(process)
    return [name for name in RAISED if name in own and not 0 <= ULIMITS[name] <= own[name]]


def _hard_limits(process: Path | None) -> dict[str, int]:
    """Return the limits that a process may not raise for itself and its children."""
    if process is None:
        return {}
    try:
        status = (process / "status").read_text("utf-8")
        limits = (process / "limits").read_text("utf-8")
    except OSError:
        return {}
    effective = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    if effective is None or int(effective[1], 16) >> SYS_RESOURCE & 1:
        return {}
    found = {}
    for name, title in NAMES.items():
        hard = re.search(rf"^{title}\s+\S+\s+(\d+)\s", limits, re.MULTILINE)
        if hard is not None:  # else it is unlimited
            found[name] = int(hard[1])
    return found


def engine_process(
    client: EngineClient, proc: Path = PROC, pid_files: tuple[Path, ...] = PID_FILES
) -> Path | None:
    """Return the engine's folder in proc(5); None where it is not seen from here.

    It listens at a Unix socket; where systemd holds that, its PID file tells.
    """
    adapter = client.get_adapter(client.base_url)
    if not isinstance(adapter, EngineAdapter):
        return None
    try:
        with connect_socket(adapter.socket_path, PATIENCE) as connection:
            peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        candidates = [_UCRED.unpack(peer)[0]]
    except OSError:
        return None
    for file in pid_files:
        try:
            candidates.append(int(file.read_text("ascii")))
        except (OSError, ValueError):
            continue
    for pid in candidates:
        folder = proc / str(pid)
        try:
            if (folder / "comm").read_text("ascii").strip() in ENGINES:
                return folder
        except (OSError, ValueError):
            continue
    return None
