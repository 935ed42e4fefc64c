"""What a container's processes hold on a GPU, and when nobody can say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jupyter_gpu_containers.model.gpu.device import Gpu, GpuProcess
from jupyter_gpu_containers.model.gpu.load import GpuLoad, HolderLoad, gpu_load, memory_of

GIB = 1 << 30
GPU = Gpu("GPU-1", 0, "NVIDIA H200", memory_total=141 * GIB, memory_used=9 * GIB, utilization=40)
MINE, OTHER = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("processes", "bytes_held"),
    [
        ([], 0),
        ([GpuProcess(1, GIB, OTHER), GpuProcess(2, GIB, "")], 0),
        (
            [GpuProcess(1, GIB, MINE), GpuProcess(2, 2 * GIB, MINE), GpuProcess(3, 5, OTHER)],
            3 * GIB,
        ),
        ([GpuProcess(1, GIB, MINE), GpuProcess(2, None, OTHER)], GIB),
        ([GpuProcess(1, GIB, MINE), GpuProcess(2, None, MINE)], None),
        ([GpuProcess(1, GIB, MINE), GpuProcess(2, GIB, None)], None),
    ],
    ids=["idle", "others", "two-of-mine", "other-unknown", "mine-unknown", "whose-unknown"],
)
def test_the_memory_of_a_container(processes: list[GpuProcess], bytes_held: int | None) -> None:
    assert memory_of(replace(GPU, processes=tuple(processes)), MINE) == bytes_held


def test_nobody_can_say_where_the_driver_lists_no_processes() -> None:
    assert memory_of(replace(GPU, processes_known=False), MINE) is None


def test_the_load_names_the_holders_that_may_be_told_of_and_no_others() -> None:
    gpu = replace(GPU, processes=(GpuProcess(1, GIB, MINE), GpuProcess(2, GIB, OTHER)))
    assert gpu_load(gpu, [MINE]) == GpuLoad("GPU-1", 9 * GIB, 40, (HolderLoad(MINE, GIB),))
