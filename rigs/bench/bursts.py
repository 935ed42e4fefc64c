"""Ten and twenty kernels asked for at the same moment, until every one has answered."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from .bench import Bench
from .clients import Clients
from .contenders import COLD_BRIDGE, Contender
from .rounds import Case, Sample, interleave

COUNTS = (10, 20)
RARELY = 3  # what takes long has a sample every third round
RARELY_OF_MANY = 2


async def measure(bench: Bench) -> dict[str, Any]:
    """Measure each number on its own, with an interleaved run of its own."""
    found: dict[str, Any] = {"errors": [], "counts": {}}
    for count in COUNTS:
        clients = Clients(bench.place)
        contenders = [
            one for one in await bench.contenders(spares=count) if one.title != COLD_BRIDGE
        ]
        cases: dict[str, Case] = {
            one.title: partial(_burst, bench, clients, one, count) for one in contenders
        }
        rounds = bench.rounds if count == COUNTS[0] else max(1, bench.rounds // RARELY)
        seldom = RARELY if count == COUNTS[0] else RARELY_OF_MANY
        every = {one.title: seldom for one in contenders if one.peer}
        try:
            samples = await interleave(cases, rounds, bench.gate, settle=0.5, every=every)
        finally:
            await clients.close()
        found["counts"][str(count)] = asdict(samples)
        found["errors"] += samples.errors
    return found


async def _burst(bench: Bench, clients: Clients, contender: Contender, count: int) -> Sample:
    try:
        async with clients.of(contender) as client:
            sample = await client.ask("start", count=count)
            return {**sample, **await client.ask("stop")}
    finally:
        await bench.after(contender)
