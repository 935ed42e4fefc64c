"""From asking for a kernel to its first answer, through jupyter_client alone."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from . import contenders as c
from .bench import Bench
from .clients import Clients
from .contenders import Contender
from .place import SAME
from .proxy import CountingProxy
from .rounds import Case, Sample, interleave


async def measure(bench: Bench) -> dict[str, Any]:
    """Start one kernel at a time, in every way there is, and end it."""
    clients = Clients(bench.place)
    contenders = await bench.contenders(carried=True)
    cases: dict[str, Case] = {one.title: partial(_start, bench, clients, one) for one in contenders}
    try:
        samples = await interleave(cases, bench.rounds, bench.gate)
    finally:
        await clients.close()
    same = bench.image == SAME
    return {**asdict(samples), "same": same, "requests": await _engine_requests(bench)}


async def _start(bench: Bench, clients: Clients, contender: Contender) -> Sample:
    try:
        async with clients.of(contender) as client:
            sample = await client.ask("start", count=1)
            return {**sample, **await client.ask("stop")}
    finally:
        await bench.after(contender)


async def _engine_requests(bench: Bench) -> list[str]:
    """Return the requests that one start and one end make of the engine, in their order."""
    clients = Clients(bench.place)
    name = await bench.kernel(bench.image)
    with CountingProxy(bench.upstream, bench.place.folder / "starts.sock") as proxy:
        plain = c.ours(c.COLD, name, bench.image)
        assert plain.settings is not None
        settings = {**plain.settings, "engine_url": proxy.url}
        counted = Contender(c.COLD, name, settings=settings, image=bench.image)
        try:
            await _start(bench, clients, counted)  # the first in a process also asks what it is
            proxy.requests.clear()
            await _start(bench, clients, counted)
            return list(proxy.requests)
        finally:
            await clients.close()
