"""Which GPUs a process sees, and what tells it of those that fail, as the settings say."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import cast

from jupyter_gpu_containers.service.gpu.health import GpuHealth, boot_id
from jupyter_gpu_containers.service.kernel.watch import EventSource

from .ports import GpuInventory
from .settings import GpuContainers


def gpu_health(traits: GpuContainers, data: Path, log: logging.Logger) -> GpuHealth:
    """Return the inventory that knows which GPUs failed."""
    from .gpus.driver_files import driver_problem

    return GpuHealth(
        _inventory(traits),
        file=data / "gpu_containers" / "gpu_faults.json",
        boot=boot_id(),
        driver_problem=driver_problem if _fixed_gpus(traits) is None else lambda: None,
        log=log,
    )


def gpu_events(traits: GpuContainers, health: GpuHealth) -> tuple[EventSource, ...]:
    """Return what a server is told by of GPUs that fail; others only know what it wrote down."""
    if _fixed_gpus(traits) is not None:
        return ()
    from .gpus.nvml_events import NvmlEvents

    return (NvmlEvents(health.take),)


def _fixed_gpus(traits: GpuContainers) -> list[dict[str, object]] | None:
    return cast("list[dict[str, object]] | None", traits.fixed_gpus)


def _inventory(traits: GpuContainers) -> GpuInventory:
    fixed = _fixed_gpus(traits)
    if fixed is not None:
        from .gpus.fixed import FixedInventory

        return FixedInventory(fixed)
    from .gpus.nvml import NvmlInventory

    return NvmlInventory()
