"""Asks NVML what must be done to a GPU before it can be used again."""

from __future__ import annotations

from typing import Any

import pynvml

from jupyter_gpu_containers.model.gpu.health import RecoveryAction

_ACTIONS = {
    pynvml.NVML_GPU_RECOVERY_ACTION_NONE: RecoveryAction.NONE,
    pynvml.NVML_GPU_RECOVERY_ACTION_GPU_RESET: RecoveryAction.RESET,
    pynvml.NVML_GPU_RECOVERY_ACTION_NODE_REBOOT: RecoveryAction.REBOOT,
    pynvml.NVML_GPU_RECOVERY_ACTION_DRAIN_P2P: RecoveryAction.DRAIN,
    pynvml.NVML_GPU_RECOVERY_ACTION_DRAIN_AND_RESET: RecoveryAction.DRAIN_AND_RESET,
}
_FIELD = pynvml.NVML_FI_DEV_GET_GPU_RECOVERY_ACTION


def recovery_action(handle: Any) -> RecoveryAction | None:
    """Return the action; None where the driver tells none (before R570).

    Raises
    ------
    pynvml.NVMLError
        The GPU does not answer.
    """
    try:
        [value] = pynvml.nvmlDeviceGetFieldValues(handle, [_FIELD])
    except pynvml.NVMLError as error:
        if error.value in (
            pynvml.NVML_ERROR_NOT_SUPPORTED,
            pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
            pynvml.NVML_ERROR_INVALID_ARGUMENT,  # as older drivers answer for fields of later ones
        ):
            return None
        raise
    if value.nvmlReturn != pynvml.NVML_SUCCESS:
        return None
    return _ACTIONS.get(int(value.value.uiVal), RecoveryAction.OTHER)
