"""A file of JSON lines that only grows: private, rotated by size, shared by processes of a user."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import stat
from collections.abc import Iterator, Mapping
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

MODE = 0o600


class Trail:
    """Appends records. A record is in the kernel's hands when `write` returns: no process that is
    killed takes it along. Whether it outlives a power cut is the file system's to say.

    Parameters
    ----------
    path : Path
        Older files are beside it, ``.1`` being the latest of them. None of them is there until
        something is written.
    size : int
        Bytes after which a new file is begun.
    kept : int
        How many older files are kept.
    what : str
        What the log calls it.
    """

    def __init__(
        self,
        path: Path,
        *,
        size: int,
        kept: int,
        what: str = "the audit trail",
        log: logging.Logger | None = None,
    ) -> None:
        self._path = path
        self._size = size
        self._kept = kept
        self._what = what
        self._log = log or logging.getLogger(__name__)
        self._handler: _Handler | None = None
        self._failed = False

    def write(self, record: Mapping[str, Any]) -> None:
        """Append a record, in one line. Blocks for one small write.

        One that cannot be written is told in the log, once until it works again: nobody's kernel
        waits for a full disk.
        """
        line = json.dumps(record, separators=(",", ":"))
        try:
            if self._handler is None:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._handler = _Handler(self._path, self._size, self._kept)
            self._handler.append(line)
        except OSError as exc:
            if not self._failed:
                self._log.warning("nothing is written to %s: %s", self._what, exc)
            self._failed = True
        else:
            self._failed = False


class _Handler(RotatingFileHandler):
    """The standard library's rotation, by one process at a time, of a file that several write."""

    stream: TextIOWrapper | None  # type: ignore[assignment]  # None while it is not open

    def __init__(self, path: Path, size: int, kept: int) -> None:
        super().__init__(path, maxBytes=size, backupCount=kept, encoding="utf-8", delay=True)
        self.setFormatter(logging.Formatter("%(message)s"))

    def append(self, line: str) -> None:
        """Write a line. Raises `OSError`."""
        self.emit(logging.LogRecord("", logging.INFO, "", 0, "%s", (line,), None))

    def emit(self, record: logging.LogRecord) -> None:
        """Write to the file that has the name now; a failure is its caller's to tell.

        It is open for this one line: records are rare, and somebody else may have rotated it.
        """
        with self.lock or contextlib.nullcontext():
            try:
                self._begin(record)
                stream = self.stream or self._open()
                self.stream = stream
                stream.write(self.format(record) + self.terminator)
                stream.flush()
            finally:
                self._drop()

    def _open(self) -> TextIOWrapper:
        """Open a regular file that is nobody else's to read; what lies there by a name is not
        followed, and a line that somebody did not live to end is ended."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(self.baseFilename, flags, MODE)
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise OSError(f"{self.baseFilename} is not a file")
            if stat.S_IMODE(facts.st_mode) != MODE:
                os.fchmod(descriptor, MODE)
            if facts.st_size and os.pread(descriptor, 1, facts.st_size - 1) != b"\n":
                os.write(descriptor, b"\n")
            return os.fdopen(descriptor, "a", encoding="utf-8")
        except BaseException:
            os.close(descriptor)
            raise

    def _is_current(self) -> bool:
        """Whether the file that is open still has the name."""
        assert self.stream is not None
        try:
            there = os.stat(self.baseFilename)
        except FileNotFoundError:
            return False
        return os.path.samestat(os.fstat(self.stream.fileno()), there)

    def _begin(self, record: logging.LogRecord) -> None:
        """Open the file, and close it again where it is full and has been rotated."""
        self.stream = self._open()
        if not self.shouldRollover(record):
            return
        with self._alone() as alone:
            if alone and self._is_current():  # else somebody else has done it just now
                self.doRollover()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        """Rotate alone, or not now: the next line is soon enough."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(f"{self.baseFilename}.lock", flags, MODE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(lock)

    def _drop(self) -> None:
        """Close the file; where it could not be written, its line has been told of."""
        stream, self.stream = self.stream, None
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
