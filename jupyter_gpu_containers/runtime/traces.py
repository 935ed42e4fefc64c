"""What a kernel can leave in its container: seen, and removed. Runs inside, by Python >= 3.6.

With nobody's modules imported: this is part of a process that outlives kernels (`keeper.py`).
"""

import os
import signal
import time

CLEAR_WITHIN = 2.0  # seconds in which processes that were killed are gone
LOOK = 0.001  # seconds between two looks for them
SHARED_MEMORY = "/dev/shm"
# what an engine makes anew for each start: a kernel that has changed it gets such a start
MADE_ANEW = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
QUEUES = ("/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg")


def processes() -> "set[int]":
    """Return the ids of all processes that can be seen."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def has_visitors() -> bool:
    """Tell whether a process other than init was begun from outside: its parent cannot be seen."""
    for process in processes() - {1}:
        try:
            with open(f"/proc/{process}/stat", "rb") as file:
                parent = file.read().rpartition(b")")[2].split()[1]
        except OSError:  # it has ended
            continue
        if parent == b"0":
            return True
    return False


def is_new() -> bool:
    """Tell whether there is nobody here but this process and an init: a container, just started.

    What else is there later has come after this process, and may be killed by it.
    """
    alone = os.getppid() == 1 and processes() == {1, os.getpid()}
    return alone and not os.listdir(SHARED_MEMORY)


class Container:
    """A container as it was when its process began, to which it is led back.

    Raises
    ------
    OSError
        What it consists of cannot be seen.
    """

    def __init__(self) -> None:
        self._around = _surroundings()

    def clear(self, spared: "set[int]") -> bool:
        """Leave no more than a new start of the container would; tell whether that is so.

        Parameters
        ----------
        spared : set of int
            Processes that go on, beside init.
        """
        until = time.monotonic() + CLEAR_WITHIN
        looks = 0
        try:
            while looks < 2:  # one that begins another during the first is seen by the second
                others = processes() - spared - {1}
                looks = 0 if others else looks + 1
                for process in others:
                    try:
                        os.kill(process, signal.SIGKILL)
                    except ProcessLookupError:
                        continue
                if others:
                    if time.monotonic() > until:
                        return False
                    time.sleep(LOOK)
            _empty(SHARED_MEMORY)
            return _surroundings() == self._around
        except OSError:  # of another user, say
            return False


def _surroundings() -> "list[object]":
    """Return what must be as it was at the container's start, for the next kernel to find it so."""
    found = [sorted(os.listdir("/dev"))]  # type: list[object]
    for path in MADE_ANEW:
        try:
            facts = os.stat(path)
            found.append((facts.st_ino, facts.st_size, facts.st_mtime, facts.st_mode))
        except OSError:
            found.append(None)
    if os.path.isdir("/dev/mqueue"):
        found.append(os.listdir("/dev/mqueue"))
    for path in QUEUES:
        try:
            with open(path) as file:
                found.append(len(file.readlines()))
        except OSError:
            found.append(None)
    return found


def _empty(folder: str) -> None:
    """Remove what is in a folder; links are not followed."""
    for path, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(os.path.join(path, name))
        for name in folders:
            inner = os.path.join(path, name)
            (os.unlink if os.path.islink(inner) else os.rmdir)(inner)
