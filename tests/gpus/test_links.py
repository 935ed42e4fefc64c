"""Links between GPUs, read by the real pynvml from a fake driver, and what is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_gpu_containers.model.gpu.choice import select_gpus
from jupyter_gpu_containers.model.gpu.device import GpuRequest, GpuSnapshot
from tests.doubles.nvml import FakeDriver, fake_driver
from tests.gpus import scenarios
from tests.gpus.child import run_with


def matrix(snapshot: GpuSnapshot) -> list[str]:
    """Return what `nvidia-smi topo -m` would show."""
    uuids = [gpu.uuid for gpu in snapshot.gpus]
    return [
        " ".join(
            "X" if a == b else link.name if (link := snapshot.link(a, b)) else "?" for b in uuids
        )
        for a in uuids
    ]


def read(driver: FakeDriver) -> list[str]:
    return matrix(run_with(driver, scenarios.read_once))


def all_linked(name: str, count: int = 8) -> list[str]:
    return [" ".join("X" if i == j else name for j in range(count)) for i in range(count)]


CUBE = ["X NV1 NV1 NV2", "NV1 X NV2 NV1", "NV1 NV2 X NV2", "NV2 NV1 NV2 X"]
PCIE = [
    "X PIX NODE NODE SYS SYS SYS SYS",
    "PIX X NODE NODE SYS SYS SYS SYS",
    "NODE NODE X PIX SYS SYS SYS SYS",
    "NODE NODE PIX X SYS SYS SYS SYS",
    "SYS SYS SYS SYS X PIX NODE NODE",
    "SYS SYS SYS SYS PIX X NODE NODE",
    "SYS SYS SYS SYS NODE NODE X PIX",
    "SYS SYS SYS SYS NODE NODE PIX X",
]


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ("dgx-a100", all_linked("NV12")),
        ("dgx-h100", all_linked("NV18")),
        ("4xv100-cube", CUBE),
        ("8xpcie", PCIE),
    ],
)
def test_matrix(tmp_path: Path, machine: str, expected: list[str]) -> None:
    assert read(fake_driver(tmp_path, machine)) == expected


def test_a_driver_that_tells_nothing_of_links(tmp_path: Path) -> None:
    """As in a VM: the GPUs can be had all the same."""
    snapshot = run_with(fake_driver(tmp_path, "2xt4-r470", r470=True), scenarios.read_once)
    assert snapshot.links == {}
    assert len(snapshot.gpus) == 2
    assert snapshot.problem is None


def test_switches_that_are_not_set_up(tmp_path: Path) -> None:
    """Without the fabric manager the links are up, but lead to no GPU."""
    driver = fake_driver(tmp_path, "dgx-a100")
    driver.edit("system", fabric="down")
    assert read(driver)[0] == "X PXB NODE NODE SYS SYS SYS SYS"


def test_links_that_are_down(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, "4xv100-cube")
    driver.edit("gpu0", nvlinks="gpu1 gpu2 gpu3 - - -")
    driver.edit("gpu3", nvlinks="gpu0 gpu1 gpu2 gpu2 - -")
    assert read(driver)[0] == "X NV1 NV1 NV1"
    driver.edit("gpu0", nvlinks="- - - - - -")
    assert read(driver)[0] == "X PHB PHB PHB"


def test_a_switched_gpu_with_fewer_links(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, "dgx-a100")
    driver.edit("gpu2", nvlinks="switch switch - switch")
    assert read(driver)[0] == "X NV12 NV3 NV12 NV12 NV12 NV12 NV12"


def test_mig_instances_reach_nobody(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, "dgx-a100")
    part = "MIG-5a6e098f-2c97-5e55-b4f6-77b53ee7d89d, 7, 0, 1g.10gb, 1, 9728, 25"
    before, after = run_with(driver, scenarios.edits, [("gpu1", {"mig": "1", "mig0": part})])
    assert len(before.links) == 8 * 7 / 2
    assert len(after.links) == 7 * 6 / 2
    assert not any(part[:40] in pair or "MIG" in pair[1] for pair in after.links)


def test_a_lost_gpu_takes_its_links_with_it(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, "4xv100-cube")
    steps: list[tuple[str, dict[str, str | None]]] = [
        ("gpu3", {"state": "lost"}),
        ("gpu3", {"state": "ok"}),
    ]
    before, lost, after = run_with(driver, scenarios.edits, steps)
    assert [len(snapshot.links) for snapshot in (before, lost, after)] == [6, 3, 6]
    assert matrix(lost)[0] == "X NV1 NV1 ?"


def test_links_are_asked_for_once(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, "dgx-a100")
    run_with(driver, scenarios.ask_again, 5)
    calls = driver.calls()
    assert calls["nvmlDeviceGetUUID"] == 5 * 8
    assert calls["nvmlDeviceGetTopologyCommonAncestor"] == 8 * 7 / 2


@pytest.mark.parametrize(
    ("machine", "taken", "count", "expected"),
    [
        ("4xv100-cube", [], 2, [0, 3]),
        ("4xv100-cube", [3], 2, [1, 2]),
        ("8xpcie", [0], 2, [2, 3]),
        ("8xpcie", [0], 4, [4, 5, 6, 7]),
        ("8xpcie", [0, 4, 5], 1, [1]),
        ("dgx-h100", [0, 3], 4, [1, 2, 4, 5]),
    ],
)
def test_choice(
    tmp_path: Path, machine: str, taken: list[int], count: int, expected: list[int]
) -> None:
    snapshot = run_with(fake_driver(tmp_path, machine), scenarios.read_once)
    busy = [snapshot.gpus[index].uuid for index in taken]
    found = select_gpus(snapshot, busy, GpuRequest(count))
    assert [gpu.index for gpu in found] == expected
