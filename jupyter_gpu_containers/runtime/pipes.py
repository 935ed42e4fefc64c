"""Named pipes in a kernel's run directory, to which what runs in its container can write, too."""

from __future__ import annotations

import errno
import os
import stat


def make_pipe(path: str, user: tuple[int, int]) -> None:
    """Make a named pipe that is a user's (user and group id) alone. Raises `OSError`."""
    os.mkfifo(path, 0o600)
    os.chown(path, *user)


def open_pipe(path: str, direction: int) -> int:
    """Open a named pipe and return its descriptor; follows no link, waits for nobody.

    Parameters
    ----------
    path : str
    direction : int
        `os.O_RDONLY` or `os.O_WRONLY`.

    Raises
    ------
    OSError
        ENXIO: it is to be written, and nobody reads it. EINVAL: something else is in its place.
    """
    if not stat.S_ISFIFO(os.lstat(path).st_mode):
        raise OSError(errno.EINVAL, "no pipe", path)
    flags = direction | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags)
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):  # exchanged meanwhile
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no pipe", path)
    return descriptor
