"""The GPUs that this process's kernels hold, and whether they use them.

Who holds what is known without looking. Whether it is used is told by looks at the GPUs, those
that pages and others cause; where nobody looks, this one does, rarely, while GPUs are held.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable

from jupyter_gpu_containers.model.gpu.device import GpuSnapshot
from jupyter_gpu_containers.model.kernel.idle import loads
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.ports import GpuInventory
from jupyter_gpu_containers.service.futures import set_within

OLD = 2.5  # intervals after which a look tells nothing of now any more
USUAL = 30.0  # seconds: the interval for looks of others, where this one takes none


class HeldGpus:
    """Follows launches and looks at GPUs.

    Parameters
    ----------
    inventory : GpuInventory
    interval : float
        Seconds between two looks, at most, while GPUs are held; 0: look at none for this.
    most : int
        Percent of utilisation up to which a GPU counts as idle.
    clock : callable
        Seconds, from a clock that nobody sets.
    """

    def __init__(
        self,
        inventory: GpuInventory,
        *,
        interval: float = 30.0,
        most: int = 5,
        clock: Callable[[], float] = time.monotonic,
        log: logging.Logger | None = None,
    ) -> None:
        self._inventory = inventory
        self._interval = interval
        self._most = most
        self._clock = clock
        self._log = log or logging.getLogger(__name__)
        self._held: dict[str, tuple[str, ...]] = {}  # by launch
        self._last: tuple[float, GpuSnapshot] | None = None
        self._wake: asyncio.Event | None = None

    @property
    def uuids(self) -> frozenset[str]:
        """The GPUs and MIG instances that are held, each once."""
        return frozenset(uuid for uuids in self._held.values() for uuid in uuids)

    def follow(self, launch: Launch) -> None:
        """Note who holds what, as a listener of launches."""
        before = self._held.get(launch.id)
        if launch.gpus and launch.phase in (Phase.STARTING, Phase.RUNNING):
            self._held[launch.id] = launch.gpus
        else:
            self._held.pop(launch.id, None)
        if self._held.get(launch.id) != before and self._wake is not None:
            self._wake.set()

    def looked(self, snapshot: GpuSnapshot) -> None:
        """Take in a look at the GPUs, whoever it was for."""
        if not snapshot.stale:
            self._last = (self._clock(), snapshot)

    def used(self) -> float:
        """Return how many of the GPUs that are held computed at the last look.

        NaN where there was none lately, or the driver did not tell of one of them.
        """
        held = sorted(self.uuids)
        if not held:
            return 0.0
        if self._last is None or self._age() > OLD * (self._interval or USUAL):
            return math.nan
        snapshot = self._last[1]
        if not {gpu.uuid for gpu in snapshot.gpus}.issuperset(held):
            return math.nan
        return float(sum(load.works(self._most) for load in loads(held, snapshot)))

    async def run(self) -> None:
        """Look now and then, until it is cancelled."""
        if self._interval <= 0:
            return
        self._wake = wake = asyncio.Event()
        try:
            while True:
                wake.clear()
                rest = await self._look() if self._held else None
                await set_within(wake, rest)
        finally:
            self._wake = None

    async def _look(self) -> float:
        """Look where nobody has for a while, and return seconds until the next time."""
        if self._last is None or self._age() >= self._interval:
            try:
                self.looked(await self._inventory.snapshot())
            except Exception:  # noqa: BLE001  a bug in one look must not end all
                self._log.exception("looking at the GPUs that kernels hold failed")
            return self._interval
        return self._interval - self._age()

    def _age(self) -> float:
        assert self._last is not None
        return self._clock() - self._last[0]
