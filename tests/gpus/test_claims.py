"""What a claim makes of the processes that NVML shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.errors import GpusBusyError
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuProcess, GpuRequest, GpuSnapshot
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerSpec
from jupyter_gpu_containers.ports import GpuInventory
from jupyter_gpu_containers.service.kernel.claims import Claims
from jupyter_gpu_containers.service.kernel.owner import Owner


class TwoGpus(GpuInventory):
    """Two GPUs; a process computes on the ones in ``used``."""

    def __init__(self) -> None:
        self._fixed = FixedInventory([{"count": 2}])
        self.used: set[int] = set()

    async def snapshot(self) -> GpuSnapshot:
        snapshot = await self._fixed.snapshot()
        gpus = (
            replace(gpu, processes=(GpuProcess(4711),)) if gpu.index in self.used else gpu
            for gpu in snapshot.gpus
        )
        return replace(snapshot, gpus=tuple(gpus))

    def close(self) -> None:
        self._fixed.close()


@pytest.fixture
def inventory() -> TwoGpus:
    return TwoGpus()


@pytest.fixture
def backend() -> Iterator[MemoryBackend]:
    backend = MemoryBackend()
    yield backend
    backend.close()


@pytest.fixture
def claims(backend: MemoryBackend, inventory: TwoGpus) -> Claims:
    return Claims(backend, inventory, backoff=0.001)


def make_spec(gpus: tuple[Gpu, ...], name: str) -> ContainerSpec:
    return ContainerSpec(
        image=DEMO_IMAGES[0].id,
        command=("true",),
        name=name,
        user="1000:1000",
        working_dir="/",
        labels=labels.make_labels(
            purpose="kernel",
            owner=str(Owner.current()),
            user="ada",
            gpus=[gpu.uuid for gpu in gpus],
        ),
    )


async def test_gpu_of_somebody_elses_process_is_not_given(
    claims: Claims, inventory: TwoGpus
) -> None:
    inventory.used = {0}
    claim = await claims.claim(GpuRequest(1), make_spec)
    assert [gpu.index for gpu in claim.gpus] == [1]
    with pytest.raises(GpusBusyError, match="none of 2 is free"):
        await claims.claim(GpuRequest(1), make_spec)
    inventory.used = set()
    claim = await claims.claim(GpuRequest(1), make_spec)
    assert [gpu.index for gpu in claim.gpus] == [0]


async def test_process_of_the_replaced_kernel_does_not_matter(
    claims: Claims, inventory: TwoGpus
) -> None:
    """On a machine whose GPUs are all taken, a notebook changes its image and keeps its GPU."""
    old = await claims.claim(GpuRequest(1), make_spec)
    inventory.used = {0, 1}  # 1 is somebody else's
    new = await claims.claim(
        GpuRequest(1),
        make_spec,
        handover=old.container_id,
    )
    assert new.gpus[0].uuid == old.gpus[0].uuid
