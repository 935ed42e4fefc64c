"""What this machine is, as verdicts see it, and how long that is remembered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.errors import EngineUnreachableError
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.fitness.host import Host, HostGpu
from jupyter_gpu_containers.model.fitness.verdict import ImageClaims, Rating
from jupyter_gpu_containers.model.gpu.device import Driver, GpuSnapshot, Problem
from jupyter_gpu_containers.model.image.image import ImageConfig
from jupyter_gpu_containers.model.kernel.container import EngineInfo
from jupyter_gpu_containers.service.image.verdicts import REMEMBERED, Verdicts, disk_free

GPUS = [
    {
        "name": "NVIDIA A100",
        "compute_capability": "8.0",
        "brand": "Nvidia",
        "mig": ["1g.10gb"] * 2,
    },
    {"name": "NVIDIA H200", "compute_capability": "9.0"},
]


class CountingInventory(FixedInventory):
    """Counts how often it is asked; a GPU of it can break."""

    asked = 0
    broken: Problem | None = None

    async def snapshot(self) -> GpuSnapshot:
        self.asked += 1
        found = await super().snapshot()
        if self.broken is None:
            return found
        *others, last = found.gpus
        return replace(found, gpus=(*others, replace(last, problem=self.broken)))


class SomeBackend(MemoryBackend):
    """An engine whose folder can be chosen, and that can be away."""

    root_dir = ""
    away = False

    async def info(self) -> EngineInfo:
        if self.away:
            raise EngineUnreachableError("No container engine answers.")
        return replace(await super().info(), architecture="arm64", root_dir=self.root_dir)


class Clock:
    """Seconds that pass when we say so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_this_machine(tmp_path: Path) -> None:
    backend = SomeBackend()
    backend.root_dir = str(tmp_path)
    inventory = FixedInventory(GPUS, driver_version="550.54.15", cuda_version="12.4")
    found = await Verdicts(backend, inventory).host()
    assert found.disk_free is not None
    assert replace(found, disk_free=None) == Host(
        architecture="arm64",
        driver_version="550.54.15",
        cuda_version="12.4",
        gpus=(  # two instances of the first are one GPU
            HostGpu(0, "NVIDIA A100", (8, 0), "Nvidia", mig=True),
            HostGpu(1, "NVIDIA H200", (9, 0)),
        ),
    )


async def test_what_does_not_answer_is_not_known() -> None:
    backend = SomeBackend()
    backend.away = True
    assert await Verdicts(backend, FixedInventory([])).host() == Host(architecture=None)


async def test_a_list_of_images_asks_once_and_a_change_shows_soon() -> None:
    inventory, clock = CountingInventory(GPUS), Clock()
    verdicts = Verdicts(SomeBackend(), inventory, now=clock)
    claims = ImageClaims(
        "", ImageConfig(env={"CUDA_VERSION": "12.4.1", "TORCH_CUDA_ARCH_LIST": "9.0"}), "arm64"
    )
    for _ in range(3):
        found = await verdicts.judge(claims)
    assert inventory.asked == 1
    assert [gpu.rating for gpu in found.gpus] == [Rating.INCOMPATIBLE, Rating.COMPATIBLE]
    inventory.broken = Problem("gpu_lost", "GPU 1 has fallen off the bus.", "Reboot.")
    clock.now += REMEMBERED
    found = await verdicts.judge(claims)
    assert inventory.asked == 2
    assert found.gpus[1].rating is Rating.GPU_BROKEN
    assert found.gpus[1].reasons[0].message == "GPU 1 has fallen off the bus."


async def test_a_broken_instance_does_not_hide_the_others() -> None:
    inventory = FixedInventory(GPUS[:1])
    first, second = (await inventory.snapshot()).gpus
    lost = replace(first, problem=Problem("mig", "It is gone."))
    inventory._snapshot = GpuSnapshot((lost, second), Driver("550.54.15", "12.4"))
    (gpu,) = (await Verdicts(SomeBackend(), inventory).host()).gpus
    assert gpu.problem is None


def test_a_folder_that_cannot_be_seen(tmp_path: Path) -> None:
    assert disk_free(str(tmp_path / "absent")) is None


def test_it_belongs_to_no_event_loop() -> None:
    verdicts = Verdicts(SomeBackend(), FixedInventory(GPUS), now=Clock())
    assert asyncio.run(verdicts.host()) == asyncio.run(verdicts.host())


@pytest.mark.parametrize("architecture", ["arm64", "amd64"])
async def test_the_engines_processor_counts(architecture: str) -> None:
    claims = ImageClaims("python:3.13", ImageConfig(), architecture)
    found = await Verdicts(SomeBackend(), FixedInventory([])).judge(claims)
    assert found.rating is (Rating.CPU if architecture == "arm64" else Rating.INCOMPATIBLE)
