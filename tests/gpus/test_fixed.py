"""GPUs from configuration: what is made of it, and what is refused in words."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import Driver, Gpu, GpuSnapshot

GIB = 2**30


def snapshot(*gpus: dict[str, Any], **options: str) -> GpuSnapshot:
    return asyncio.run(FixedInventory(gpus, **options).snapshot())


def test_everything_given() -> None:
    entry = {
        "uuid": "GPU-3a17f50e-2fa8-5ec3-8929-7ecf989934bb",
        "name": "NVIDIA H200",
        "memory_gib": 141,
        "compute_capability": "9.0",
        "minor_number": 3,
        "brand": "Nvidia",
    }
    assert snapshot(entry, driver_version="550.54.15", cuda_version="12.4") == GpuSnapshot(
        gpus=(
            Gpu(
                uuid="GPU-3a17f50e-2fa8-5ec3-8929-7ecf989934bb",
                index=0,
                name="NVIDIA H200",
                memory_total=141 * GIB,
                utilization=0,
                compute_capability=(9, 0),
                minor_number=3,
                brand="Nvidia",
            ),
        ),
        driver=Driver("550.54.15", "12.4"),
    )


def test_nothing_given() -> None:
    (gpu,) = snapshot({}).gpus
    assert gpu.uuid.startswith("GPU-")
    assert (gpu.name, gpu.memory_total, gpu.minor_number) == ("NVIDIA GPU", 16 * GIB, 0)
    assert gpu.compute_capability is None
    assert gpu.problem is None


def test_count_makes_distinct_gpus() -> None:
    gpus = snapshot({"name": "A", "count": 3}, {"name": "B", "count": 2}).gpus
    assert [gpu.index for gpu in gpus] == [0, 1, 2, 3, 4]
    assert [gpu.minor_number for gpu in gpus] == [0, 1, 2, 3, 4]
    assert [gpu.name for gpu in gpus] == ["A", "A", "A", "B", "B"]
    assert len({gpu.uuid for gpu in gpus}) == 5


def test_uuids_are_the_same_at_each_start() -> None:
    entries = ({"count": 2}, {"mig": ["1g.10gb", "2g.20gb"]})
    assert snapshot(*entries) == snapshot(*entries)


def test_mig_instances_instead_of_their_gpu() -> None:
    entry = {
        "name": "NVIDIA A100",
        "memory_gib": 80,
        "mig": ["3g.40gb", "1c.2g.20gb", "1g.10gb+me"],
    }
    gpus = snapshot({}, entry).gpus
    assert [g.mig_profile for g in gpus] == [None, "3g.40gb", "1c.2g.20gb", "1g.10gb+me"]
    assert [g.memory_total // GIB for g in gpus] == [16, 40, 20, 10]
    assert [g.index for g in gpus] == [0, 1, 1, 1]
    assert [g.minor_number for g in gpus] == [0, 1, 1, 1]
    assert len({g.parent_uuid for g in gpus[1:]}) == 1
    assert all(g.uuid.startswith("MIG-") for g in gpus[1:])


def test_no_gpu_is_said() -> None:
    found = snapshot()
    assert found.gpus == ()
    assert found.problem is not None
    assert found.problem.code == "no_gpu"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("NVIDIA H200", "expected a mapping"),
        ({"memory": 16}, "unknown key 'memory'; known are uuid, name, memory_gib"),
        ({"count": 0}, "count must be at least 1, got 0"),
        ({"count": True}, "count cannot be True"),
        ({"count": "two"}, "count cannot be 'two'"),
        ({"memory_gib": -1}, "memory_gib must be more than 0"),
        ({"memory_gib": "16"}, "memory_gib cannot be '16'"),
        ({"minor_number": -1}, "minor_number cannot be -1"),
        ({"uuid": "0"}, "'0' is not a GPU's UUID"),
        ({"uuid": "GPU-1", "count": 2}, "uuid names one GPU"),
        ({"mig": ["small"]}, "'small' is not a MIG profile"),
        ({"mig": [10]}, "10 is not a MIG profile"),
        ({"compute_capability": "new"}, "compute_capability 'new' is not X.Y"),
    ],
)
def test_nonsense_is_refused_with_its_place(entry: Any, words: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        FixedInventory([{}, entry])
    assert "GPU entry 2" in refusal.value.message
    assert words in refusal.value.message
    assert refusal.value.hint


def test_same_uuid_twice() -> None:
    with pytest.raises(InvalidRequestError, match="GPU-1 twice"):
        FixedInventory([{"uuid": "GPU-1"}, {"uuid": "GPU-1"}])


def test_links() -> None:
    """Two boards of two linked GPUs each; a MIG instance reaches nobody."""
    found = snapshot({"count": 2, "link": "NV4"}, {"count": 2, "link": "PIX"}, {"mig": ["1g.10gb"]})
    a, b, c, d, part = (gpu.uuid for gpu in found.gpus)
    names = {pair: link.name for pair, link in found.links.items()}
    assert names.pop((min(a, b), max(a, b))) == "NV4"
    assert names.pop((min(c, d), max(c, d))) == "PIX"
    assert set(names.values()) == {"SYS"}
    assert len(names) == 4
    assert not any(part in pair for pair in found.links)


def test_nothing_is_known_of_links_that_are_not_described() -> None:
    assert snapshot({"count": 3}).links == {}


def test_no_link() -> None:
    with pytest.raises(InvalidRequestError, match=r"GPU entry 2 .*'NVLINK' is no link"):
        FixedInventory([{}, {"count": 2, "link": "NVLINK"}])
