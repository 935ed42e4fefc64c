"""What the extension costs while nobody does anything: processor time, requests of the engine."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

from .bench import Bench
from .proxy import CountingProxy
from .rounds import Sample, Samples
from .server import Server

SETTLE = 5.0  # seconds after the start
WINDOW = 4.0  # seconds of a sample; both servers idle at the same time
WITHOUT, WITH = "JupyterLab", "JupyterLab with the extension"


async def measure(bench: Bench) -> dict[str, Any]:
    """Look at two servers at the same time; no order of theirs could matter."""
    samples = Samples({WITHOUT: [], WITH: []})
    with CountingProxy(bench.upstream, bench.place.folder / "idle.sock") as proxy:
        servers = {
            WITHOUT: Server(bench.place, "lab", extension=False),
            WITH: Server(bench.place, "lab", extension=True, settings={"engine_url": proxy.url}),
        }
        try:
            for server in servers.values():
                await server.ready()
                await server.request("GET", "/lab")
            await asyncio.sleep(SETTLE)
            for _ in range(bench.rounds):
                for name, sample in (await _window(servers, proxy)).items():
                    samples.cases[name].append(sample)
        finally:
            for server in servers.values():
                server.stop()
    return {**asdict(samples), "window": WINDOW}


async def _window(servers: dict[str, Server], proxy: CountingProxy) -> dict[str, Sample]:
    before = {name: _processor_time(server.process.pid) for name, server in servers.items()}
    asked = len(proxy.requests)
    began = perf_counter()
    await asyncio.sleep(WINDOW)
    minutes = (perf_counter() - began) / 60
    found = {
        name: {"cpu": (_processor_time(server.process.pid) - before[name]) / minutes}
        for name, server in servers.items()
    }
    found[WITHOUT]["requests"] = 0.0
    found[WITH]["requests"] = (len(proxy.requests) - asked) / minutes
    return found


def _processor_time(pid: int) -> float:
    """Return the seconds that a process's threads have run, to the nanosecond: sched(7)."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):  # a thread that ended
            continue
    return total / 1e9
