"""What passes between a server and an interpreter that waits: files and a pipe.

They lie in the run directory, and are read by ``runtime/quick_start.py``, inside the container.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
from collections.abc import Mapping, Sequence

from jupyter_client.connect import KernelConnectionInfo

from jupyter_gpu_containers.errors import KernelExitedError
from jupyter_gpu_containers.model.kernel import spare as model
from jupyter_gpu_containers.model.kernel.launch import CONNECTION_FILE, Seat
from jupyter_gpu_containers.runtime.pipes import make_pipe, open_pipe
from jupyter_gpu_containers.service.kernel.seats import SOCKET_NAME, write_anew
from jupyter_gpu_containers.service.recovery.crashpoints import reached


def prepare(seat: Seat, modules: Sequence[str]) -> KernelConnectionInfo:
    """Make the pipe and the connection file with which the interpreter makes its sockets.

    Parameters
    ----------
    seat : Seat
        The spare's.
    modules : sequence of str
        What the interpreter imports before it waits.

    Raises
    ------
    WorkspaceError
        The run directory is not what it was.
    """
    user = (seat.caller.uid, seat.caller.gid)
    content = json.dumps(list(modules)).encode()  # none: a keeper imports the kernel alone
    write_anew(seat.run_dir, model.MODULES_FILE, content, user=user)
    make_pipe(_pipe(seat), user)
    connection: KernelConnectionInfo = {
        "transport": "ipc",
        "ip": os.path.join(seat.run_dir, SOCKET_NAME),
        "shell_port": 1,
        "iopub_port": 2,
        "stdin_port": 3,
        "control_port": 4,
        "hb_port": 5,
        "key": secrets.token_hex(32),
        "signature_scheme": "hmac-sha256",
    }
    content = json.dumps(connection).encode()
    write_anew(seat.run_dir, CONNECTION_FILE, content, user=user)
    return connection


def is_waiting(seat: Seat) -> bool:
    """Tell whether the interpreter has come to where it waits; it goes on waiting."""
    try:
        return _ring(_pipe(seat), ring=False)
    except OSError:
        return False


def tell(seat: Seat, env: Mapping[str, str]) -> None:
    """Let the interpreter go on as the kernel of a seat.

    Parameters
    ----------
    seat : Seat
        The kernel's, which was the spare's.
    env : mapping
        Variables that a spare gets only now.

    Raises
    ------
    KernelExitedError, WorkspaceError
        It does not wait.
    """
    content = model.Handover(seat.working_dir, env).to_json()
    user = (seat.caller.uid, seat.caller.gid)
    draft = f"{model.HANDOVER_FILE}.new"
    write_anew(seat.run_dir, draft, content, user=user)
    reached("spare.handover")
    try:
        os.rename(
            os.path.join(seat.run_dir, draft), os.path.join(seat.run_dir, model.HANDOVER_FILE)
        )
        _ring(_pipe(seat))
    except OSError as exc:
        raise KernelExitedError(f"The container that waited cannot be used: {exc}.") from exc


def undo(seat: Seat) -> None:
    """Have the next container of a seat start as others do."""
    for name in (model.PIPE_FILE, model.HANDOVER_FILE, model.MODULES_FILE):
        with contextlib.suppress(OSError):  # the kernel may have put a folder in its place
            os.unlink(os.path.join(seat.run_dir, name))


def _pipe(seat: Seat) -> str:
    return os.path.join(seat.run_dir, model.PIPE_FILE)


def _ring(pipe: str, *, ring: bool = True) -> bool:
    """Wake who waits, if it is to be woken; one that has not come so far yet finds the file.

    Returns whether somebody waits.
    """
    try:
        descriptor = open_pipe(pipe, os.O_WRONLY)
    except OSError as exc:
        if exc.errno == errno.ENXIO:
            return False
        raise
    try:
        if ring:
            with contextlib.suppress(BrokenPipeError):  # it has found the file in this moment
                os.write(descriptor, b"\n")
    finally:
        os.close(descriptor)
    return True
