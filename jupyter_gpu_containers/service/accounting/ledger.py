"""The ledger: a folder with a private file for each user and month, of JSON lines that only grow.

It is in the user's own data folder, or one folder of the machine for all users (sticky, as /tmp).
Then each still writes and reads a file of their own; root reads all. A file tells of the account
that owns it, whatever name stands in its lines.
"""

from __future__ import annotations

import json
import logging
import os
import pwd
import re
import stat
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

from jupyter_gpu_containers.model.accounting.stretch import Stretch, of_record, to_record
from jupyter_gpu_containers.service.operations.trail import Trail

KEPT = 9  # older files of a month, where it has more than one
LONGEST = 1 << 16  # characters of a line; ours have some hundred
_FILE = re.compile(
    r"(?P<uid>\d+)-(?P<year>\d{4})-(?P<month>\d{2})\.jsonl(?:\.\d+|\.lock)?", re.ASCII
)


class Ledger:
    """Appends stretches of GPU use, and reads them back. Blocks; not for an event loop's thread.

    Parameters
    ----------
    folder : Path
    size : int
        Bytes after which a new file of a month is begun.
    months : int
        How many months are kept, with the one that goes on.
    """

    def __init__(
        self, folder: Path, *, size: int, months: int, log: logging.Logger | None = None
    ) -> None:
        self._folder = folder
        self._size = size
        self._months = months
        self._log = log or logging.getLogger(__name__)
        self._trail: tuple[str, Trail] | None = None  # by its file's name

    def write(self, stretches: Iterable[Stretch]) -> None:
        """Append stretches. One that cannot be written is told in the log."""
        for stretch in stretches:
            month = datetime.fromtimestamp(stretch.end, timezone.utc)
            name = f"{os.getuid()}-{month:%Y-%m}.jsonl"
            if self._trail is None or self._trail[0] != name:
                path = self._folder / name
                trail = Trail(path, size=self._size, kept=KEPT, what="the ledger", log=self._log)
                self._trail = name, trail
                self._forget(month)
            self._trail[1].write(to_record(stretch))

    def read(self, since: float) -> list[Stretch]:
        """Return what ended after a moment, of all files that this process may read.

        Lines that make no sense are left out, and told in the log.
        """
        found: list[Stretch] = []
        broken = 0
        for uid, path in self._files():
            try:
                if path.stat().st_mtime < since or not (file := _open(path, uid)):
                    continue
            except OSError as exc:  # another user's, or it was rotated just now
                self._log.debug("%s is not read: %s", path, exc)
                continue
            user = None if uid == os.getuid() else _login(uid)
            with file:
                for line in iter(lambda: file.readline(LONGEST), ""):
                    try:
                        stretch = of_record(json.loads(line), user)
                    except ValueError:
                        broken += bool(line.strip())
                        continue
                    if stretch.end >= since:
                        found.append(stretch)
        if broken:
            self._log.warning("%d lines of the ledger of GPU use cannot be read", broken)
        return found

    def _files(self) -> Iterator[tuple[int, Path]]:
        """Yield all files with whose they are by their names; rotated while they are listed,
        one may come twice, which counts nothing twice."""
        try:
            names = sorted(os.listdir(self._folder))
        except FileNotFoundError:
            return
        except OSError as exc:
            self._log.warning("the ledger of GPU use cannot be read: %s", exc)
            return
        for name in names:
            match = _FILE.fullmatch(name)
            if match and not name.endswith(".lock"):
                yield int(match["uid"]), self._folder / name

    def _forget(self, now: datetime) -> None:
        """Remove this user's files of months that are not kept."""
        oldest = now.year * 12 + now.month - self._months + 1
        try:
            names = os.listdir(self._folder)
        except OSError:  # it is made with the first line
            return
        for name in names:
            match = _FILE.fullmatch(name)
            if match is None or int(match["uid"]) != os.getuid():
                continue
            if int(match["year"]) * 12 + int(match["month"]) < oldest:
                try:
                    (self._folder / name).unlink()
                except OSError as exc:
                    self._log.warning("an old file of the ledger is kept: %s", exc)


def _open(path: Path, uid: int) -> TextIO | None:
    """Open a file that this user owns; None where it is another's, or none. Raises `OSError`."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    descriptor = os.open(path, flags)
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode) or facts.st_uid != uid:
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, encoding="utf-8", errors="replace")


def _login(uid: int) -> str:
    """Return an account's name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid{uid}"
