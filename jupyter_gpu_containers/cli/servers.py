"""The Jupyter server that drives a kernel, asked to shut it down as a page would ask it.

A container that only vanishes is, to a server, a kernel that died: it would be started again.
"""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_runtime_dir

from jupyter_gpu_containers.service.kernel.owner import Owner

TIMEOUT = 30.0  # seconds; a kernel has five to end by itself


def written_down() -> list[dict[str, Any]]:
    """Return what the servers of this user that run here have written down; blocking.

    As `jupyter_server.serverapp.list_running_servers` does, which takes more than a second to load;
    it also removes what servers that are gone have left.
    """
    found = []
    for file in sorted(Path(jupyter_runtime_dir()).glob("jpserver-*.json")):
        try:
            server = json.loads(file.read_text("utf-8"))
            os.kill(int(server["pid"]), 0)
        except PermissionError:  # of a process that is there
            found.append(server)
        except (OSError, ValueError, KeyError, TypeError):  # gone, or being written
            continue
        else:
            found.append(server)
    return [server for server in found if str(server.get("url", "")).startswith("http")]


def shut_down(kernel_id: str, owner: str) -> bool:
    """Shut a kernel down by REST; blocking.

    Parameters
    ----------
    kernel_id : str
    owner : str
        The label of its container; names the process that drives it, or drove it before a crash.

    Returns
    -------
    bool
        Whether a server did. None does for kernels of papermill and the like, nor for kernels of
        other users, whose servers' tokens are theirs.
    """
    return _delete_on(f"api/kernels/{kernel_id}", owner)


def leave_queue(launch_id: str, owner: str) -> bool:
    """Have a server give a launch up that waits; blocking. Tells whether one did."""
    return _delete_on(f"gpu-containers/launches/{launch_id}", owner)


def _delete_on(path: str, owner: str) -> bool:
    driver, me = Owner.parse(owner), Owner.current()
    if driver is None or (driver.machine, driver.pid_namespace) != (me.machine, me.pid_namespace):
        return False
    # the driver first; a kernel that was recovered is another's
    servers = sorted(written_down(), key=lambda server: bool(server["pid"] != driver.pid))
    return any(_delete(f"{server['url']}{path}", server.get("token", "")) for server in servers)


def _delete(url: str, token: str) -> bool:
    headers = {"Authorization": f"token {token}"} if token else {}
    request = urllib.request.Request(url, method="DELETE", headers=headers)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=TIMEOUT):
            return True
    except OSError:  # busy, password only, TLS of its own: then its container is removed
        return False
