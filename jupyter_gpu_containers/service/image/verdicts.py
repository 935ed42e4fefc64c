"""Verdicts on this machine: what it is, remembered for moments, and images held against it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from jupyter_gpu_containers.errors import UnavailableError
from jupyter_gpu_containers.model.fitness.host import Host, HostGpu
from jupyter_gpu_containers.model.fitness.verdict import ImageClaims, Verdict, judge
from jupyter_gpu_containers.model.gpu.device import GpuSnapshot
from jupyter_gpu_containers.ports import ContainerBackend, GpuInventory

REMEMBERED = 5.0  # seconds: a list of images asks once, and a plugged-out GPU shows soon


@dataclass(frozen=True)
class _Known:
    host: Host
    until: float


class Verdicts:
    """Tells whether images run on this machine.

    Parameters
    ----------
    backend : ContainerBackend
    inventory : GpuInventory
    now : callable
        Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        backend: ContainerBackend,
        inventory: GpuInventory,
        *,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._backend = backend
        self._inventory = inventory
        self._now = now
        self._known: _Known | None = None

    async def host(self) -> Host:
        """Return this machine. Never raises: what does not answer is "not known"."""
        known = self._known
        if known is not None and self._now() < known.until:
            return known.host
        snapshot, (architecture, disk_free) = await asyncio.gather(
            self._inventory.snapshot(), self._engine()
        )
        host = _host(snapshot, architecture, disk_free)
        self._known = _Known(host, self._now() + REMEMBERED)
        return host

    async def judge(self, claims: ImageClaims) -> Verdict:
        """Judge an image on this machine."""
        return judge(claims, await self.host())

    async def _engine(self) -> tuple[str | None, int | None]:
        """Return the architecture that it runs, and the bytes that its disk has free."""
        try:
            info = await self._backend.known_info()
        except UnavailableError:
            return None, None
        if not info.root_dir:
            return info.architecture, None
        return info.architecture, await asyncio.to_thread(disk_free, info.root_dir)


def disk_free(folder: str) -> int | None:
    """Return the free bytes of the disk that holds a folder; None where it cannot be seen."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:  # the engine is in a virtual machine, or keeps its folder from us
        return None


def _host(snapshot: GpuSnapshot, architecture: str | None, disk_free: int | None) -> Host:
    gpus: dict[int, HostGpu] = {}
    for gpu in snapshot.gpus:  # a MIG instance counts as its GPU, which stands here once
        other = gpus.get(gpu.index)
        if other is None or (other.problem and gpu.problem is None):
            gpus[gpu.index] = HostGpu(
                index=gpu.index,
                name=gpu.name,
                compute_capability=gpu.compute_capability,
                brand=gpu.brand,
                mig=gpu.mig_profile is not None,
                problem=gpu.problem.message if gpu.problem else None,
            )
    driver = snapshot.driver
    return Host(
        architecture=architecture or None,
        driver_version=driver.version if driver else None,
        cuda_version=driver.cuda_version if driver else None,
        gpus=tuple(gpus[index] for index in sorted(gpus)),
        disk_free=disk_free,
    )
