"""Files that only their owner may read, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_private(path: Path, content: str, *, alone: bool = False) -> None:
    """Write a file that only its owner may read, whole or not at all. Raises `OSError`.

    Parameters
    ----------
    path : Path
    content : str
    alone : bool
        Nobody else writes the file meanwhile: then its draft has one name, and what a process did
        not live to finish is written over, or removed by `remove_draft`.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if alone:
        draft = str(_draft(path))
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(draft, flags, 0o600)
    else:
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def remove_draft(path: Path) -> None:
    """Remove what a process that wrote a file alone did not live to finish."""
    _draft(path).unlink(missing_ok=True)


def _draft(path: Path) -> Path:
    return path.with_name(f".new-{path.name}")
