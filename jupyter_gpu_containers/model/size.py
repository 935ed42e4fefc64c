"""Sizes: read as Docker's command line takes them, and written as people know them.

RAM and GPU memory count by 1024, as `docker run --memory 8g` and who sells them do; images, files
and disks by 1000, as `docker images` and registries do. Both are written GB, as everywhere else.
"""

from __future__ import annotations

import re

from jupyter_gpu_containers.errors import InvalidRequestError

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE | re.ASCII)
_FACTORS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def parse_size(text: str) -> int:
    """Return the bytes of a size such as ``512m``, ``8g``, ``1.5GiB``.

    Raises
    ------
    InvalidRequestError
        The text is not a size.

    >>> parse_size("8g") == 8 << 30
    True
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise InvalidRequestError(
            f"“{text[:40]}” is not a size.",
            "Write it as a number and a unit, for example 8g or 512m.",
        )
    return int(float(match[1]) * _FACTORS[match[2].lower()])


def format_bytes(count: int) -> str:
    """Return the size of a download, an image, a file or a disk, in decimal units.

    >>> format_bytes(8_900_000_000), format_bytes(1000), format_bytes(512)
    ('8.9 GB', '1 kB', '512 B')
    """
    return _format(count, 1000)


def format_memory(count: int) -> str:
    """Return an amount of RAM or of a GPU's memory: 8 GB are 8 · 2³⁰ bytes.

    >>> format_memory(8 << 30), format_memory(1536 << 20), format_memory(512)
    ('8 GB', '1.5 GB', '512 B')
    """
    return _format(count, 1024)


def _format(count: int, base: int) -> str:
    value, rest = float(count), ["B", "kB", "MB", "GB", "TB"]
    while round(value, 1) >= base and len(rest) > 1:
        value /= base
        rest.pop(0)
    return f"{value:.1f}".removesuffix(".0") + f" {rest[0]}"
