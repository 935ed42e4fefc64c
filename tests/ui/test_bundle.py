"""What the front end weighs."""

from __future__ import annotations

import gzip
from pathlib import Path

MOST = 150_000  # bytes, of everything, after gzip


def test_the_bundle_is_small(assets: Path) -> None:
    """Everything that a page may load of us, whatever it does."""
    files = [path for path in (assets / "static").iterdir() if path.suffix in (".js", ".css")]
    assert any(path.name.startswith("remoteEntry.") for path in files)
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) <= MOST
