"""Looks into a running container: which GPU device nodes are really there."""

from __future__ import annotations

import os
import re
from collections.abc import Collection

from jupyter_gpu_containers.errors import EngineError, GpuVanishedError, KernelExitedError

from .client import EngineClient
from .errors import translated

_GPU_NODE = re.compile(r"nvidia(\d+)")
_LISTINGS = (["ls", "/dev"], ["/bin/sh", "-c", "cd /dev && echo *"])


def verify(client: EngineClient, container_id: str, minor_numbers: Collection[int]) -> None:
    """Compare ``/dev/nvidiaN`` in the container with the numbers it should have.

    Three ways to look, the first that works: through ``/proc`` of the host (root, or the kernel
    runs as the same user, and the engine is on this machine); ``ls`` or a shell inside; else, for
    an image that has neither, the device requests that the engine's own record holds, which tell
    only whether GPUs were asked for.

    Raises
    ------
    GpuVanishedError
        The two differ.
    ContainerNotFoundError, EngineError
    """
    with translated(container_id):
        row = client.inspect_container(container_id)
    if row["State"]["Status"] != "running":
        return  # it has ended already: the watch tells why
    names = _through_proc(int(row["State"].get("Pid") or 0), container_id)
    if names is None:
        names = _through_exec(client, container_id)
    wanted = sorted(set(minor_numbers))
    if names is None:
        requested = bool((row.get("HostConfig") or {}).get("DeviceRequests"))
        if requested != bool(wanted):
            raise _differs(wanted, [])
        return
    there = sorted(int(match[1]) for match in map(_GPU_NODE.fullmatch, names) if match)
    if there != wanted:
        raise _differs(wanted, there)


def _differs(wanted: list[int], there: list[int]) -> GpuVanishedError:
    def nodes(numbers: list[int]) -> str:
        return ", ".join(f"/dev/nvidia{number}" for number in numbers) or "no GPU"

    return GpuVanishedError(
        f"The container should have {nodes(wanted)}, but it has {nodes(there)}.",
        "The engine ignored the request for devices. Run `jupyter gpu-containers doctor`.",
    )


def _through_proc(pid: int, container_id: str) -> list[str] | None:
    """List the container's /dev; None where this process may not, or the engine is elsewhere."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
            if pid <= 0 or container_id not in file.read():
                return None  # a process of another machine's numbering
        return os.listdir(f"/proc/{pid}/root/dev")
    except OSError:
        return None


def _through_exec(client: EngineClient, container_id: str) -> list[str] | None:
    for command in _LISTINGS:
        try:
            with translated(container_id):
                exec_id = client.exec_create(container_id, command, stderr=False)["Id"]
                output = client.exec_start(exec_id)
                done = client.exec_inspect(exec_id)["ExitCode"] == 0
        except (EngineError, KernelExitedError):
            continue  # this image has no such program
        if done:
            return str(output.decode("utf-8", "replace")).split()
    return None
