"""GPUs that failed are not given out: an inventory that knows what NVML reported of them.

Every process knows the quarantine: it stands in a file, for as long as this machine runs. Who holds
a GPU that fails is told by `service.kernel.watch`.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.model.gpu.device import Gpu, GpuSnapshot, Problem
from jupyter_gpu_containers.model.gpu.health import (
    Fault,
    GpuEvent,
    GpuEventKind,
    GpuFailure,
    Quarantine,
)
from jupyter_gpu_containers.ports import GpuInventory
from jupyter_gpu_containers.service.private_file import write_private

REMEMBERED = 1000  # events
LOOK_AFTER = 10.0  # seconds for which the driver's files are not read again


class GpuHealth(GpuInventory):
    """Marks GPUs that failed in what another inventory tells; may be used from any thread.

    Parameters
    ----------
    inventory : GpuInventory
    file : Path
        Where the quarantine is kept.
    boot : str
        Identity of this boot: what a former one knew is void.
    driver_problem : callable
        Returns why no GPU can be given out now, as after an upgrade of the driver; None for well.
    clock : callable
        Seconds since boot, the same for all processes.
    """

    def __init__(
        self,
        inventory: GpuInventory,
        *,
        file: Path,
        boot: str,
        driver_problem: Callable[[], Problem | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        log: logging.Logger | None = None,
    ) -> None:
        self._inventory = inventory
        self._file = file
        self._boot = boot
        self._driver_problem = driver_problem
        self._clock = clock
        self._log = log or logging.getLogger(__name__)
        self._driver_seen: tuple[float, Problem | None] = (-LOOK_AFTER, None)
        self._lock = threading.Lock()
        self._quarantine = Quarantine()
        self._read: tuple[int, int] | None = None  # identity of the file as it was read
        self._last = GpuSnapshot()
        self._events: list[GpuEvent] = []
        self._listeners: list[Callable[[], None]] = []
        self._look_listeners: list[Callable[[GpuSnapshot], None]] = []

    @property
    def quarantine(self) -> Quarantine:
        """The GPUs that are not given out now."""
        return self._quarantine

    def on_failure(self, listener: Callable[[], None]) -> None:
        """Call the listener, from a foreign thread, when a GPU has failed."""
        self._listeners.append(listener)

    def on_look(self, listener: Callable[[GpuSnapshot], None]) -> None:
        """Call the listener with what each look at the GPUs found, whoever it was for."""
        self._look_listeners.append(listener)

    async def snapshot(self) -> GpuSnapshot:
        """Read all GPUs; those that must not be given out have a problem."""
        found = await self._inventory.snapshot()
        with self._lock:
            self._refresh()
            self._last = found
            self._put(self._quarantine.reviewed(found, self._clock()))
            marked = self._quarantine.mark(found)
        for listener in self._look_listeners:
            listener(found)
        problem = self._driver() if found.gpus else None
        if problem is None:
            return marked
        gpus = tuple(g if g.problem else replace(g, problem=problem) for g in marked.gpus)
        return replace(marked, gpus=gpus, problem=marked.problem or problem)

    def _driver(self) -> Problem | None:
        """Look at the driver's files now and then: they change once in months."""
        now = self._clock()
        looked, problem = self._driver_seen
        if now - looked >= LOOK_AFTER:
            problem = self._driver_problem()
            self._driver_seen = (now, problem)
        return problem

    def take(self, event: GpuEvent) -> None:
        """Take in what NVML reported; from its thread."""
        with self._lock:
            self._refresh()
            known = {gpu.parent_uuid or gpu.uuid for gpu in self._last.gpus}
            if event.uuid is not None and not known:
                known = {event.uuid}
            self._events = [*self._events, event][-REMEMBERED:]
            self._put(self._quarantine.after(event, frozenset(known)))
        if event.is_application:
            self._log.info("GPU %s: %s, by a program", event.uuid, event.words)
            return
        self._log.error("GPU %s failed: %s", event.uuid or "(unknown)", event.words)
        for listener in self._listeners:
            listener()

    def failures(self, gpus: Collection[Gpu], since: float) -> tuple[GpuFailure, ...]:
        """Return what happened to these GPUs since then, the first failure of each."""
        found: dict[str, GpuFailure] = {}
        with self._lock:
            events = [e for e in self._events if e.at >= since and not e.is_application]
        for event in events:
            for gpu in gpus:
                if event.uuid in (gpu.uuid, gpu.parent_uuid):
                    found.setdefault(gpu.parent_uuid or gpu.uuid, GpuFailure(gpu.index, event))
        return tuple(found.values())

    def close(self) -> None:
        """Release the inventory."""
        self._inventory.close()

    # -- the file; with the lock held ---------------------------------------------------------

    def _put(self, quarantine: Quarantine) -> None:
        if quarantine == self._quarantine:
            return
        for uuid in set(self._quarantine.faults) - set(quarantine.faults):
            self._log.warning("GPU %s is given out again: NVML says that it is well", uuid)
        self._quarantine = quarantine
        try:
            write_private(self._file, json.dumps(_document(quarantine, self._boot)))
            self._read = self._identity()
        except OSError as exc:
            self._log.warning("failed GPUs are not remembered for other processes: %s", exc)

    def _refresh(self) -> None:
        """Take over what another process found; who deletes the file trusts all GPUs again."""
        identity = self._identity()
        if identity == self._read:
            return
        if identity is None:
            self._quarantine, self._read = Quarantine(), None
            return
        try:
            self._quarantine = _quarantine(json.loads(self._file.read_text("utf-8")), self._boot)
            self._read = identity
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            self._log.warning("%s cannot be used: %s", self._file, exc)
            self._read = identity

    def _identity(self) -> tuple[int, int] | None:
        try:
            facts = self._file.stat()
        except OSError:
            return None
        return facts.st_ino, facts.st_mtime_ns


def boot_id() -> str:
    """Return the identity of this boot; "" where Linux tells none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def _document(quarantine: Quarantine, boot: str) -> dict[str, Any]:
    faults = {
        uuid: {
            "kind": fault.event.kind.value,
            "xid": fault.event.xid,
            "at": fault.event.at,
            "admitted": fault.admitted,
        }
        for uuid, fault in quarantine.faults.items()
    }
    return {"boot": boot, "faults": faults}


def _quarantine(document: dict[str, Any], boot: str) -> Quarantine:
    if document["boot"] != boot:
        return Quarantine()
    return Quarantine(
        {
            uuid: Fault(
                GpuEvent(GpuEventKind(row["kind"]), uuid, float(row["at"]), row["xid"]),
                bool(row["admitted"]),
            )
            for uuid, row in document["faults"].items()
        }
    )
