"""Between this program's terminal, or its pipes, and a program in a container."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from jupyter_gpu_containers.model.kernel.shell import TerminalSize
from jupyter_gpu_containers.ports import Execution

INPUT, OUTPUT, ERRORS = 0, 1, 2  # file descriptors
CHUNK = 64 * 1024  # bytes
ENDING_SIGNALS = (signal.SIGHUP, signal.SIGTERM)


def terminal_size() -> TerminalSize:
    """Return the size of this program's terminal."""
    size = shutil.get_terminal_size()
    with contextlib.suppress(OSError):  # COLUMNS and LINES would hide that it has changed
        size = os.get_terminal_size(INPUT)
    return TerminalSize(max(1, size.lines), max(1, size.columns))


async def relay(execution: Execution, *, terminal: bool, interactive: bool) -> int:
    """Pass input and output on until the program's output ends.

    Parameters
    ----------
    execution : Execution
    terminal : bool
        Input is a terminal of whose keys the program gets every one, Ctrl-C too.
    interactive : bool
        Whether there is any input.

    Returns
    -------
    int
        0, or the number of the signal that ended this program, 13 (SIGPIPE) where nobody reads it.
    """
    loop = asyncio.get_running_loop()
    end: asyncio.Future[int] = loop.create_future()

    def ended(number: int) -> None:
        if not end.done():
            end.set_result(number)

    for number in ENDING_SIGNALS:
        loop.add_signal_handler(number, ended, number)
    if terminal:
        loop.add_signal_handler(signal.SIGWINCH, _aside, lambda: execution.resize(terminal_size()))
    try:
        with _every_key(INPUT) if terminal else contextlib.nullcontext():
            output = _aside(lambda: _pass_output_on(execution))
            output.add_done_callback(lambda done: loop.call_soon_threadsafe(ended, done.result()))
            if interactive:
                _aside(lambda: _pass_input_on(execution))
            else:
                execution.end_input()
            return await end
    finally:
        for number in (*ENDING_SIGNALS, *((signal.SIGWINCH,) if terminal else ())):
            loop.remove_signal_handler(number)


def _aside(work: Callable[[], int | None]) -> Future[int]:
    """Run something in a thread that nobody waits for at this program's end."""
    future: Future[int] = Future()

    def run() -> None:
        result = work() or 0
        with contextlib.suppress(RuntimeError):  # the loop has ended
            future.set_result(result)

    threading.Thread(target=run, daemon=True).start()
    return future


def _pass_output_on(execution: Execution) -> int:
    """Write what the program writes, at the pace at which it is read."""
    while True:
        is_error, data = execution.read()
        if not data:
            return 0
        try:
            while data:
                data = data[os.write(ERRORS if is_error else OUTPUT, data) :]
        except OSError:  # nobody reads any more, or the terminal is gone
            return signal.SIGPIPE


def _pass_input_on(execution: Execution) -> None:
    while True:
        try:
            data = os.read(INPUT, CHUNK)
        except OSError:  # the terminal is gone
            data = b""
        if not data:
            execution.end_input()
            return
        execution.write(data)


@contextlib.contextmanager
def _every_key(descriptor: int) -> Iterator[None]:
    """Have a terminal pass every key on; what was typed already is not lost."""
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor, termios.TCSADRAIN)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):  # it is gone
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
