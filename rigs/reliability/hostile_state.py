"""What a server has, as one value: two of them are equal when nothing was changed."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from tests.rooms import Room
from tests.servers import PATIENCE, Server

RESOURCES = ("environments", "launches", "jobs", "images", "registries", "gpus")


def look(room: Room, server: Server) -> dict[str, Any]:
    """Return what REST tells, what Jupyter has, and every file by its digest."""
    found: dict[str, Any] = {
        name: server.ask("GET", f"/gpu-containers/{name}") for name in RESOURCES
    }
    found["kernels"] = sorted(server.kernels())
    found["sessions"] = sorted(row["id"] for row in server.ask("GET", "/api/sessions"))
    folders = (room.data, room.config, room.home, room.workspace, room.run, room.runtime)
    found["files"] = {
        str(path.relative_to(room.base)): _digest(path)
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if "homes" not in path.relative_to(folder).parts[:-2]  # a kernel writes in its own
        and "accounting" not in path.parts  # written as time goes by, whoever asks for what
    }
    for gpu in found["gpus"].get("gpus", ()):  # a careless server answers anything
        for holder in gpu["holders"]:
            del holder["mean_utilization"]  # so is this
        gpu["holder"] = None  # the first of these
    for job in found["jobs"]["jobs"]:
        del job["speed"]  # which is none as soon as nothing comes any more
    return found


def settled(room: Room, server: Server) -> dict[str, Any]:
    """Return what is there as soon as two looks are the same: kernels write files of their own."""
    deadline = time.monotonic() + PATIENCE
    before = look(room, server)
    while (now := look(room, server)) != before:
        assert time.monotonic() < deadline, differences(before, now)
        before = now
    return now


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return what is not as it was, a line each."""
    lines = []
    for part in sorted(before.keys() | after.keys()):
        old, new = before.get(part), after.get(part)
        if old == new:
            continue
        if part == "files":
            names = {name for name in {**old, **new} if old.get(name) != new.get(name)}
            lines += [f"file {name}" for name in sorted(names)]
        else:
            lines.append(f"{part}: {_short(old)} -> {_short(new)}")
    return lines


def _digest(path: Path) -> str:
    status = path.lstat()
    kind = f"{status.st_mode:o}"
    if path.is_symlink():
        return f"{kind} {path.readlink()}"
    if not path.is_file():
        return kind
    return f"{kind} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 400 else f"{text[:400]}…"
