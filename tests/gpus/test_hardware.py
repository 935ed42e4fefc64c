"""The assertions of the fake GPUs on real ones, with the machine's own driver and engine.

Left out where there is no /dev/nvidiaN (tests/conftest.py). The engine needs NVIDIA's Container
Toolkit.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.errors import GpuVanishedError
from jupyter_gpu_containers.gpus.nvml import NvmlInventory
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuSnapshot
from tests.gpus.assertions import agrees_with_nvidia_smi, sees_exactly
from tests.gpus.conftest import GpuRig, copy_tools

pytestmark = [pytest.mark.engine, pytest.mark.hardware]


@pytest.fixture
def snapshot() -> Iterator[GpuSnapshot]:
    inventory = NvmlInventory()
    yield asyncio.run(inventory.snapshot())
    inventory.close()


@pytest.fixture
def rig(images: SimpleNamespace, engine_host: str, tmp_path: Path) -> Iterator[GpuRig]:
    backend = DockerBackend(engine_host)
    yield GpuRig(backend, images.debian12, copy_tools(tmp_path))
    backend.close()


def test_inventory(snapshot: GpuSnapshot) -> None:
    listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    agrees_with_nvidia_smi(snapshot, listing.stdout)
    assert snapshot.driver is not None
    assert snapshot.driver.cuda_version is not None
    assert all(gpu.brand for gpu in snapshot.gpus)


def test_container_sees_the_gpus_it_was_given(snapshot: GpuSnapshot, rig: GpuRig) -> None:
    choices: list[tuple[Gpu, ...]] = [(), snapshot.gpus[:1], snapshot.gpus[-1:]]
    for gpus in choices:
        seen = asyncio.run(rig.look_inside(*(gpu.uuid for gpu in gpus)))
        sees_exactly(seen, gpus)


def test_unknown_uuid(rig: GpuRig) -> None:
    async def scenario() -> None:
        created = await rig.backend.create(
            await rig.spec("GPU-00000000-0000-0000-0000-000000000000")
        )
        try:
            with pytest.raises(GpuVanishedError):
                await rig.backend.start(created)
        finally:
            await rig.backend.remove(created)

    asyncio.run(scenario())
