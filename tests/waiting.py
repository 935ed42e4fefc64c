"""Waiting for what no event tells of: a process that is gone, a container, a line in a file."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

FIRST, LONGEST = 0.01, 0.2  # seconds between two looks: each costs what else is tested
T = TypeVar("T")


def wait_until(look: Callable[[], T], timeout: float) -> T:
    """Look again and again, ever more seldom, until there is something true, or no time left.

    Returns
    -------
    T
        What was seen last.
    """
    deadline = time.monotonic() + timeout
    pause = FIRST
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(1.5 * pause, LONGEST)
    return seen
