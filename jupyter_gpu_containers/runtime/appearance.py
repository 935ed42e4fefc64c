"""Waiting for a file to appear, without looking again and again: inotify(7)."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

# <sys/inotify.h>: the same numbers on every processor
IN_CREATE, IN_MOVED_TO, IN_DELETE_SELF, IN_MOVE_SELF = 0x100, 0x80, 0x400, 0x800
EVENTS = IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF
BUFFER = 4096  # bytes; an event has at most 272


async def appears(path: str) -> bool:
    """Return when there is something at a path, whatever it is.

    Parameters
    ----------
    path : str
        In a folder that exists. A link counts as there, wherever it leads.

    Returns
    -------
    bool
        False where that cannot be known: the folder is gone, or this system tells of no more files
        (``fs.inotify.max_user_instances``).
    """
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()
    try:
        with _watching(os.path.dirname(path)) as descriptor:
            loop.add_reader(descriptor, changed.set)
            try:
                while not _is_there(path):
                    changed.clear()
                    await changed.wait()
                    with contextlib.suppress(BlockingIOError):  # the loop told of one event twice
                        os.read(descriptor, BUFFER)
            finally:
                loop.remove_reader(descriptor)
    except OSError:
        return False
    return True


def _is_there(path: str) -> bool:
    """Tell whether there is something at a path; raises OSError where its folder is gone."""
    if os.path.lexists(path):
        return True
    os.stat(os.path.dirname(path))
    return False


@contextmanager
def _watching(folder: str) -> Iterator[int]:
    """Give a descriptor that can be read when something comes into a folder."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")
    with closing(os.fdopen(descriptor, "rb", buffering=0)):
        if libc.inotify_add_watch(descriptor, os.fsencode(folder), EVENTS) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch")
        yield descriptor
