"""The Jupyter server that drives a kernel, asked to shut it down as a page would ask it.

A container that only vanishes is, to a server, a kernel that died: it would be started again.
"""

from __future__ import annotations

import urllib.request

from jupyter_gpu_containers.service.kernel.owner import Owner

TIMEOUT = 30.0  # seconds; a kernel has five to end by itself


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
    from jupyter_server.serverapp import list_running_servers  # takes a while

    driver, me = Owner.parse(owner), Owner.current()
    if driver is None or (driver.machine, driver.pid_namespace) != (me.machine, me.pid_namespace):
        return False
    servers = [server for server in list_running_servers() if "url" in server]
    # the driver first; a kernel that was recovered is another's
    servers.sort(key=lambda server: server["pid"] != driver.pid)
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
