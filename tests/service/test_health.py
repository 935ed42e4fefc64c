"""GPUs in quarantine: not offered, known to every process, gone with the boot."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_gpu_containers.errors import NotEnoughGpusError
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.choice import select_gpus
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuRequest, GpuSnapshot, Problem
from jupyter_gpu_containers.model.gpu.health import GpuEvent, GpuEventKind, GpuFailure
from jupyter_gpu_containers.ports import GpuInventory
from jupyter_gpu_containers.service.gpu.health import GpuHealth, boot_id


class Machine(GpuInventory):
    """GPUs that a test changes."""

    def __init__(self, *gpus: Gpu) -> None:
        self.found = GpuSnapshot(gpus)
        self.is_closed = False

    async def snapshot(self) -> GpuSnapshot:
        return self.found

    def says(self, **changes: object) -> None:
        """Change the first GPU."""
        first, *others = self.found.gpus
        self.found = GpuSnapshot((replace(first, **changes), *others))  # type: ignore[arg-type]

    def close(self) -> None:
        self.is_closed = True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


Make = Callable[..., GpuHealth]


@pytest.fixture
def machine() -> Machine:
    return Machine(Gpu("GPU-a", 0, "A100"), Gpu("GPU-b", 1, "A100"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(tmp_path: Path, machine: Machine, clock: Clock) -> Make:
    def make(boot: str = "boot-1", **options: object) -> GpuHealth:
        return GpuHealth(
            machine,
            file=tmp_path / "data" / "gpu_faults.json",
            boot=boot,
            clock=clock,
            **options,  # type: ignore[arg-type]
        )

    return make


def failed(number: int = 79, uuid: str | None = "GPU-a", at: float = 100.0) -> GpuEvent:
    return GpuEvent(GpuEventKind.XID, uuid, at, number)


async def withheld(health: GpuHealth) -> list[str]:
    return [gpu.uuid for gpu in (await health.snapshot()).gpus if gpu.problem]


async def test_a_gpu_that_failed_is_not_chosen(make: Make) -> None:
    health = make()
    await health.snapshot()
    health.take(failed())
    snapshot = await health.snapshot()
    assert [gpu.uuid for gpu in select_gpus(snapshot, (), GpuRequest(1))] == ["GPU-b"]
    with pytest.raises(NotEnoughGpusError):
        select_gpus(snapshot, (), GpuRequest(2))


async def test_a_program_that_failed_harms_no_gpu(make: Make) -> None:
    health = make()
    told: list[None] = []
    health.on_failure(lambda: told.append(None))
    await health.snapshot()
    health.take(failed(31))
    assert await withheld(health) == []
    assert told == []
    assert health.failures([Gpu("GPU-a", 0, "A100")], 0.0) == ()


async def test_other_processes_know(make: Make) -> None:
    server, papermill = make(), make()
    await server.snapshot()
    assert await withheld(papermill) == []
    server.take(failed())
    assert await withheld(papermill) == ["GPU-a"]
    assert await withheld(make()) == ["GPU-a"]  # also one that begins later


async def test_other_processes_know_of_the_return(
    make: Make, machine: Machine, clock: Clock
) -> None:
    server, papermill = make(), make()
    await server.snapshot()
    server.take(failed(63))
    assert await withheld(papermill) == ["GPU-a"]
    clock.now += 6
    machine.says(recovery_action="none")
    assert await withheld(server) == []
    machine.says(recovery_action=None)
    assert await withheld(papermill) == []


async def test_the_next_boot_knows_nothing(make: Make) -> None:
    health = make()
    await health.snapshot()
    health.take(failed())
    assert await withheld(make("boot-2")) == []


async def test_who_deletes_the_file_trusts_the_gpus(make: Make, tmp_path: Path) -> None:
    health = make()
    await health.snapshot()
    health.take(failed())
    (tmp_path / "data" / "gpu_faults.json").unlink()
    assert await withheld(health) == []


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "{}", '{"boot": "boot-1", "faults": 3}'])
async def test_a_damaged_file(make: Make, tmp_path: Path, text: str) -> None:
    health = make()
    await health.snapshot()
    health.take(failed())
    file = tmp_path / "data" / "gpu_faults.json"
    file.write_text(text)
    assert await withheld(health) == ["GPU-a"]  # what is known stays
    assert await withheld(make()) == []  # what cannot be read tells nothing
    health.take(failed(uuid="GPU-b"))
    assert await withheld(make()) == ["GPU-a", "GPU-b"]  # and it is whole again
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_folder_that_cannot_be_written(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").write_text("a file, where the folder should be")
    health = make()
    await health.snapshot()
    health.take(failed())
    assert await withheld(health) == ["GPU-a"]
    assert "not remembered for other processes" in caplog.text


async def test_an_event_before_the_first_look(make: Make) -> None:
    health = make()
    health.take(failed())
    assert await withheld(health) == ["GPU-a"]


async def test_failures_during_a_kernels_run(make: Make) -> None:
    health = make()
    a, b = Gpu("GPU-a", 0, "A100"), Gpu("MIG-1", 1, "A100", parent_uuid="GPU-b")
    first, second = failed(79, "GPU-a", 10.0), failed(48, "GPU-b", 20.0)
    for event in (first, failed(95, "GPU-a", 15.0), second):
        health.take(event)
    assert health.failures([a, b], 5.0) == (GpuFailure(0, first), GpuFailure(1, second))
    assert health.failures([a, b], 18.0) == (GpuFailure(1, second),)
    assert health.failures([], 0.0) == ()


async def test_listeners(make: Make) -> None:
    health = make()
    told: list[str] = []
    health.on_failure(lambda: told.append("failed"))
    health.take(failed())
    assert told == ["failed"]


async def test_a_driver_that_was_upgraded_gives_no_gpu_out(make: Make, machine: Machine) -> None:
    upgraded = Problem("driver_library_mismatch", "The NVIDIA driver was upgraded.", "Reboot.")
    machine.says(problem=Problem("gpu_lost", "Lost."))
    health = make(driver_problem=lambda: upgraded)
    snapshot = await health.snapshot()
    assert snapshot.problem == upgraded
    assert [gpu.problem and gpu.problem.code for gpu in snapshot.gpus] == [
        "gpu_lost",
        "driver_library_mismatch",
    ]


async def test_the_drivers_files_are_read_now_and_then(make: Make, clock: Clock) -> None:
    looks: list[float] = []
    health = make(driver_problem=lambda: looks.append(clock.now))
    for clock.now in (100.0, 101.0, 109.9, 110.0, 115.0, 121.0):
        await health.snapshot()
    assert looks == [100.0, 110.0, 121.0]


async def test_no_gpu_is_no_matter_for_the_driver(make: Make, machine: Machine) -> None:
    machine.found = GpuSnapshot(problem=Problem("no_gpu", "None."))

    def never() -> Problem:
        raise AssertionError("nobody asked")

    assert await make(driver_problem=never).snapshot() == machine.found


async def test_nothing_is_written_while_all_is_well(make: Make, tmp_path: Path) -> None:
    health = make()
    await health.snapshot()
    health.take(failed(31))
    assert os.listdir(tmp_path) == []


def test_closing(make: Make, machine: Machine) -> None:
    make().close()
    assert machine.is_closed


async def test_fixed_gpus(tmp_path: Path) -> None:
    """A rehearsal without NVML."""
    inventory = FixedInventory([{"name": "NVIDIA H200", "count": 2}])
    health = GpuHealth(inventory, file=tmp_path / "faults.json", boot=boot_id())
    assert await health.snapshot() == await inventory.snapshot()
