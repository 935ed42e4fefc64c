"""What every command ends with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .tables import Style

INTERRUPTED = 130  # 128 + SIGINT, as a shell says it


@dataclass(frozen=True)
class Outcome:
    """The end of a command."""

    json: Any  # what --json prints
    text: Callable[[Style], str]  # what people read
    status: int = 0
