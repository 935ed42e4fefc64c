"""Memory of a JupyterLab server with and without the extension."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from .place import Place
from .rounds import Case, Gate, Sample, Samples, interleave
from .server import Server

KIB = 1024
SETTLE = 1.0  # seconds in which a server finishes what its start left to the background
PAGE = ("/lab", "/api/kernelspecs", "/api/kernels", "/api/sessions", "/api/contents")
PANEL = ("status", "gpus", "images", "environments", "launches")


async def measure(place: Place, rounds: int, gate: Gate) -> Samples:
    """Start JupyterLab, ask for what a page asks for, and read the server's memory."""
    cases: dict[str, Case] = {
        "JupyterLab": partial(_server, place, extension=False),
        "JupyterLab with the extension": partial(_server, place, extension=True),
    }
    return await interleave(cases, rounds, gate, warm=0)


async def _server(place: Place, *, extension: bool) -> Sample:
    server = Server(place, "lab", extension=extension)
    try:
        await server.ready()
        for path in PAGE:
            await server.request("GET", path)
        if extension:
            for resource in PANEL:
                await server.request("GET", f"/gpu-containers/{resource}")
        await asyncio.sleep(SETTLE)
        return _memory(server.process.pid)
    finally:
        server.stop()


def _memory(pid: int) -> Sample:
    """Read proportional and unique set size in bytes: proc_pid_smaps(5)."""
    kib: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        kib[name] = int(rest.split()[0])
    unique = kib["Private_Clean"] + kib["Private_Dirty"]
    return {"pss": kib["Pss"] * KIB, "uss": unique * KIB, "rss": kib["Rss"] * KIB}
