"""Judging 500 images on machines with one GPU and with eight: no engine, no registry."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from time import perf_counter

from jupyter_gpu_containers.model.host import Host
from jupyter_gpu_containers.model.image import ImageConfig
from jupyter_gpu_containers.model.verdict import ImageClaims, judge
from tests.model.cases import MACHINES, host, image

from .rounds import Gate, Sample, Samples, interleave

COUNT = 500
CASES = {
    "one H200": "h200",
    "four V100, two of them broken": "4xv100-broken",
    "eight A100": "dgx-a100-mig",
}


def images() -> list[ImageClaims]:
    """Return images that differ as those of a machine do: each a little, on common bases."""
    bases = [image(name) for name in MACHINES["images"]]
    return [_variant(bases[number % len(bases)], number) for number in range(COUNT)]


def _variant(base: ImageClaims, number: int) -> ImageClaims:
    config = ImageConfig(env=base.config.env | {"BUILD": str(number)})
    return replace(base, config=config, download=number << 24, kernels=number % 2 == 0)


async def measure(rounds: int, gate: Gate) -> Samples:
    """Judge all images on every machine once a round."""
    some = images()
    cases = {name: partial(_judge, some, host(machine)) for name, machine in CASES.items()}
    return await interleave(cases, rounds, gate, settle=0.0)


async def _judge(some: list[ImageClaims], machine: Host) -> Sample:
    began = perf_counter()
    for one in some:
        judge(one, machine)
    return {"judge": perf_counter() - began}
