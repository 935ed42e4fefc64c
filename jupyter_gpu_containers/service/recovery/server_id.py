"""Which Jupyter server a kernel belongs to, over the server's own death.

A server's name is made of the machine and its root folder, so that the next server in that folder
has the same one. While it lives it holds a lock on a file of that name, which the kernel drops when
the process ends in whatever way; the file says when the server was last seen alive. Several servers
in one folder get names of their own.

Times are of CLOCK_MONOTONIC, which neither a set clock nor a suspended machine moves, together with
the boot that they belong to.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from jupyter_gpu_containers.service.kernel.owner import Owner

SLOTS = 64  # servers in one folder
_FLOCK = "hhqqi"  # struct flock, fcntl(2)


@dataclass(frozen=True)
class ServerState:
    """What is known of a server: whether it lives, and else for how long it has been away."""

    alive: bool
    away: float | None = None  # seconds; None where nobody noted it


class ServerId:
    """The name of this process's server, held until `close` or its end."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.name = path.name
        self._path = path
        self._descriptor = descriptor
        self.beat()

    def beat(self) -> None:
        """Note that the server lives; make the file anew where somebody removed it."""
        if self._removed():
            again = _lock(self._path)
            if again is not None:
                os.close(self._descriptor)
                self._descriptor = again
        note = json.dumps({"boot": Owner.current().boot, "alive": time.monotonic()})
        os.pwrite(self._descriptor, note.ljust(200).encode(), 0)

    def close(self) -> None:
        """Let go; the next server in the folder gets the name."""
        if self._descriptor >= 0:
            self.beat()
            os.close(self._descriptor)
            self._descriptor = -1

    def _removed(self) -> bool:
        try:
            return not os.path.samestat(os.stat(self._path), os.fstat(self._descriptor))
        except FileNotFoundError:
            return True


class Servers:
    """The servers of one user, by files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, root: str) -> ServerId | None:
        """Take the name of the server in a root folder; None where 64 live there already."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = f"{Owner.current().machine}\0{os.path.realpath(root)}"
        digest = hashlib.sha256(place.encode()).hexdigest()[:24]
        for slot in range(SLOTS):
            name = f"{digest}-{slot}"
            descriptor = _lock(self._folder / name)
            if descriptor is not None:
                return ServerId(self._folder / name, descriptor)
        return None

    def state(self, name: str) -> ServerState | None:
        """Return what is known of a server of this user; None where it is not one."""
        if not name or "/" in name or name.startswith("."):
            return None
        try:
            descriptor = os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            # asked, not taken: a server that comes back in this moment shall find it free
            answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _write_lock())
            if struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK:
                return ServerState(alive=True)
            return ServerState(alive=False, away=_age(os.pread(descriptor, 200, 0)))
        finally:
            os.close(descriptor)


def _lock(path: Path) -> int | None:
    """Open and lock a file for as long as it is open; None where another process has it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _write_lock())
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _write_lock() -> bytes:
    return struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


def _age(note: bytes) -> float | None:
    try:
        text = json.loads(note)
        same_boot = text["boot"] == Owner.current().boot
        return max(0.0, time.monotonic() - float(text["alive"])) if same_boot else None
    except (ValueError, KeyError, TypeError):
        return None
