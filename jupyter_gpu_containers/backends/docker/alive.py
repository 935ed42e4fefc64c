"""Whether an engine stops just now, and when it began: it ends containers when it does either.

One that stops serves only the connections that it has. Process facts are those of proc(5).
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import time
from pathlib import Path

import requests

from .client import EngineClient
from .transport import EngineAdapter, connect_socket

log = logging.getLogger(__name__)

PROC = Path("/proc")
PID_FILES = (Path("/run/docker.pid"),)
STARTTIME = 22  # number of the field in /proc/PID/stat, in clock ticks since boot
_UCRED = struct.Struct("3i")  # pid, uid, gid of who called listen(): unix(7)
PATIENCE = 1.5  # seconds; where systemd holds the socket, a connection is taken and not answered


def takes_connections(client: EngineClient, patience: float = PATIENCE) -> bool:
    """Ask for a sign of life by a connection of its own.

    Parameters
    ----------
    client : EngineClient
        Its pooled connections are not used.
    patience : float
        Seconds to wait for the answer.
    """
    adapter = client.get_adapter(client.base_url)
    try:
        if isinstance(adapter, EngineAdapter):
            return _ping(adapter.socket_path, patience)
        return requests.get(
            f"{client.base_url}/_ping", timeout=patience, verify=client.verify, cert=client.cert
        ).ok
    except (OSError, requests.RequestException) as exc:
        log.debug("The engine takes no connection: %r", exc)
        return False


def _ping(path: str, patience: float) -> bool:
    deadline = time.monotonic() + patience
    with connect_socket(path, patience) as connection:
        connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
        answer = b""
        while b"\r\n" not in answer:
            connection.settimeout(max(0.001, deadline - time.monotonic()))
            part = connection.recv(1024)
            if not part:
                break
            answer += part
    return answer.startswith(b"HTTP/") and answer.split(b" ", 2)[1:2] == [b"200"]


def began(
    client: EngineClient, proc: Path = PROC, pid_files: tuple[Path, ...] = PID_FILES
) -> float:
    """Return when the engine's process began, in seconds since the epoch; 0 where not known.

    It is known where the engine listens at a Unix socket and is seen in this PID namespace. Where
    systemd holds the socket, the process is found by its PID file.
    """
    adapter = client.get_adapter(client.base_url)
    if not isinstance(adapter, EngineAdapter):
        return 0.0
    try:
        with connect_socket(adapter.socket_path, PATIENCE) as connection:
            peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        pids = [_UCRED.unpack(peer)[0]]
    except OSError:
        return 0.0
    for file in pid_files:
        try:
            pids.append(int(file.read_text("ascii")))
        except (OSError, ValueError):
            continue
    return next((moment for pid in pids if (moment := _began(pid, proc))), 0.0)


def _began(pid: int, proc: Path) -> float:
    """Return when a process began that is a Docker engine; 0 for any other."""
    try:
        name, _, rest = (proc / str(pid) / "stat").read_text("utf-8").rpartition(")")
        if not name.endswith("(dockerd"):
            return 0.0
        ticks = int(rest.split()[STARTTIME - 3])  # the fields after the name, the third one first
    except (OSError, ValueError, IndexError):
        return 0.0
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)  # "btime" has whole seconds
    return booted + ticks / os.sysconf("SC_CLK_TCK")
