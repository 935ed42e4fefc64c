"""Reads how a container differs from its image; each function blocks, in a worker thread.

The engine tells paths, but no sizes. Those come from the container's own ``stat``, run as the
kernel's user: what it prints is read as a stranger's word, with limits, and nothing depends on it.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import docker.errors
import requests.exceptions

from jupyter_gpu_containers.backends.output import plain_text
from jupyter_gpu_containers.model.image.container_diff import (
    ChangedPath,
    ChangeKind,
    ContainerDiff,
    Outside,
)

from .client import EngineClient

log = logging.getLogger(__name__)

KINDS = (ChangeKind.CHANGED, ChangeKind.ADDED, ChangeKind.REMOVED)  # the engine's 0, 1, 2
BATCH = 256 * 1024  # characters of paths in one command line
MOST_PATHS = 200_000
LONGEST = 20.0  # seconds that a program in the container may take
OUTPUT_LIMIT = 16 << 20  # bytes
_STAT = re.compile(r"([0-9a-f]+) ([0-9]+) (/.*)")
_APT_STATE = re.compile(r"/var/lib/dpkg/info/[^/]+\.list")
_FORMAT, _FOLDER = 0o170000, 0o040000  # of st_mode


def read_diff(client: EngineClient, container_id: str) -> ContainerDiff:
    """Return a running container's differences. Raises docker-py's exceptions."""
    facts = client.read_container(container_id, size=True)
    rows: list[dict[str, Any]] = client.diff(container_id) or []
    kinds = {str(row["Path"]): KINDS[row["Kind"]] for row in rows[:MOST_PATHS]}
    present = [path for path, kind in kinds.items() if kind is not ChangeKind.REMOVED]
    sizes = _sizes(client, container_id, present)
    apt = any(_APT_STATE.fullmatch(path) for path in kinds)
    size = facts.get("SizeRw")
    return ContainerDiff(
        container_id=str(facts["Id"]),
        image_id=str(facts["Image"]),
        command=tuple(map(str, facts["Config"].get("Entrypoint") or ())),
        image_user=_image_user(client, str(facts["Image"])),
        paths=tuple(
            ChangedPath(path, kind, *sizes.get(path, (None, False))) for path, kind in kinds.items()
        ),
        size=int(size) if size is not None else None,
        outside=tuple(_outside(facts)),
        apt=_apt_versions(client, container_id) if apt else {},
    )


def _image_user(client: EngineClient, image_id: str) -> str:
    try:
        return str((client.read_image(image_id).get("Config") or {}).get("User") or "")
    except docker.errors.NotFound:  # its last name was taken away by force
        return ""


def _outside(facts: Mapping[str, Any]) -> Iterator[Outside]:
    for mount in facts.get("Mounts") or ():
        yield Outside(str(mount["Destination"]), str(mount["Type"]), str(mount.get("Source") or ""))
    for target in (facts.get("HostConfig") or {}).get("Tmpfs") or {}:
        yield Outside(str(target), "tmpfs")


def _sizes(
    client: EngineClient, container_id: str, paths: Sequence[str]
) -> dict[str, tuple[int, bool]]:
    """Return size, and whether it is a folder, of those paths that ``stat`` knows."""
    found: dict[str, tuple[int, bool]] = {}
    wanted = set(paths)
    for batch in _batches(paths):
        output = _run(client, container_id, ["stat", "-c", "%f %s %n", *batch])
        if not output:
            break  # no such program: an image need not have one
        for line in output.splitlines():
            match = _STAT.fullmatch(line)
            if match is not None and match[3] in wanted:
                folder = int(match[1], 16) & _FORMAT == _FOLDER
                found[match[3]] = 0 if folder else int(match[2]), folder
    return found


def _batches(paths: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    length = 0
    for path in paths:
        if batch and length + len(path) > BATCH:
            yield batch
            batch, length = [], 0
        batch.append(path)
        length += len(path.encode("utf-8", "replace")) + 1
    if batch:
        yield batch


def _apt_versions(client: EngineClient, container_id: str) -> dict[str, str]:
    """Return the versions of what dpkg has installed; those that are half gone are left out."""
    words = "${db:Status-Abbrev}\t${Package}\t${Version}\n"
    rows = _run(client, container_id, ["dpkg-query", "-W", "-f", words]).splitlines()
    cells = [row.split("\t") for row in rows]
    return {row[1]: row[2] for row in cells if len(row) == 3 and row[0].strip() == "ii"}


def _run(client: EngineClient, container_id: str, command: list[str]) -> str:
    """Run a program in a container as its own user; what it printed, "" where it cannot be run."""
    try:
        started = client.exec_create(container_id, command, stdout=True, stderr=False)
        output = client.read_exec(
            str(started["Id"]), limit=OUTPUT_LIMIT, deadline=time.monotonic() + LONGEST
        )
    except (docker.errors.APIError, requests.exceptions.RequestException) as exc:
        # it has ended, has no such program, or plays dead: sizes are a courtesy
        log.debug("%s in container %s: %s", command[0], container_id[:12], exc)
        return ""
    return plain_text(output)
