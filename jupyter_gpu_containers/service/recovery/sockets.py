"""Is it still our kernel that listens in a run directory? Looked at before its sockets are used.

The kernel can write into its run directory. It must not lead a server that comes back to a socket
outside of it, such as the container engine's: no link is followed, and each name must be a socket
that the kernel's user made.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_gpu_containers.errors import WorkspaceError
from jupyter_gpu_containers.service.kernel.seats import SOCKET_NAME

PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")


def ports_of(connection: Mapping[str, Any], run_dir: str) -> list[int]:
    """Return the numbers of a kernel's channels.

    Raises
    ------
    WorkspaceError
        The connection does not lead into the run directory.
    """
    ports = [connection.get(name) for name in PORTS]
    expected = {"transport": "ipc", "ip": os.path.join(run_dir, SOCKET_NAME)}
    if any(connection.get(key) != value for key, value in expected.items()) or not all(
        isinstance(port, int) and 0 < port < 1 << 16 for port in ports
    ):
        raise _not_ours(run_dir)
    return [port for port in ports if isinstance(port, int)]


def all_there(run_dir: str, ports: Iterable[int], uid: int) -> bool:
    """Tell whether the kernel has made all its sockets.

    Raises
    ------
    WorkspaceError
        What is there is not a socket of this user, or the directory is not the user's own.
    """
    try:
        folder = os.open(run_dir, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as exc:
        raise _not_ours(run_dir) from exc
    try:
        if os.fstat(folder).st_uid != uid:
            raise _not_ours(run_dir)
        return all(_is_socket(folder, f"{SOCKET_NAME}-{port}", uid, run_dir) for port in ports)
    finally:
        os.close(folder)


def _is_socket(folder: int, name: str, uid: int, run_dir: str) -> bool:
    try:
        descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return False
    try:
        facts = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not stat.S_ISSOCK(facts.st_mode) or facts.st_uid != uid:
        raise _not_ours(run_dir)
    return True


def _not_ours(run_dir: str) -> WorkspaceError:
    return WorkspaceError(
        f"The kernel's run directory {run_dir} is not as it was made: a name in it is no socket of "
        "the kernel's own.",
        "Start the kernel again.",
        code="run_dir_changed",
    )
