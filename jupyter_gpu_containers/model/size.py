"""Sizes as Docker's command line writes them."""

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
