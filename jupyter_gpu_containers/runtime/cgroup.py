"""Counters of a container's control group, and what they said when its first process ended.

The control group is gone milliseconds after a container's end, with all that it counted; but a
process that ends is seen at once (pidfd_open(2)), some ten milliseconds earlier. Linux counts in
files that everybody may read: cgroup v1 and v2, kernel documentation ``admin-guide/cgroup-v1`` and
``cgroup-v2.rst``. None of it works where the engine runs on another machine or this process in
another PID namespace; then nothing is told.
"""

from __future__ import annotations

import logging
import os
import selectors
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from jupyter_gpu_containers.model.kernel.usage import ContainerUsage, UsageSource

log = logging.getLogger(__name__)

CGROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc")
UNLIMITED = 1 << 60  # cgroup v1 says a number near 2**63 where there is no limit


def cgroup_folders(
    pid: int, container_id: str, *, proc: Path = PROC, root: Path = CGROUPS
) -> tuple[Path, Path] | None:
    """Return the folders with a container's counters of memory and of processes.

    Parameters
    ----------
    pid : int
        The container's first process, on the host.
    container_id : str
        It must stand in the group's name: process ids of another machine mean nothing here.
    proc, root : Path
        Where the two file systems are mounted.
    """
    try:
        lines = (proc / str(pid) / "cgroup").read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return None
    groups: dict[str, str] = {}
    for line in lines:  # hierarchy-ID:controller-list:cgroup-path (cgroups(7))
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            groups[controller] = path.lstrip("/")
    if "memory" in groups and "pids" in groups:
        memory, pids = root / "memory" / groups["memory"], root / "pids" / groups["pids"]
    elif "" in groups:
        memory = pids = root / groups[""]
    else:
        return None
    named = all(container_id in str(folder) for folder in (memory, pids))
    return (memory, pids) if container_id and named else None


def read_usage(folders: tuple[Path, Path], *, now: float | None = None) -> ContainerUsage | None:
    """Read the counters; None where there are none to be read (any more).

    Parameters
    ----------
    folders : tuple of Path
        See `cgroup_folders`.
    now : float, optional
        Seconds since the epoch.
    """
    memory, pids = folders
    unified = (memory / "memory.events").exists()
    names = (
        ("memory.current", "memory.peak", "memory.max", "memory.events")
        if unified
        else (
            "memory.usage_in_bytes",
            "memory.max_usage_in_bytes",
            "memory.limit_in_bytes",
            "memory.oom_control",
        )
    )
    current, peak, limit = (_number(memory / name) for name in names[:3])
    refused = _fields(pids / "pids.events").get("max")
    if current is None and refused is None:
        return None
    return ContainerUsage(
        source=UsageSource.CGROUP,
        at=time.time() if now is None else now,
        memory=current,
        memory_peak=peak,
        memory_limit=None if limit is None or limit >= UNLIMITED else limit,
        oom_kills=_fields(memory / names[3]).get("oom_kill"),
        pids=_number(pids / "pids.current"),
        pids_peak=_number(pids / "pids.peak"),  # Linux 6.1
        pids_limit=_number(pids / "pids.max"),
        forks_refused=refused,
    )


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text("ascii"))
    except (OSError, ValueError):  # not there, or "max": no limit
        return None


def _fields(file: Path) -> Mapping[str, int]:
    """Read a flat keyed file: a name and a number a line."""
    try:
        lines = file.read_text("ascii").splitlines()
        return {key: int(value) for key, value in (line.split() for line in lines)}
    except (OSError, ValueError):
        return {}


class LastCounters:
    """Follows containers' first processes, and reads their counters the moment they end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._followed: dict[str, tuple[int, int, tuple[Path, Path]]] = {}  # id: pid, pidfd, files
        self._final: dict[str, ContainerUsage] = {}
        self._selector: selectors.BaseSelector | None = None
        self._wake: tuple[int, int] = (-1, -1)  # a pipe
        self._closed = False

    def follow(self, container_id: str, pid: int) -> None:
        """Begin to follow a run of a container; a second call for it does nothing."""
        if pid <= 0:
            return
        with self._lock:
            known = self._followed.get(container_id)
            if self._closed or (known is not None and known[0] == pid):
                return
        folders = cgroup_folders(pid, container_id)
        if folders is None:
            return
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:  # it has ended, or this Linux is older than 5.3
            return
        with self._lock:
            if self._closed or container_id in self._followed:
                os.close(descriptor)
                return
            self._final.pop(container_id, None)
            self._followed[container_id] = (pid, descriptor, folders)
            if self._selector is None:
                self._begin()
            assert self._selector is not None
            self._selector.register(descriptor, selectors.EVENT_READ, container_id)
            os.write(self._wake[1], b"+")  # epoll would notice; poll(2) would not

    def read(self, container_id: str) -> ContainerUsage | None:
        """Read the counters of a container that is followed."""
        with self._lock:
            known = self._followed.get(container_id)
        return read_usage(known[2]) if known else None

    def take(self, container_id: str) -> ContainerUsage | None:
        """Return what the counters said at the end of the last run, once."""
        with self._lock:
            known = self._followed.get(container_id)
        if known is not None:
            self._ended(container_id)  # where the engine told sooner than the thread came to it
        with self._lock:
            return self._final.pop(container_id, None)

    def close(self) -> None:
        """End the thread."""
        with self._lock:
            self._closed = True
            if self._wake[1] >= 0:
                os.write(self._wake[1], b"x")

    def _begin(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake = os.pipe()
        os.set_blocking(self._wake[0], False)
        self._selector.register(self._wake[0], selectors.EVENT_READ, "")
        threading.Thread(target=self._work, name="gpu-containers-ends", daemon=True).start()

    def _work(self) -> None:
        selector = self._selector
        assert selector is not None
        while not self._closed:
            for key, _ in selector.select():
                if key.data:
                    self._ended(key.data)
                else:
                    os.read(self._wake[0], 4096)
        with self._lock:
            for _, descriptor, _ in self._followed.values():
                os.close(descriptor)
            self._followed.clear()
            selector.close()
            for descriptor in self._wake:
                os.close(descriptor)
            self._wake = (-1, -1)

    def _ended(self, container_id: str) -> None:
        """Read the last counters of a process that has ended; both threads may come here."""
        with self._lock:
            known = self._followed.get(container_id)
            if known is None or not _has_ended(known[1]):
                return
            _, descriptor, folders = self._followed.pop(container_id)
            usage = read_usage(folders)
            if usage is not None:
                self._final[container_id] = replace(usage, final=True)
            if self._selector is not None:
                self._selector.unregister(descriptor)
            os.close(descriptor)


def _has_ended(descriptor: int) -> bool:
    """Tell whether the process of a pidfd has ended."""
    with selectors.PollSelector() as one:
        one.register(descriptor, selectors.EVENT_READ)
        return bool(one.select(0))
