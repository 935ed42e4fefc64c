"""What a network costs a container's start: the engine's own request, without anything of ours."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from functools import partial
from time import perf_counter
from typing import Any

import docker

from .bench import Bench
from .rounds import Case, Sample, interleave

NONE = "none"
BRIDGE = "bridge"
AHEAD = "joins a container's that was started ahead"
WAIT = ["sleep", "infinity"]
LABEL = "jgc-bench-network"


async def measure(bench: Bench) -> dict[str, Any]:
    """Start containers that only sleep: without a network, with one, with one that is there."""
    cases: dict[str, Case] = {
        case: partial(asyncio.to_thread, _sample, bench.client, bench.image, case)
        for case in (NONE, BRIDGE, AHEAD)
    }
    try:
        return asdict(await interleave(cases, bench.rounds, bench.gate))
    finally:
        for left in bench.client.containers.list(all=True, filters={"label": LABEL}):
            left.remove(force=True)


def _sample(client: docker.DockerClient, image: str, case: str) -> Sample:
    made = {"command": WAIT, "labels": [LABEL], "init": True}
    holder = None
    mode = case
    if case == AHEAD:
        holder = client.containers.create(image, network_mode=BRIDGE, **made)
        holder.start()
        mode = f"container:{holder.id}"
    container = client.containers.create(image, network_mode=mode, **made)
    began = perf_counter()
    container.start()
    started = perf_counter()
    container.remove(force=True)
    removed = perf_counter()
    if holder is not None:
        holder.remove(force=True)
    return {"start": started - began, "remove": removed - started}
