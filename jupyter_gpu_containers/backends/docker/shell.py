"""Programs in containers, with input and output; each function blocks, in a worker thread.

See `model.kernel.shell` for how one is begun, and for the guard beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from typing import Any, cast

import docker.errors
import requests.exceptions

from jupyter_gpu_containers.errors import ContainerNotFoundError, KernelNotRunningError
from jupyter_gpu_containers.model.kernel import shell
from jupyter_gpu_containers.model.kernel.shell import TerminalSize
from jupyter_gpu_containers.ports import Execution

from .client import EngineClient, Request
from .streams import Frames

log = logging.getLogger(__name__)

CONFLICT = 409  # HTTP status: the container does not run, or is paused
NOT_RUNNING = "on running containers"  # Podman says it with 500
CHUNK = 64 * 1024  # bytes
LATE = 5.0  # seconds that the engine may take to know how a program ended
ENDS = ["exec_die", "exec_died"]  # Docker's and Podman's name of that event
CLOCK_MARGIN = 1.0  # seconds


class Connection:
    """Both directions of a program that was started with `EngineClient.attach_exec`."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response  # what it holds is closed with it
        # What the engine sent behind its answer's head may lie in this reader already.
        self._reader: Any = cast(Any, response.raw)._fp.fp
        self._socket: socket.socket = self._reader.raw._sock
        self._socket.settimeout(None)
        self._lock = threading.Lock()
        self._closed = False

    def read(self) -> bytes:
        """Wait for bytes; none at the end, also by `close`."""
        try:
            data: bytes = self._reader.read1(CHUNK)
        except (OSError, ValueError):  # reset by an engine that ended; closed by us
            return b""
        return data

    def write(self, data: bytes) -> None:
        """Send; nothing happens where nobody is there any more."""
        with contextlib.suppress(OSError):
            self._socket.sendall(data)

    def end(self) -> None:
        """Send no more."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close, also while other threads read and write."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._response.close()


class DockerExecution(Execution):
    """See `Execution`.

    Parameters
    ----------
    request : callable
        Makes a request to the engine.
    exec_id, container_id : str
    program, guard : Connection
    tty : bool
    """

    def __init__(
        self,
        request: Request,
        container_id: str,
        exec_id: str,
        program: Connection,
        guard: Connection,
        *,
        tty: bool,
    ) -> None:
        self._request = request
        self._container_id = container_id
        self._exec_id = exec_id
        self._program = program
        self._guard = guard
        self._frames = None if tty else Frames()
        self._ready: list[tuple[bool, bytes]] = []
        self._began = time.time()
        self._begin()

    def _begin(self) -> None:
        """Tell the guard whom to guard, as soon as the program has said who it is."""
        seen: list[tuple[bool, bytes]] = []
        while True:
            parts = self._next()
            seen += parts
            output = b"".join(data for is_error, data in seen if not is_error)
            found = shell.split_process(output)
            if not parts or found is not None:
                break
        number, rest = found or (None, output)
        if number is not None:
            self._guard.write(shell.process_line(number))
        errors = [part for part in seen if part[0]]
        self._ready = [*([(False, rest)] if rest else []), *errors]

    def _next(self) -> list[tuple[bool, bytes]]:
        """Wait for complete frames; none at the end."""
        while True:
            data = self._program.read()
            if not data:
                return []
            if self._frames is None:
                return [(False, data)]
            if parts := [part for part in self._frames.feed(data) if part[1]]:
                return parts

    def read(self) -> tuple[bool, bytes]:
        """Wait for output."""
        if not self._ready:
            self._ready = self._next()
        if not self._ready:
            self._guard.write(shell.OVER)
            return False, b""
        return self._ready.pop(0)

    def write(self, data: bytes) -> None:
        """Give input."""
        self._program.write(data)

    def end_input(self) -> None:
        """Tell that there is no more."""
        self._program.end()

    def resize(self, size: TerminalSize) -> None:
        """Change the size of the terminal."""
        try:
            self._request(
                self._container_id,
                lambda c: c.exec_resize(self._exec_id, height=size.rows, width=size.columns),
            )
        except Exception as exc:  # noqa: BLE001  it has ended: the engine has many words for that
            log.debug("size of the terminal in %s: %s", self._container_id[:12], exc)

    def exit_code(self) -> int | None:
        """Ask the engine; an end that it has not noted yet is waited for."""
        try:
            code = self._request(self._container_id, self._exit_code)
        except ContainerNotFoundError:
            return None
        return None if code is None else int(code)

    def _exit_code(self, client: EngineClient) -> int | None:
        told = client.exec_inspect(self._exec_id)
        if told["Running"]:
            self._await_end(client)
            told = client.exec_inspect(self._exec_id)
        return None if told["Running"] else told["ExitCode"]

    def _await_end(self, client: EngineClient) -> None:
        """Wait for the event of the end, which may have come already."""
        since = self._began - CLOCK_MARGIN
        stream = client.event_stream(since, ENDS, idle_timeout=LATE)
        try:
            for event in stream:
                attributes = (event.get("Actor") or {}).get("Attributes") or {}
                if attributes.get("execID", self._exec_id) == self._exec_id:
                    return
        except requests.exceptions.RequestException as exc:
            log.debug("the end of a program in %s: %s", self._container_id[:12], exc)
        finally:
            stream.close()

    def close(self) -> None:
        """Let the guard end the program, unless it has ended."""
        self._guard.close()
        self._program.close()


async def execute(
    pool: Executor,
    request: Request,
    container_id: str,
    command: Sequence[str],
    size: TerminalSize | None,
    term: str | None,
) -> DockerExecution:
    """Run a program; see `ContainerBackend.execute`. Given up, it leaves none behind."""

    def begin(client: EngineClient) -> DockerExecution:
        return _execute(client, request, container_id, command, size, term)

    future: Future[DockerExecution] = pool.submit(request, container_id, begin)
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        future.add_done_callback(_hang_up)
        raise


def _hang_up(future: Future[DockerExecution]) -> None:
    if not future.cancelled() and future.exception() is None:
        future.result().close()


def _execute(
    client: EngineClient,
    request: Request,
    container_id: str,
    command: Sequence[str],
    size: TerminalSize | None,
    term: str | None,
) -> DockerExecution:
    tty = size is not None
    env = shell.terminal_variables(term) if tty else {}
    guard = _start(client, container_id, shell.GUARD, tty=False, env={})[1]
    try:
        exec_id, program = _start(client, container_id, shell.begun(command), tty=tty, env=env)
    except BaseException:
        guard.close()
        raise
    execution = DockerExecution(request, container_id, exec_id, program, guard, tty=tty)
    if size is not None:
        execution.resize(size)
    return execution


def _start(
    client: EngineClient,
    container_id: str,
    command: Sequence[str],
    *,
    tty: bool,
    env: dict[str, str],
) -> tuple[str, Connection]:
    """Start one: as the container's own user, in its working directory, with its rights."""
    try:
        started = client.exec_create(
            container_id, list(command), stdin=True, tty=tty, environment=env, privileged=False
        )
        return str(started["Id"]), Connection(client.attach_exec(str(started["Id"]), tty=tty))
    except docker.errors.APIError as exc:
        if exc.status_code == CONFLICT or NOT_RUNNING in str(exc.explanation):
            raise KernelNotRunningError(
                "The kernel does not run: its container takes no programs now.",
                "Restart the kernel first.",
            ) from exc
        raise
