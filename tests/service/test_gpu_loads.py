"""The load of GPUs: looked at while somebody watches, told where it has changed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuProcess, GpuSnapshot, Problem
from jupyter_gpu_containers.model.gpu.load import GpuLoad, HolderLoad
from jupyter_gpu_containers.ports import GpuInventory
from jupyter_gpu_containers.service.gpu.loads import GpuLoads
from jupyter_gpu_containers.service.gpu.usage import GpuState, GpuUsage, GpuUse, Holder

TIMEOUT = 20.0  # seconds
GIB = 1 << 30
MINE, HIDDEN = "a" * 64, "b" * 64
H200 = {"name": "NVIDIA H200", "memory_gib": 141, "count": 2}


class Machine(GpuInventory):
    """GPUs whose load a test sets, and a clock that it moves; a look can be waited for."""

    def __init__(self, snapshot: GpuSnapshot) -> None:
        self.now = 0.0
        self.looks = 0
        self.failure: Exception | None = None
        self._snapshot = snapshot
        self._looked = asyncio.Event()

    async def snapshot(self) -> GpuSnapshot:
        self.looks += 1
        self._looked.set()
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
        return self._snapshot

    def close(self) -> None:
        """There is nothing to release."""

    def use(self, index: int, **changes: object) -> None:
        """Change what one of the GPUs is used for."""
        gpus = list(self._snapshot.gpus)
        gpus[index] = replace(gpus[index], **changes)  # type: ignore[arg-type]
        self._snapshot = replace(self._snapshot, gpus=tuple(gpus))

    def become(self, **changes: object) -> None:
        """Change the machine."""
        self._snapshot = replace(self._snapshot, **changes)  # type: ignore[arg-type]

    async def looked(self, times: int = 2) -> None:
        """Wait for so many looks; of two, the first is over and told of."""
        wanted = self.looks + times
        while self.looks < wanted:
            self._looked.clear()
            await asyncio.wait_for(self._looked.wait(), TIMEOUT)

    def usage(self) -> GpuUsage:
        """What `GET gpus` answers now: the first GPU is held by a kernel, and by a hidden one."""
        first, *others = self._snapshot.gpus
        holder = Holder(MINE, "k1", "torch", "PyTorch", "a.ipynb", "ada", mine=True)
        hidden = Holder("", "", "", "another user’s kernel", "", "", mine=False)
        held = GpuUse(first, GpuState.CLAIMED, (holder, hidden))
        return GpuUsage(self._snapshot, (held, *(GpuUse(g, GpuState.FREE) for g in others)))


class Watch:
    """A sampler that is quick, and what it told."""

    def __init__(self, machine: Machine) -> None:
        self.loads = GpuLoads(machine, interval=0.002, clock=lambda: machine.now)
        self.told: list[list[GpuLoad]] = []
        self.states = 0
        self.loads.on_change(self.told.append)
        self.loads.on_state(self._state)

    def _state(self) -> None:
        self.states += 1


@pytest.fixture
def machine() -> Machine:
    return Machine(asyncio.run(FixedInventory([H200]).snapshot()))


async def others_end() -> None:
    """Wait for the end of everything that goes on beside the test."""
    me = asyncio.current_task()
    others = [task for task in asyncio.all_tasks() if task is not me]
    _, pending = await asyncio.wait(others, timeout=TIMEOUT)
    assert not pending


def uuids(machine: Machine) -> list[str]:
    return [use.gpu.uuid for use in machine.usage().uses]


async def test_it_looks_only_while_somebody_asks(machine: Machine) -> None:
    watch = Watch(machine)
    watch.loads.asked(machine.usage())
    machine.now = 14
    await machine.looked()
    watch.loads.asked(machine.usage())
    machine.now = 28
    await machine.looked()
    machine.now = 29  # fifteen seconds after the last question
    await others_end()
    looks = machine.looks
    machine.use(0, memory_used=GIB)
    assert watch.told == []
    watch.loads.asked(machine.usage())  # and begins anew
    await machine.looked()
    assert machine.looks > looks
    await watch.loads.close()
    assert not watch.loads.running


async def test_many_pages_are_looked_for_once(machine: Machine) -> None:
    """However many ask, and whenever: one after the other sleeps and looks."""
    watch = Watch(machine)
    me = asyncio.current_task()
    for _ in range(20):
        watch.loads.asked(machine.usage())
        (sampler,) = asyncio.all_tasks() - {me}
        await machine.looked(1)
    assert sampler in asyncio.all_tasks()
    await watch.loads.close()
    assert asyncio.all_tasks() == {me}


async def test_an_answer_after_the_end_begins_nothing(machine: Machine) -> None:
    watch = Watch(machine)
    watch.loads.asked(machine.usage())
    await watch.loads.close()
    watch.loads.asked(machine.usage())
    assert not watch.loads.running


async def test_a_driver_that_fails_and_is_back(machine: Machine) -> None:
    """A problem instead of GPUs, as NVML's errors come: told, and all loads when it is over."""
    watch = Watch(machine)
    watch.loads.asked(machine.usage())
    gpus = machine.usage().snapshot.gpus
    machine.become(gpus=(), problem=Problem("nvml_error", "The GPUs could not be read."))
    await machine.looked(4)
    assert (watch.states, watch.told) == (1, [])
    machine.become(gpus=gpus, problem=None)
    await machine.looked(4)
    assert watch.states == 2
    assert [[load.uuid for load in told] for told in watch.told] == [uuids(machine)]
    await watch.loads.close()


async def test_only_what_has_changed_is_told(machine: Machine) -> None:
    watch = Watch(machine)
    first, second = uuids(machine)
    watch.loads.asked(machine.usage())
    await machine.looked()
    assert watch.told == []  # it is as it was when it was asked for
    machine.use(1, utilization=55)
    await machine.looked()
    assert watch.told == [[GpuLoad(second, 0, 55)]]
    kernel = (GpuProcess(1, 2 * GIB, MINE), GpuProcess(2, GIB, HIDDEN))
    machine.use(0, memory_used=3 * GIB, processes=kernel)
    await machine.looked()
    # of a container that may not be told of there is no word
    assert watch.told[1:] == [[GpuLoad(first, 3 * GIB, 0, (HolderLoad(MINE, 2 * GIB),))]]
    await watch.loads.close()


async def test_who_asks_later_and_who_asked_before_know_the_same(machine: Machine) -> None:
    """Told to one page by its answer, to the other by an event; also when it is again as before."""
    watch = Watch(machine)
    first, _ = uuids(machine)
    watch.loads.asked(machine.usage())
    machine.use(0, memory_used=GIB)
    watch.loads.asked(machine.usage())  # the second page; nothing was told to the first one
    machine.use(0, memory_used=0)
    await machine.looked()
    assert watch.told == [[GpuLoad(first, 0, 0, (HolderLoad(MINE, 0),))]]
    await watch.loads.close()


async def test_a_driver_that_hangs_tells_nothing_new(machine: Machine) -> None:
    watch = Watch(machine)
    watch.loads.asked(machine.usage())
    machine.use(0, utilization=99)
    machine.become(stale=True, problem=Problem("nvml_slow", "…"))
    await machine.looked()
    assert watch.told == []
    assert watch.states == 1
    await watch.loads.close()


@pytest.mark.parametrize(
    "change",
    [
        {"problem": Problem("gpu_lost", "The GPU fell off the bus.")},
        {"processes": (GpuProcess(9, GIB, ""),)},
        {"processes": (GpuProcess(9, GIB, None),)},
    ],
    ids=["failure", "stranger", "somebody"],
)
async def test_another_state_is_told_once(machine: Machine, change: dict[str, object]) -> None:
    watch = Watch(machine)
    watch.loads.asked(machine.usage())
    machine.use(1, **change)
    await machine.looked(4)
    assert watch.states == 1
    machine.use(1, problem=None, processes=())
    await machine.looked(4)
    assert watch.states == 2
    await watch.loads.close()


async def test_the_holders_own_processes_are_no_other_state(machine: Machine) -> None:
    watch = Watch(machine)
    watch.loads.asked(machine.usage())
    machine.use(0, processes=(GpuProcess(9, GIB, MINE),))
    await machine.looked(4)
    assert watch.states == 0
    await watch.loads.close()


async def test_a_gpu_that_is_gone(machine: Machine) -> None:
    watch = Watch(machine)
    watch.loads.asked(machine.usage())
    left: tuple[Gpu, ...] = machine.usage().snapshot.gpus[:1]
    machine.become(gpus=left)
    await machine.looked()
    assert watch.states == 1
    await watch.loads.close()


async def test_a_look_that_fails_is_followed_by_the_next(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(machine)
    watch.loads.asked(machine.usage())
    machine.failure = RuntimeError("a bug")
    machine.use(1, utilization=7)
    await machine.looked(3)
    assert [load.utilization for load in watch.told[0]] == [7]
    assert "a bug" in caplog.text
    await watch.loads.close()
