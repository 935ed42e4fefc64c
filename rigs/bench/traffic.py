"""What a running kernel costs: the smallest cell over and over, and a cell with much output."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from .bench import Bench
from .clients import Client, FailedError
from .contenders import COLD_BRIDGE, WARM
from .rounds import Case, Sample, interleave

TRIPS = 100
MESSAGES, SIZE = 50, 1_000_000  # 50 MB


async def measure(bench: Bench) -> dict[str, Any]:
    """Start each contender's kernel once, and ask all of them in turn."""
    # where a kernel came from does not matter once it runs
    contenders = [one for one in await bench.contenders() if one.title not in (COLD_BRIDGE, WARM)]
    clients: dict[str, Client] = {}
    failures: dict[str, str] = {}
    try:
        for one in contenders:
            clients[one.title] = await Client.open(bench.place, one)
            try:
                await clients[one.title].ask("start", count=1)
            except FailedError as exc:
                failures[one.title] = str(exc)
        cases: dict[str, Case] = {
            title: partial(_sample, client)
            for title, client in clients.items()
            if title not in failures
        }
        samples = await interleave(cases, bench.rounds, bench.gate, settle=0.05)
    finally:
        for client in clients.values():
            await client.close()
        for one in contenders:
            await bench.after(one)
    samples.cases |= {title: [] for title in failures}
    samples.failures |= failures
    samples.errors += [f"{title}: {words}" for title, words in failures.items()]
    return asdict(samples)


async def _sample(client: Client) -> Sample:
    trips = await client.ask("round_trips", count=TRIPS)
    output = await client.ask("output", messages=MESSAGES, size=SIZE)
    return {**trips, **output}
