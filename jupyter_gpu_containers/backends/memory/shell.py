"""Programs beside the process that stands in for a container: on this machine, as this user."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path

from jupyter_gpu_containers.backends.output import PlainText
from jupyter_gpu_containers.errors import KernelNotRunningError
from jupyter_gpu_containers.model.kernel.shell import Program, TerminalSize, terminal_variables
from jupyter_gpu_containers.ports import Execution
from jupyter_gpu_containers.runtime.streams import read_in_thread

from .process import Translation, stand_in_environment
from .store import MemoryStore, Record

CHUNK = 64 * 1024  # bytes
TERMINAL = str(Path(__file__).with_name("terminal.py"))
GRACE = 1.0  # seconds that a program has to end after it was hung up
STAYS = ("TERM", "COLUMNS", "LINES")  # of the environment of whoever owns the terminal


def program(record: Record, command: Sequence[str] = ()) -> Program:
    """Return the process that is a command, or a shell, beside a container's.

    Raises
    ------
    KernelNotRunningError
    """
    if record.process is None:
        raise KernelNotRunningError(
            f"The kernel does not run: its container is {record.status.value}.",
            "Restart the kernel first.",
        )
    host = Translation(record.spec)
    shell = shutil.which("bash") or "sh"
    env: dict[str, str | None] = {name: None for name in os.environ if name not in STAYS}
    env |= stand_in_environment(record.spec, host, os.environ)
    return Program(
        # -I: nothing that lies in the working directory is imported
        (sys.executable, "-I", TERMINAL, str(record.process.pid), *(command or (shell,))),
        env,
        host(record.spec.working_dir),
    )


class LocalExecution(Execution):
    """See `Execution`."""

    def __init__(self, program: Program, size: TerminalSize | None, term: str | None) -> None:
        self._lock = threading.Lock()  # of what is closed: its number may be another's then
        self._reading = threading.Lock()
        self._closed = False
        self._left, self._leave = os.pipe()
        self._master: int | None = None
        slave: int | None = None
        if size is not None:
            self._master, slave = pty.openpty()
        env = {name: value for name, value in program.env.items() if value is not None}
        if size is not None:
            env |= terminal_variables(term)
            self.resize(size)
        pipe = subprocess.PIPE if slave is None else slave
        try:
            self._popen = subprocess.Popen(
                program.argv,
                cwd=program.cwd,
                env=env,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                bufsize=0,
                start_new_session=True,
            )
        except BaseException:
            if self._master is not None:
                os.close(self._master)
            os.close(self._left)
            os.close(self._leave)
            raise
        finally:
            if slave is not None:
                os.close(slave)
        if self._master is not None:
            self._outputs = {self._master: False}
        else:
            assert self._popen.stdout is not None
            assert self._popen.stderr is not None
            self._outputs = {self._popen.stdout.fileno(): False, self._popen.stderr.fileno(): True}

    def read(self) -> tuple[bool, bytes]:
        """Wait for output."""
        with self._reading:
            while self._outputs and not self._closed:
                ready, _, _ = select.select([*self._outputs, self._left], [], [])
                for descriptor in ready:
                    if descriptor == self._left:
                        break
                    try:
                        data = os.read(descriptor, CHUNK)
                    except OSError:  # nobody has the other side of the terminal any more
                        data = b""
                    if data:
                        return self._outputs[descriptor], data
                    del self._outputs[descriptor]
        return False, b""

    def write(self, data: bytes) -> None:
        """Give input."""
        with contextlib.suppress(OSError, ValueError):
            while data:
                data = data[os.write(self._input, data) :]

    @property
    def _input(self) -> int:
        if self._master is not None:
            return self._master
        assert self._popen.stdin is not None
        return self._popen.stdin.fileno()

    def end_input(self) -> None:
        """Tell that there is no more."""
        if self._master is None and self._popen.stdin is not None:
            self._popen.stdin.close()

    def resize(self, size: TerminalSize) -> None:
        """Change the size of the terminal."""
        with self._lock:
            if self._master is not None and not self._closed:
                packed = struct.pack("HHHH", size.rows, size.columns, 0, 0)
                fcntl.ioctl(self._master, termios.TIOCSWINSZ, packed)

    def exit_code(self) -> int | None:
        """Wait for the process, which has closed its output."""
        code = self._popen.wait()
        return 128 - code if code < 0 else code

    def close(self) -> None:
        """Hang up; returns when the program has ended."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            for number in (signal.SIGHUP, signal.SIGCONT):
                self._signal(number)
        os.close(self._leave)
        try:
            self._popen.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._popen.wait()
        with self._reading:
            os.close(self._left)
            if self._master is not None:
                os.close(self._master)
            for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
                if stream is not None:
                    stream.close()

    def _signal(self, number: int) -> None:
        if self._popen.poll() is None:  # not reaped: the number is its
            os.killpg(self._popen.pid, number)


async def stream(
    store: MemoryStore, container_id: str, tail: int, *, follow: bool
) -> AsyncGenerator[str, None]:
    """Yield a log's last lines and what follows; see `ContainerBackend.stream_logs`."""
    with store.lock:
        record = store.find(container_id)
        if record is None:
            return
        log, follow = record.log, follow and record.process is not None
    left = threading.Event()

    def parts() -> Iterator[str]:
        text = PlainText()
        yield from filter(None, map(text.feed, log.read_on(tail, follow=follow, left=left)))
        yield from filter(None, [text.feed(b"", final=True)])

    def leave() -> None:
        left.set()
        log.wake()

    reading = read_in_thread(parts(), leave, name="gpu-containers-log")
    async with aclosing(reading):
        async for part in reading:
            yield part
