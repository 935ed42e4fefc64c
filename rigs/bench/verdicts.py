"""Judging 500 images on machines with one GPU and with eight: no engine, no registry."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import perf_counter

from jupyter_gpu_containers.model.fitness.host import Host
from jupyter_gpu_containers.model.fitness.verdict import ImageClaims, judge
from jupyter_gpu_containers.model.image.image import ImageConfig
from tests.model.cases import MACHINES, host, image

from .rounds import Gate, Sample, Samples, interleave

COUNT = 500
MACHINE_NAMES = {"one H200": "h200", "eight A100": "dgx-a100-mig"}


def images(mark: str) -> list[ImageClaims]:
    """Return images; with a mark they have nothing in common, nor with those of another mark."""
    bases = [image(name) for name in MACHINES["images"]]
    return [_variant(bases[number % len(bases)], number, mark) for number in range(COUNT)]


def _variant(base: ImageClaims, number: int, mark: str) -> ImageClaims:
    own = {"BUILD_ID": str(number)}
    reference = base.reference
    if mark:  # no text is one that was read before: requirement, list of architectures, tag
        unique = int(mark) * COUNT + number
        own["NVIDIA_BUILD_ID"] = str(unique)
        reference = f"{reference}-{unique}"
        for name, text in base.config.env.items():
            if text and name == "NVIDIA_REQUIRE_CUDA":
                own[name] = f"{text} driver>={unique + 10_000},driver<{unique + 10_001}"
            elif text and name.endswith("CUDA_ARCH_LIST"):
                own[name] = text + f"{unique:b}".translate({48: " ", 49: ";"})
    return replace(
        base,
        reference=reference,
        config=ImageConfig(env=base.config.env | own),
        download=number << 24,
        kernels=number % 2 == 0,
    )


async def measure(rounds: int, gate: Gate) -> Samples:
    """Judge all images on every machine once a round."""
    marks = map(str, itertools.count(1))
    cases = {}
    for name, machine in MACHINE_NAMES.items():
        here = host(machine)
        cases[f"{name}, images on common bases"] = partial(_judge, lambda: images(""), here)
        cases[f"{name}, nothing in common"] = partial(_judge, lambda: images(next(marks)), here)
    return await interleave(cases, rounds, gate, settle=0.0)


async def _judge(make: Callable[[], list[ImageClaims]], machine: Host) -> Sample:
    some = make()
    began = perf_counter()
    for one in some:
        judge(one, machine)
    return {"judge": perf_counter() - began}
