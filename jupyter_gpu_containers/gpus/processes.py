"""The processes that the driver names: whether they have ended, and in which container they are.

The driver knows no PID namespaces. A server that runs in one of its own can say nothing of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from jupyter_gpu_containers.model.gpu.device import GpuProcess, GpuSnapshot

# PROC_PID_INIT_INO of Linux (include/linux/proc_ns.h): here process ids are the driver's own
_HOST_PID_NAMESPACE = "pid:[4026531836]"
# /docker/ID, docker-ID.scope, libpod-ID.scope: how engines call the control groups of containers
_CONTAINER = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")

_PROC = Path("/proc")
_Change = Callable[[GpuProcess], "GpuProcess | None"]


def without_ended(snapshot: GpuSnapshot) -> GpuSnapshot:
    """Leave out processes that ended since the driver was asked: their GPU is free at once."""
    return _each(snapshot, lambda p: p if os.path.exists(f"/proc/{p.pid}") else None)


def with_containers(snapshot: GpuSnapshot) -> GpuSnapshot:
    """Say of each process in which container it is."""
    return _each(snapshot, lambda p: replace(p, container_id=container_of(p.pid)))


def container_of(pid: int) -> str | None:
    """Return the id of a process's container, "" where it is in none, None where unknown.

    Of containers in each other it is the innermost one.
    """
    try:
        found = _CONTAINER.findall((_PROC / str(pid) / "cgroup").read_text())
    except OSError:  # it has ended, or /proc hides it
        return None
    return found[-1] if found else ""


def _each(snapshot: GpuSnapshot, change: _Change) -> GpuSnapshot:
    if not any(gpu.processes for gpu in snapshot.gpus):
        return snapshot
    try:
        if os.readlink("/proc/self/ns/pid") != _HOST_PID_NAMESPACE:
            return snapshot
    except OSError:  # no Linux, or no /proc
        return snapshot
    gpus = []
    for gpu in snapshot.gpus:
        processes = tuple(p for p in map(change, gpu.processes) if p is not None)
        gpus.append(gpu if processes == gpu.processes else replace(gpu, processes=processes))
    return replace(snapshot, gpus=tuple(gpus))
