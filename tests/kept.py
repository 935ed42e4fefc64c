"""What takes long to make and would come out the same: kept below .run from run to run."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.conftest import ROOT

KEPT = ROOT / ".run" / "kept"


def key_of(*parts: str | Path) -> str:
    """Return a key of texts, and of the contents of files and whole folders with their names."""
    digest = hashlib.sha256()
    for part in parts:
        for name, content in _contents(part):
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()


def keep(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that `make` has filled, in this run or in one before.

    Parameters
    ----------
    name : str
        Of the one folder that is kept; under another key it is made anew.
    key : str
        Of all that it is made of; see `key_of`.
    make : callable
        Given an empty folder at the place where it stays: environments cannot be moved.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    folder, stamp = KEPT / name, KEPT / f"{name}.key"
    with (KEPT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two workers may want it
        if folder.is_dir() and stamp.is_file() and stamp.read_text() == key:
            return folder
        stamp.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        make(folder)
        stamp.write_text(key)
        return folder


def _contents(part: str | Path) -> Iterable[tuple[str, bytes]]:
    if isinstance(part, str):
        return [("", part.encode())]
    if part.is_file():
        return [(part.name, part.read_bytes())]
    files = sorted(path for path in part.rglob("*") if path.is_file())
    return ((str(path.relative_to(part)), path.read_bytes()) for path in files)
