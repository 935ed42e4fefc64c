"""Times as people write and read them."""

from __future__ import annotations

import re

from jupyter_gpu_containers.errors import InvalidRequestError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)", re.ASCII | re.IGNORECASE)


def parse_duration(text: str) -> int:
    """Return the seconds of a time such as ``90``, ``30m``, ``1.5h``, ``2d``; 0 is one, too.

    Raises
    ------
    InvalidRequestError
        The text is not a time.

    >>> parse_duration("2h"), parse_duration("90"), parse_duration("1.5m")
    (7200, 90, 90)
    """
    match = _DURATION.fullmatch(text.strip()[:40])
    if match is None:
        raise InvalidRequestError(
            f"“{text[:40]}” is not a time.", "Write it as a number and a unit: 90s, 30m, 2h, 1d."
        )
    return round(float(match[1]) * _UNITS[match[2].lower() or "s"])


def duration(seconds: float) -> str:
    """Return a duration in words.

    >>> duration(7200), duration(5400), duration(1), duration(90)
    ('2 hours', '90 minutes', '1 second', '90 seconds')
    """
    for unit, length in (("hour", 3600), ("minute", 60)):
        if seconds >= length and seconds % length == 0:
            number = int(seconds // length)
            return f"{number} {unit}{'s' * (number != 1)}"
    return f"{seconds:g} second{'s' * (seconds != 1)}"


def about(seconds: float) -> str:
    """Return a duration in words, rounded: to minutes from two of them on, else to seconds.

    >>> about(4210.2), about(89.6), about(7199), about(0.4)
    ('70 minutes', '90 seconds', '2 hours', '0 seconds')
    """
    return duration(round(seconds / 60) * 60 if seconds >= 120 else round(seconds))
