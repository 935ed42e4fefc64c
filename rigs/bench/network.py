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
DISABLED = "none, and the engine's hook left out"
BRIDGE = "bridge"
AHEAD = "joins a container's that was started ahead"
WAIT = ["sleep", "infinity"]
LABEL = "jgc-bench-network"


async def measure(bench: Bench) -> dict[str, Any]:
    """Start containers that only sleep: without a network in two ways, with one, joining one."""
    cases: dict[str, Case] = {
        case: partial(asyncio.to_thread, _sample, bench.client, bench.image, case)
        for case in (NONE, DISABLED, BRIDGE, AHEAD)
    }
    try:
        return asdict(await interleave(cases, bench.rounds, bench.gate))
    finally:
        for left in bench.client.containers.list(all=True, filters={"label": LABEL}):
            left.remove(force=True)


def _sample(client: docker.DockerClient, image: str, case: str) -> Sample:
    made: dict[str, Any] = {"command": WAIT, "labels": [LABEL], "init": True}
    holder = None
    mode = case
    if case == AHEAD:
        holder = client.containers.create(image, network_mode=BRIDGE, **made)
        holder.start()
        mode = f"container:{holder.id}"
    if case == DISABLED:  # as our kernels that have none, see `backends.docker.body`
        mode, made["network_disabled"] = NONE, True
    container = client.containers.create(image, network_mode=mode, **made)
    began = perf_counter()
    container.start()
    started = perf_counter()
    container.remove(force=True)
    removed = perf_counter()
    if holder is not None:
        holder.remove(force=True)
    return {"start": started - began, "remove": removed - started}
