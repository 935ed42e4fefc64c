"""Sizes as Docker's command line writes them, and in words."""

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


def size_words(size: float) -> str:
    """Return a number of bytes for people, with one decimal.

    >>> size_words(3 << 29), size_words(52_428_800)
    ('1.5 GiB', '50.0 MiB')
    """
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
