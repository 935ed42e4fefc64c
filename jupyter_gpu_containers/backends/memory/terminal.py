"""A shell on this machine that ends with another process; run as a program of its own.

The demonstration's stand-in for a program in a container. Arguments: the process that stands in
for the container, then the command. Nothing but the standard library, and quick to start.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import sys
import termios

GRACE = 1000  # milliseconds that the program has to end after it was hung up
HUNG_UP = 128 + signal.SIGHUP
NOT_FOUND = 127  # exit code as shells give it
SENTENCE = "\nThe kernel has ended or was restarted, and this program with it.\n"


def main(container: int, command: list[str]) -> None:
    """Become the command, with a guard beside it; does not return."""
    with contextlib.suppress(OSError):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # input is the session's terminal, if it is one
    try:
        watched = os.pidfd_open(container)
        owner = os.pidfd_open(os.getppid())
    except ProcessLookupError:
        os.write(2, SENTENCE.encode())
        sys.exit(HUNG_UP)
    me = os.getpid()
    if os.fork() == 0:
        _guard(watched, owner, me)
    os.close(watched)
    os.close(owner)
    try:
        os.execvp(command[0], command)
    except OSError as exc:
        os.write(2, f"{command[0]}: {exc.strerror}\n".encode())
        os._exit(NOT_FOUND)


def _guard(watched: int, owner: int, program: int) -> None:
    """Hang the program up when the watched process or the owner ends; does not return."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)
    os.setpgid(0, 0)
    for descriptor in (0, 1):
        os.close(descriptor)
    try:
        guarded = os.pidfd_open(program)
    except ProcessLookupError:
        os._exit(0)
    ends = select.poll()
    for descriptor in (watched, owner, guarded):
        ends.register(descriptor, select.POLLIN)
    ended = {descriptor for descriptor, _ in ends.poll()}
    if guarded not in ended:
        if watched in ended:
            with contextlib.suppress(OSError):
                os.write(2, SENTENCE.encode())
        _hang_up(program, guarded)
    os._exit(0)


def _hang_up(program: int, guarded: int) -> None:
    """End a program and its group, at first as a terminal that is closed does."""
    end = select.poll()
    end.register(guarded, select.POLLIN)
    for number in (signal.SIGHUP, signal.SIGCONT):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program, number)
    if not end.poll(GRACE):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
