"""Manifests and configurations on disk, by digest: what a digest names never changes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path

_DIGEST = re.compile(r"(sha256|sha512):([0-9a-f]{64}|[0-9a-f]{128})", re.ASCII)
_MOST = 4000  # files; some tens of kilobytes each at most
_KEPT = 3000  # of them, where there are more


def matches(digest: str, data: bytes) -> bool:
    """Tell whether bytes are what a digest names; False also for digests of unknown kinds."""
    match = _DIGEST.fullmatch(digest)
    return match is not None and hashlib.new(match[1], data).hexdigest() == match[2]


class DigestCache:
    """A folder of files named by digest; a file that is not what its name says is not used.

    Parameters
    ----------
    folder : Path or None
        Made when it is needed. None: nothing is kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._written = 0

    def get(self, digest: str) -> bytes | None:
        """Return what the digest names, if it is here and whole."""
        path = self._path(digest)
        if path is None:
            return None
        try:
            data = path.read_bytes()
        except OSError:
            return None
        return data if matches(digest, data) else None

    def put(self, digest: str, data: bytes) -> None:
        """Keep something; a disk that does not take it costs a request next time."""
        path = self._path(digest)
        if path is None:
            return
        with contextlib.suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                os.replace(name, path)
            except OSError:
                os.unlink(name)
                raise
            self._written += 1
            if self._written % 100 == 1:
                self._prune(path.parent)

    def _path(self, digest: str) -> Path | None:
        if self._folder is None or not _DIGEST.fullmatch(digest):
            return None
        return self._folder / digest.replace(":", "-")

    def _prune(self, folder: Path) -> None:
        """Remove the oldest files where there are too many."""
        files = [(entry.stat().st_mtime, entry.path) for entry in os.scandir(folder)]
        if len(files) > _MOST:
            for _, path in sorted(files)[: len(files) - _KEPT]:
                os.unlink(path)
