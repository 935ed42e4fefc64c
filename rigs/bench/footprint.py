"""Memory of idle kernels, with everything that is there only because of them.

That is: the processes in the kernels' namespaces (kernel, init), the engine's shim and proxies, and
processes that the client started. Pages that several share count by each one's part (PSS).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from . import contenders as c
from . import libraries
from .bench import Bench
from .clients import Clients
from .contenders import COLD_BRIDGE, Contender
from .peers import CannotInstallError
from .place import SAME, remove_images
from .rounds import Case, Sample, Samples, interleave

KERNELS = 6
ROUNDS = 3  # at most: memory hardly varies
SETTLE = 1.5  # seconds until kernels have done what their start left to the background
SHIMS = ("containerd-shim", "conmon")
PROXIES = ("docker-proxy", "rootlessport")
KIB = 1024


async def measure(bench: Bench) -> dict[str, Any]:
    """Start some kernels at once and read what belongs to them."""
    if os.geteuid() != 0:
        return {"left_out": "it reads the memory of the engine's processes, which only root may"}
    contenders = [one for one in await bench.contenders(spares=KERNELS) if one.title != COLD_BRIDGE]
    samples = await _interleaved(bench, contenders)
    with_libraries = await _with_libraries(bench)
    errors = [*samples.errors, *with_libraries.get("errors", ())]
    found = {"kernels": KERNELS, "libraries": with_libraries}
    return {**asdict(samples), **found, "errors": errors}


async def _with_libraries(bench: Bench) -> dict[str, Any]:
    """Measure the same with libraries that a cell imports, or that were imported ahead."""
    if bench.image != SAME:
        return {"left_out": "no test image has this Python's version"}
    try:
        there = await asyncio.to_thread(libraries.install)
    except CannotInstallError as exc:
        return {"left_out": f"the libraries could not be installed: {exc}"}
    image = await asyncio.to_thread(there.build, bench.client, bench.image)
    bench.place.native_kernelspec("libraries", there.environment())
    name = await bench.kernel(image)
    contenders = [c.native("libraries"), c.ours(c.COLD, name, image)]
    if c.has_spares():
        ahead = libraries.MODULES
        contenders.append(c.ours(c.WARM, name, image, spares=KERNELS, modules=ahead))
    try:
        samples = await _interleaved(bench, contenders, cell=libraries.IMPORT)
    finally:
        remove_images(bench.client, [image])
    return {**asdict(samples), "libraries": list(libraries.REQUIREMENTS)}


async def _interleaved(
    bench: Bench, contenders: Sequence[Contender], *, cell: str | None = None
) -> Samples:
    clients = Clients(bench.place)
    cases: dict[str, Case] = {
        one.title: partial(_sample, bench, clients, one, cell) for one in contenders
    }
    try:
        return await interleave(cases, min(bench.rounds, ROUNDS), bench.gate)
    finally:
        await clients.close()


async def _sample(bench: Bench, clients: Clients, contender: Contender, cell: str | None) -> Sample:
    before = {process.pid for process in processes()}
    more = {}
    try:
        async with clients.of(contender) as client:
            await client.ask("start", count=KERNELS)
            where = (await client.ask("where"))["where"]
            if cell is not None:
                more["import"] = (await client.ask("execute", code=cell))["took"]
            await asyncio.sleep(SETTLE)
            sums = memory([tuple(one) for one in where], client.pid, before)
            await client.ask("stop")
            if contender.spares:
                await client.ask("spares", count=contender.spares)
    finally:
        await bench.after(contender)
    return {**{name: size / KERNELS for name, size in sums.items()}, **more}


@dataclass(frozen=True)
class Process:
    """A process of this machine."""

    pid: int
    parent: int
    name: str
    namespace: str  # of processes; "" where we may not know


def processes() -> Iterator[Process]:
    """Read all processes: proc_pid_stat(5)."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):  # it ended
            continue
        name = stat[stat.index("(") + 1 : stat.rindex(")")]
        parent = int(stat[stat.rindex(")") + 2 :].split()[1])
        try:
            namespace = os.readlink(entry / "ns" / "pid")
        except OSError:
            namespace = ""
        yield Process(int(entry.name), parent, name, namespace)


def memory(where: list[tuple[str, int]], client: int, before: set[int]) -> dict[str, float]:
    """Return the bytes of kernels, shims and others that belong to them, and their sum (``pss``).

    ``own`` is what of a kernel's memory no file holds: the part that only forks could share.

    Parameters
    ----------
    where : list
        Each kernel's namespace of processes and its process in it.
    client : int
        The process that started them; what it started belongs to them, it does not.
    before : set
        Processes that were there before them.
    """
    found = {process.pid: process for process in processes()}
    own = os.readlink("/proc/self/ns/pid")
    containers = {namespace for namespace, _ in where if namespace != own}
    sums = {"kernel": 0.0, "shim": 0.0, "other": 0.0}
    own = 0.0
    for process in found.values():
        if kind := _kind(process, found, containers, client, before):
            sums[kind] += _rollup(process.pid, "Pss:")
            own += _rollup(process.pid, "Pss_Anon:") if kind == "kernel" else 0
    return {**sums, "pss": sum(sums.values()), "own": own}


def _kind(
    process: Process,
    found: dict[int, Process],
    containers: set[str],
    client: int,
    before: set[int],
) -> str | None:
    if process.namespace in containers:
        parent = found.get(process.parent)
        first = parent is None or parent.namespace not in containers
        return "other" if first and _has_child(process, found) else "kernel"
    if process.name.startswith(SHIMS):
        children = (child for child in found.values() if child.parent == process.pid)
        return "shim" if any(child.namespace in containers for child in children) else None
    if process.pid in before:
        return None
    if process.name.startswith(PROXIES):
        return "other" if containers else None
    if _descends(process, client, found):
        return "kernel" if not containers else "other"
    return None


def _has_child(process: Process, found: dict[int, Process]) -> bool:
    return any(child.parent == process.pid for child in found.values())


def _descends(process: Process, ancestor: int, found: dict[int, Process]) -> bool:
    parent = found.get(process.parent)
    while parent is not None and parent.pid != ancestor:
        parent = found.get(parent.parent)
    return parent is not None


def _rollup(pid: int, name: str) -> float:
    """Return a sum over a process's memory, in bytes; 0 for one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) * KIB for line in lines if line.startswith(name)), 0.0)
