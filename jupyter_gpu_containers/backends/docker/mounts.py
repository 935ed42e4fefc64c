"""Whether what is mounted into a running container is what was asked for, and no link's target.

An engine follows symbolic links in a mount's source, and does so at the start, long after anybody
could have looked. So the links are not looked for: a source is a path without any, and the kernel's
own list of mounts (``mountinfo``, proc(5)) tells which folder of which file system it became. That
folder bears the source's own name, or the mount is another one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from jupyter_gpu_containers.runtime.cgroup import CGROUPS, PROC

Place = tuple[str, str]  # device (major:minor), path in its file system


def wrong_mounts(binds: Mapping[str, str], ours: str, theirs: str) -> list[str]:
    """Return the targets at which something else is mounted than their sources; pure.

    Parameters
    ----------
    binds : mapping
        Target -> source, an absolute path without symbolic links.
    ours, theirs : str
        ``mountinfo`` of this process and of one in the container. What is mounted where the image
        has a link is found by what it is; but not inside another mount, where a kernel's link would
        have led it away.
    """
    mounted = _mounts(theirs)
    at = dict(mounted)  # of several at one place the last is seen
    places = {place for _, place in mounted}
    table = _mounts(ours)
    return [
        target
        for target, source in binds.items()
        if (expected := _place(source, table)) != at.get(target)
        and (target in at or expected not in places or _nested(target, binds))
    ]


def _nested(target: str, binds: Iterable[str]) -> bool:
    return any(target.startswith(other.rstrip("/") + "/") for other in binds)


def _place(path: str, table: Iterable[tuple[str, Place]]) -> Place | None:
    """Return where a path lies: on what is mounted deepest on its way, and last."""
    best: tuple[str, Place] | None = None
    for point, place in table:
        inside = point == "/" or path == point or path.startswith(point + "/")
        if inside and (best is None or len(point) >= len(best[0])):
            best = (point, place)
    if best is None:
        return None
    point, (device, root) = best
    rest = path[len(point.rstrip("/")) :]
    return device, (root.rstrip("/") + rest) or "/"


def _mounts(text: str) -> list[tuple[str, Place]]:
    rows = (line.split(" ") for line in text.split("\n"))
    return [(_plain(row[4]), (row[2], _plain(row[3]))) for row in rows if len(row) > 5]


def _plain(path: str) -> str:
    """Undo the octal escapes of ``mountinfo``."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)


def first_process(container_id: str, *, root: Path = CGROUPS, proc: Path = PROC) -> int:
    """Return a running container's first process; 0 where it is not seen here.

    It is in the control group that an engine on this machine names after the container, and has
    the number 1 in a PID namespace of the container's own: ``NSpid``, proc(5).
    """
    names = (f"docker/{container_id}", f"system.slice/docker-{container_id}.scope")
    for hierarchy in (root / "pids", root):
        for name in names:
            try:
                pids = (hierarchy / name / "cgroup.procs").read_text("ascii").split()
            except (OSError, ValueError):
                continue
            # a program inside may have made namespaces of its own, which lie deeper
            first = [(depth, int(pid)) for pid in pids if (depth := _depth(proc / pid / "status"))]
            if first:
                return min(first)[1]
    return 0


def _depth(status: Path) -> int:
    """Return how many PID namespaces see a process that is the first in one; 0 for any other."""
    try:
        lines = status.read_text("utf-8", "replace").splitlines()
    except OSError:  # it has ended meanwhile
        return 0
    numbers = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
    return len(numbers) if len(numbers) > 1 and numbers[-1] == "1" else 0


def mountinfo_of_process(pid: int, container_id: str, *, proc: Path = PROC) -> str | None:
    """Read what is mounted for a process; None where it is not one of this container."""
    try:
        if pid <= 0 or container_id not in (proc / str(pid) / "cgroup").read_text("utf-8"):
            return None  # a process of another machine's numbering
        return _read(proc / str(pid) / "mountinfo") or None
    except OSError:
        return None


def own_mountinfo(*, proc: Path = PROC) -> str:
    """Read what is mounted for this process."""
    return _read(proc / "self" / "mountinfo")


def _read(file: Path) -> str:
    return os.fsdecode(file.read_bytes())
