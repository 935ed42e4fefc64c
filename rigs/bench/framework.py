"""A real framework image, named by `--image`: its import, and its first tensor on a GPU."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from traitlets.config import Config

from jupyter_gpu_containers.config import build_services

from . import contenders as c
from .bench import Bench
from .clients import Clients
from .contenders import Contender
from .rounds import Case, Sample, interleave

IMPORT = "import torch"
TENSOR = "torch.ones(1, device='cuda').sum().item()"
NO_IMAGE = "no image of a framework was named (`--image REF`)"
NO_GPU = "this machine has no GPU"


async def measure(bench: Bench) -> dict[str, Any]:
    """Start kernels of the image, with a GPU of their own, and time what a first cell does."""
    if bench.framework is None:
        return {"left_out": NO_IMAGE}
    gpus = await _gpus()
    if not gpus:
        return {"left_out": NO_GPU}
    name = await bench.kernel(bench.framework, gpus=1)
    contenders = [c.ours(c.COLD, name, bench.framework)]
    if c.has_spares():
        contenders.append(c.ours(c.WARM, name, bench.framework, spares=1))
    clients = Clients(bench.place)
    cases: dict[str, Case] = {
        one.title: partial(_sample, bench, clients, one) for one in contenders
    }
    try:
        samples = await interleave(cases, bench.rounds, bench.gate)
    finally:
        await clients.close()
    return {**asdict(samples), "image": bench.framework, "gpus": gpus}


async def _sample(bench: Bench, clients: Clients, contender: Contender) -> Sample:
    try:
        async with clients.of(contender) as client:
            started = await client.ask("start", count=1)
            imported = (await client.ask("execute", code=IMPORT))["took"]
            tensor = (await client.ask("execute", code=TENSOR))["took"]
            await client.ask("stop")
    finally:
        await bench.after(contender)
    total = started["answer"] + imported + tensor
    return {"answer": started["answer"], "import": imported, "tensor": tensor, "all": total}


async def _gpus() -> list[str]:
    services = build_services(Config())
    try:
        return [gpu.name for gpu in (await services.inventory.snapshot()).gpus]
    finally:
        services.close()
