"""Values of NVML that a driver, or a kind of device, may not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pynvml
from pynvml import NVMLError

T = TypeVar("T")

# what an older driver, a MIG instance, a consumer card or WSL answers for a value it does not have
_NOT_THERE = (
    pynvml.NVML_ERROR_NOT_SUPPORTED,
    pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
    pynvml.NVML_ERROR_NO_PERMISSION,
    pynvml.NVML_ERROR_NOT_FOUND,
    pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH,
)


def optional(function: Callable[..., T], *args: Any) -> T | None:
    """Call NVML; None where this driver or this kind of device does not have the value."""
    try:
        return function(*args)
    except NVMLError as error:
        if error.value in _NOT_THERE:
            return None
        raise
