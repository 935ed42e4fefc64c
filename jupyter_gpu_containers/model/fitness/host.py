"""A machine as compatibility sees it: driver, CPU architecture, GPUs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HostGpu:
    """A GPU of a host; for a MIG instance its parent's facts."""

    index: int
    name: str
    compute_capability: tuple[int, int] | None = None
    brand: str | None = None  # NVML's name of the product line: "Tesla", "GeForce", "Nvidia"
    mig: bool = False
    problem: str | None = None  # why it cannot be used at all: lost, to be reset


@dataclass(frozen=True)
class Host:
    """What an image must get on with; None is "not known", never "none"."""

    architecture: str | None  # Go's name, "amd64"
    driver_version: str | None = None  # "570.124.06"
    cuda_version: str | None = None  # newest CUDA that the driver supports, "12.8"
    gpus: tuple[HostGpu, ...] = ()
    disk_free: int | None = None  # bytes where the engine keeps images
