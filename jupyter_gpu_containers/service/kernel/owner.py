"""The process that drives a kernel: told apart from every other, and known to be dead or not.

A process id alone is reused; with its start time, PID namespace and boot it names one process for
ever. "Not known" (another machine, another PID namespace) is an answer, and never means dead.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Owner:
    """Identity of a process on this or another machine; ``str()`` goes into a label."""

    machine: str
    boot: str
    pid_namespace: str
    pid: int
    start_time: str  # field 22 of /proc/PID/stat, clock ticks since boot

    def __str__(self) -> str:
        return f"{self.machine}/{self.boot}/{self.pid_namespace}/{self.pid}/{self.start_time}"

    @classmethod
    def current(cls) -> Owner:
        """Return the identity of this process."""
        return _identity(os.getpid())

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """Read a label; None where it is not one of ours."""
        parts = text.split("/")
        if len(parts) != 5 or not parts[3].isdecimal():
            return None
        return cls(parts[0], parts[1], parts[2], int(parts[3]), parts[4])


def is_dead(text: str, *, running: bool) -> bool:
    """Tell whether the owner named by a label is certainly gone.

    Parameters
    ----------
    text : str
        The label's value.
    running : bool
        Whether the container runs: one that survived a "reboot" stands on another machine's
        engine, and then nothing is certain.
    """
    owner, me = Owner.parse(text), Owner.current()
    if owner is None or owner.machine != me.machine:
        return False
    if owner.boot != me.boot:
        return not running
    if owner.pid_namespace != me.pid_namespace:
        return False
    try:
        return _identity(owner.pid) != owner
    except ProcessLookupError:
        return True


def is_of_another_boot(text: str) -> bool:
    """Tell whether the owner named by a label lived on this machine before it was restarted."""
    owner, me = Owner.parse(text), Owner.current()
    return owner is not None and owner.machine == me.machine and owner.boot != me.boot


def _identity(pid: int) -> Owner:
    """Read a process's identity from /proc (proc(5)).

    Raises
    ------
    ProcessLookupError
        There is no such process.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError) as exc:
        raise ProcessLookupError(pid) from exc
    fields = stat.rpartition(")")[2].split()  # the command's name may hold spaces and brackets
    if fields[0] == "Z":
        raise ProcessLookupError(pid)
    return Owner(
        machine=_first_line("/etc/machine-id"),
        boot=_first_line("/proc/sys/kernel/random/boot_id"),
        pid_namespace=os.readlink("/proc/self/ns/pid").strip("pid:[]"),
        pid=pid,
        start_time=fields[19],
    )


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return "unknown"
