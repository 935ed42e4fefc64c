"""What every command ends with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jupyter_gpu_containers.errors import (
    CellFailedError,
    GpuContainersError,
    GpusBusyError,
    QueueFullError,
)

from .tables import Style

INTERRUPTED = 130  # 128 + SIGINT, as a shell says it
FAILED, CELL_FAILED, GPUS_BUSY = 1, 3, 4  # 2 is a command line that cannot be understood
_STATUS = {  # by code: what a server tells has no class
    CellFailedError.code: CELL_FAILED,
    GpusBusyError.code: GPUS_BUSY,
    QueueFullError.code: GPUS_BUSY,
}


@dataclass(frozen=True)
class Outcome:
    """The end of a command."""

    json: Any  # what --json prints
    text: Callable[[Style], str]  # what people read
    status: int = 0


def status_of(error: GpuContainersError) -> int:
    """Return the exit status of a failure; scripts may want to repeat what found no free GPU."""
    return _STATUS.get(error.error_code, FAILED)
