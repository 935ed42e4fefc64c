"""Looks at the load of the GPUs while somebody watches, once for all who do."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from jupyter_gpu_containers.model.gpu.device import GpuSnapshot
from jupyter_gpu_containers.model.gpu.load import GpuLoad, gpu_load
from jupyter_gpu_containers.ports import GpuInventory

from .usage import GpuUsage

INTERVAL = 2.0  # seconds between two looks
KEPT = 15.0  # seconds for which a question for the GPUs keeps the looks going

_Shape = tuple[object, ...]


class GpuLoads:
    """Tells of loads that have changed, to who has asked for the GPUs a short while ago.

    It belongs to the loop in which `asked` is called first. The inventory reads in a thread of its
    own; the engine is not asked: who holds what is known from the last question.

    Parameters
    ----------
    inventory : GpuInventory
    interval, kept : float
        Seconds.
    clock : callable
        Seconds, from a clock that nobody sets.
    """

    def __init__(
        self,
        inventory: GpuInventory,
        *,
        interval: float = INTERVAL,
        kept: float = KEPT,
        clock: Callable[[], float] = time.monotonic,
        log: logging.Logger | None = None,
    ) -> None:
        self._inventory = inventory
        self._interval = interval
        self._kept = kept
        self._clock = clock
        self._log = log or logging.getLogger(__name__)
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._asked = 0.0
        self._holders: Mapping[str, list[str]] = {}  # container ids that may be told of, by UUID
        self._told: dict[str, GpuLoad] = {}  # what everybody who watches knows
        self._shape: _Shape = ()
        self._listeners: list[Callable[[list[GpuLoad]], None]] = []
        self._state_listeners: list[Callable[[], None]] = []

    @property
    def running(self) -> bool:
        """Whether it looks now and then."""
        return self._task is not None

    def on_change(self, listener: Callable[[list[GpuLoad]], None]) -> None:
        """Call the listener with the loads that are others than before."""
        self._listeners.append(listener)

    def on_state(self, listener: Callable[[], None]) -> None:
        """Call the listener when there are other GPUs, problems or strangers' processes."""
        self._state_listeners.append(listener)

    def asked(self, usage: GpuUsage) -> None:
        """Take in that somebody was told this of the GPUs: from now on changes are told."""
        self._asked = self._clock()
        self._holders = {
            use.gpu.uuid: [holder.container_id for holder in use.holders if holder.container_id]
            for use in usage.uses
        }
        loads = self._loads(usage.snapshot)
        if self._closed:
            return  # an answer that was under way when the server ended
        if self._task is None:
            self._told, self._shape = loads, self._shape_of(usage.snapshot)
            self._task = asyncio.get_running_loop().create_task(self._run())
            return
        # who asked before may know something else: what differs is told to all, once more
        self._told = {uuid: told for uuid, told in self._told.items() if loads.get(uuid) == told}
        self._compare(usage.snapshot)

    async def close(self) -> None:
        """Look no more, whoever asks."""
        self._closed = True
        task = self._task
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
            self._task = None  # a task that had not begun did not do so

    async def _run(self) -> None:
        try:
            while True:
                await asyncio.sleep(self._interval)
                if self._clock() - self._asked >= self._kept:
                    return
                try:
                    self._look(await self._inventory.snapshot())
                except Exception:  # noqa: BLE001  a bug in one look must not end all
                    self._log.exception("looking at the load of the GPUs failed")
        finally:
            self._task = None

    def _look(self, snapshot: GpuSnapshot) -> None:
        self._compare(snapshot)
        if snapshot.stale:
            return
        loads = self._loads(snapshot)
        changed = [load for uuid, load in loads.items() if self._told.get(uuid) != load]
        self._told = loads
        if changed:
            for listener in self._listeners:
                listener(changed)

    def _loads(self, snapshot: GpuSnapshot) -> dict[str, GpuLoad]:
        return {g.uuid: gpu_load(g, self._holders.get(g.uuid, ())) for g in snapshot.gpus}

    def _compare(self, snapshot: GpuSnapshot) -> None:
        shape, self._shape = self._shape, self._shape_of(snapshot)
        if shape != self._shape:
            for listener in self._state_listeners:
                listener()

    def _shape_of(self, snapshot: GpuSnapshot) -> _Shape:
        """What decides about a GPU's state besides who holds it, which the engine tells."""
        problem = snapshot.problem and snapshot.problem.code
        return (
            problem,
            *(
                (
                    gpu.uuid,
                    gpu.problem and gpu.problem.code,
                    {process.container_id for process in gpu.processes}
                    - {*self._holders.get(gpu.uuid, ())},
                )
                for gpu in snapshot.gpus
            ),
        )
