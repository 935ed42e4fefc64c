"""A local process that stands in for a container's: its session, its bounded log."""

from __future__ import annotations

import itertools
import os
import selectors
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import IO

from jupyter_gpu_containers.errors import WorkspaceError
from jupyter_gpu_containers.model.kernel.container import ContainerSpec

LOG_LIMIT = 1024 * 1024  # bytes kept, from the end
# What a Python needs to find itself; nothing else of the server's environment is passed on.
PASSED_ON = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "LANG", "LC_ALL", "TZ")
NOT_FOUND, NOT_EXECUTABLE = 127, 126  # exit codes as docker-init and shells give them


class Log:
    """What a process wrote, by stream, the oldest part dropped beyond `LOG_LIMIT` bytes."""

    def __init__(self) -> None:
        self._parts: deque[tuple[bool, bytes]] = deque()  # (is standard error, data)
        self._size = 0
        self._dropped = 0  # parts
        self._runs = 0
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)

    def write(self, data: bytes, *, stderr: bool) -> None:
        """Append."""
        with self._lock:
            self._parts.append((stderr, data))
            self._size += len(data)
            while self._size - len(self._parts[0][1]) >= LOG_LIMIT:
                self._size -= len(self._parts.popleft()[1])
                self._dropped += 1
            self._changed.notify_all()

    def end_run(self) -> None:
        """Tell who follows that the present run has ended."""
        with self._lock:
            self._runs += 1
            self._changed.notify_all()

    def read_on(self, tail: int, *, follow: bool, left: threading.Event) -> Iterator[bytes]:
        """Yield the last lines, then, to follow, what is written until the run ends; blocks.

        Parameters
        ----------
        tail : int
            Lines.
        follow : bool
            Whether there is a present run, whose end is waited for.
        left : threading.Event
            Nobody follows any more; see `wake`.
        """
        with self._lock:
            data = b"".join(part for _, part in self._parts)
            position, run = self._dropped + len(self._parts), self._runs
        yield b"".join(data.splitlines(keepends=True)[-tail:] if tail > 0 else ())
        while follow and not left.is_set():
            with self._lock:
                self._changed.wait_for(
                    lambda: (
                        left.is_set()
                        or self._runs > run
                        or self._dropped + len(self._parts) > position  # noqa: B023
                    )
                )
                follow = self._runs == run
                start = max(0, position - self._dropped)
                new = b"".join(part for _, part in itertools.islice(self._parts, start, None))
                position = self._dropped + len(self._parts)
            yield new

    def wake(self) -> None:
        """Have those look who follow: one of them has left."""
        with self._lock:
            self._changed.notify_all()

    def read(self, *, stderr: bool = True) -> bytes:
        """Return standard output, and standard error too where wanted, in order of arrival."""
        with self._lock:
            data = b"".join(part for is_err, part in self._parts if stderr or not is_err)
        return data[-LOG_LIMIT:]


class Translation:
    """Paths of the container, seen from the host: a mount's target becomes its source."""

    def __init__(self, spec: ContainerSpec) -> None:
        pairs = ((m.target.rstrip("/"), m.source.rstrip("/")) for m in spec.mounts)
        self._pairs = sorted(pairs, key=lambda pair: len(pair[0]), reverse=True)

    def __call__(self, value: str) -> str:
        """Translate a value that is a path at or below a target; return others as they are."""
        for target, source in self._pairs:
            if value == target or value.startswith(target + "/"):
                return source + value[len(target) :]
        return value


def _argv(spec: ContainerSpec, host: Translation) -> list[str]:
    program = spec.command[0]
    if os.path.basename(program).startswith("python"):
        program = sys.executable
    return [program, *map(host, spec.command[1:])]


def stand_in_environment(
    spec: ContainerSpec, host: Translation, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables of a process that stands in for a container's."""
    env = {key: environ[key] for key in PASSED_ON if key in environ}
    # folders of a container's own there are none: what is installed goes where it would anyway
    env |= {key: host(value) for key, value in spec.env.items() if value not in spec.folders}
    env["JPY_PARENT_PID"] = str(os.getpid())  # an ipykernel ends when this process is killed
    return env


class Process:
    """Runs a spec's command on this machine, as the user that this process has.

    Parameters
    ----------
    spec : ContainerSpec
    log : Log
        Takes what the process writes; it outlives a restart.
    ended : callable
        Called once with the exit code, 128 + signal for a signal, from another thread.

    Raises
    ------
    WorkspaceError
        The working directory does not exist.
    """

    def __init__(self, spec: ContainerSpec, log: Log, ended: Callable[[int], None]) -> None:
        self._log = log
        self._ended = ended
        self._lock = threading.Lock()  # a signal never goes to a number that was given anew
        host = Translation(spec)
        folder = host(spec.working_dir)
        if not os.path.isdir(folder):
            raise WorkspaceError(f"The working directory {folder} does not exist.")
        try:
            self._popen = subprocess.Popen(
                _argv(spec, host),
                cwd=folder,
                env=stand_in_environment(spec, host, os.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as exc:
            # docker-init starts before it finds that the command cannot be executed
            log.write(f"exec {spec.command[0]} failed: {exc.strerror}\n".encode(), stderr=True)
            code = NOT_FOUND if isinstance(exc, FileNotFoundError) else NOT_EXECUTABLE
            self._thread = threading.Thread(target=ended, args=(code,), daemon=True)
            self._pid = 0
        else:
            self._pid = self._popen.pid
            self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """Number of the process; 0 when it has ended."""
        return self._pid

    def signal(self, signum: int) -> None:
        """Send a signal to the process group; nothing happens when it has ended."""
        with self._lock:
            if self._pid:
                os.killpg(self._pid, signum)

    def join(self) -> None:
        """Wait until `ended` was called."""
        self._thread.join()

    def _follow(self) -> None:
        assert self._popen.stdout is not None
        assert self._popen.stderr is not None
        pidfd = os.pidfd_open(self._pid)
        try:
            with selectors.DefaultSelector() as selector:
                for stream in (self._popen.stdout, self._popen.stderr):
                    os.set_blocking(stream.fileno(), False)
                    selector.register(stream, selectors.EVENT_READ)
                selector.register(pidfd, selectors.EVENT_READ)
                running = True
                while running:
                    for key, _ in selector.select():
                        if key.fileobj == pidfd:
                            running = False
                        elif not self._copy(key.fileobj):  # type: ignore[arg-type]
                            selector.unregister(key.fileobj)
        finally:
            os.close(pidfd)
        with self._lock:
            # With a container's first process all others end. It waits to be reaped still, so the
            # group's number is ours.
            os.killpg(self._pid, signal.SIGKILL)
            code = self._popen.wait()
            self._pid = 0
        for stream in (self._popen.stdout, self._popen.stderr):
            self._copy(stream)
            stream.close()
        self._ended(128 - code if code < 0 else code)

    def _copy(self, stream: IO[bytes]) -> bool:
        """Move what is there now into the log; False at the stream's end."""
        while True:
            try:
                data = os.read(stream.fileno(), 65536)
            except BlockingIOError:
                return True
            if not data:
                return False
            self._log.write(data, stderr=stream is self._popen.stderr)
