"""Jupyter servers that are forked from a process which has imported what a server imports.

That is two thirds of a server's start. Each is a process of its own and begins as any other does,
with the command line, the variables, the folder and the log of a test; only `/proc` shows those
of the process that it was forked from.
"""

from __future__ import annotations

import atexit
import importlib
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import cache
from multiprocessing.connection import Connection, Pipe
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

MODULES = (  # a server imports these in its life at the latest
    *("jupyter_gpu_containers.app", "jupyter_gpu_containers.provisioner"),
    *("jupyter_gpu_containers.backends.docker.client", "jupyter_server_terminals.app"),
    *("jupyter_server.nbconvert.handlers", "jupyter_server.view.handlers", "docker", "pynvml"),
)


class Forked:
    """A process of `jupyter server`, as `subprocess.Popen` would show it."""

    def __init__(self, parent: Parent, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._parent = parent
        self._ended = os.pidfd_open(pid)  # nobody has waited for it, so this is no other process

    def poll(self) -> int | None:
        """Return its exit code, or None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return the exit code."""
        code = self._look(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired("jupyter server", timeout)
        return code

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], timeout)[0]:
            self.returncode = self._parent.ask("reap", self.pid)
            os.close(self._ended)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._ended, number)

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        self.send_signal(signal.SIGKILL)


class Parent:
    """The process that servers are forked from, as a test sees it."""

    def __init__(self) -> None:
        self._connection, others = Pipe()
        with others:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forked", str(others.fileno())],
                env={key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ},
                cwd=ROOT,
                pass_fds=[others.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        atexit.register(self.close)

    def ask(self, *what: Any, handle: int | None = None) -> Any:
        """Have something done there; return the answer."""
        self._connection.send(what)
        if handle is not None:
            send_handle(self._connection, handle, None)
        return self._connection.recv()

    def fork(self, argv: list[str], env: Mapping[str, str], folder: str, log: int) -> Forked:
        """Begin a server."""
        return Forked(self, self.ask("fork", argv, dict(env), folder, handle=log))

    def close(self) -> None:
        """End it; it reads that there is nothing more to do."""
        self._connection.close()
        self._process.wait()


@cache
def parent() -> Parent:
    """Return this process's one."""
    return Parent()


def _become(argv: list[str], env: Mapping[str, str], folder: str, log: int) -> None:
    """Be a server to the end."""
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = argv
    sys.path[0] = os.path.dirname(argv[0])
    importlib.import_module("jupyter_server.serverapp").main()


def main(connection: Connection) -> None:
    """Fork servers; a forked process returns from here, and ends as any other."""
    services = importlib.import_module("jupyter_server.serverapp").JUPYTER_SERVICE_HANDLERS
    for name in (*MODULES, *(name for names in services.values() for name in names or ())):
        importlib.import_module(name)
    assert threading.active_count() == 1, "no process is forked while a thread runs"
    while True:
        try:
            what, *args = connection.recv()
        except EOFError:
            return
        if what == "reap":
            connection.send(os.waitstatus_to_exitcode(os.waitpid(args[0], 0)[1]))
            continue
        log = recv_handle(connection)
        child = os.fork()
        if child:
            os.close(log)
            connection.send(child)
            continue
        connection.close()
        _become(*args, log)
        return


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])))
