"""What is told of kernels that run on: children killed, GPUs that fail, devices taken away."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.errors import EngineUnreachableError
from jupyter_gpu_containers.model.gpu.device import Gpu, Problem
from jupyter_gpu_containers.model.gpu.health import GpuEvent, GpuEventKind
from jupyter_gpu_containers.model.image.image import ImageKernel
from jupyter_gpu_containers.model.kernel.container import ContainerExit, Mount
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import Caller, Seat
from jupyter_gpu_containers.model.kernel.usage import ContainerUsage, UsageSource
from jupyter_gpu_containers.service.gpu.health import GpuHealth
from jupyter_gpu_containers.service.kernel.endings import Endings, full_disks
from jupyter_gpu_containers.service.kernel.kernels import KernelContainer
from jupyter_gpu_containers.service.kernel.watch import KernelWatch
from tests.service.test_health import Machine

GPU = Gpu("GPU-a", 0, "A100", minor_number=3)


class Engine(MemoryBackend):
    """The memory backend, with counters and devices as a test sets them."""

    def __init__(self) -> None:
        super().__init__(())
        self.counters: dict[str, ContainerUsage] = {}
        self.refused: frozenset[int] = frozenset()
        self.is_away = False
        self.tell: Callable[[str], None] = lambda container_id: None
        self.log = ""

    def on_memory_kill(self, listener: Callable[[str], None]) -> None:
        self.tell = listener

    async def usage(self, container_id: str) -> ContainerUsage | None:
        self._answer()
        return self.counters.get(container_id)

    async def refused_gpus(
        self, container_id: str, minor_numbers: Collection[int]
    ) -> frozenset[int]:
        self._answer()
        return self.refused & frozenset(minor_numbers)

    async def logs(self, container_id: str, *, tail: int = 20) -> str:
        self._answer()
        return self.log

    def _answer(self) -> None:
        if self.is_away:
            raise EngineUnreachableError("No container engine answers.")


class Running:
    """What `Kernels` is to a watch."""

    def __init__(self, backend: MemoryBackend) -> None:
        self.endings = Endings(backend, pids_limit=100)
        self.kernels: list[KernelContainer] = []

    def running(self) -> list[KernelContainer]:
        return [kernel for kernel in self.kernels if not kernel.ended.done()]


class Told:
    """Warnings, and an event for each."""

    def __init__(self) -> None:
        self.warnings: list[tuple[str, str]] = []
        self.something = asyncio.Event()

    def warn(self, launch_id: str, warning: Problem) -> None:
        self.warnings.append((launch_id, warning.code))
        self.something.set()


class Desk:
    def __init__(self, folder: Path) -> None:
        self.engine = Engine()
        self.kernels = Running(self.engine)
        self.health = GpuHealth(Machine(GPU), file=folder / "faults.json", boot="1")
        self.told = Told()
        self.sources: list[str] = []
        self.started = asyncio.Event()
        self.watch = KernelWatch(
            self.engine,
            self.kernels,  # type: ignore[arg-type]
            self.told,
            self.health,
            sources=(self,),
            interval=3600.0,
        )
        self.folder = folder

    def start(self) -> None:
        self.sources.append("start")
        self.started.set()

    def close(self) -> None:
        self.sources.append("close")

    def kernel(self, name: str = "k1", *gpus: Gpu) -> KernelContainer:
        place = Mount(str(self.folder), str(self.folder))
        kernel = KernelContainer(
            container_id=f"container of {name}",
            environment=Environment(
                "e", "E", "r", "i", ImageKernel("python3", "Python", "python", ("python3",))
            ),
            seat=Seat(
                kernel_id=name,
                caller=Caller(os.getuid(), os.getgid(), "ada"),
                owner="o",
                workspace=place,
                working_dir=str(self.folder),
                run_dir=str(self.folder),
                home_dir=str(self.folder),
            ),
            gpus=gpus,
            memory=1 << 30,
            heartbeat_url="",
            ended=Future(),
            began=0.0,
        )
        self.kernels.kernels.append(kernel)
        return kernel

    def counts(self, kernel: KernelContainer, **counted: int) -> None:
        self.engine.counters[kernel.container_id] = ContainerUsage(
            UsageSource.CGROUP,
            **counted,  # type: ignore[arg-type]
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def xid(number: int = 79, at: float = 5.0) -> GpuEvent:
    return GpuEvent(GpuEventKind.XID, GPU.uuid, at, number)


async def test_all_is_well(desk: Desk) -> None:
    desk.counts(desk.kernel("k1", GPU), oom_kills=0, memory_peak=5)
    await desk.watch.look()
    assert desk.told.warnings == []


async def test_child_that_was_killed(desk: Desk) -> None:
    desk.kernel("k1")
    desk.counts(desk.kernel("k2"), oom_kills=1)
    await desk.watch.look()
    assert desk.told.warnings == [("k2", "child_out_of_memory")]


async def test_gpu_that_failed(desk: Desk) -> None:
    desk.kernel("k1")
    desk.kernel("k2", GPU)
    late = desk.kernel("k3", GPU)
    desk.kernels.kernels[-1] = replace(late, began=10.0)  # after the event
    await desk.health.snapshot()
    desk.health.take(xid())
    await desk.watch.look()
    assert desk.told.warnings == [("k2", "gpu_lost")]


async def test_an_application_error_is_no_failure(desk: Desk) -> None:
    desk.kernel("k1", GPU)
    desk.health.take(xid(31))
    await desk.watch.look()
    assert desk.told.warnings == []


async def test_device_that_was_taken_away(desk: Desk) -> None:
    desk.kernel("k1", GPU)
    desk.kernel("k2")
    desk.engine.refused = frozenset({3})
    await desk.watch.look(access=False)
    assert desk.told.warnings == []
    await desk.watch.look()
    assert desk.told.warnings == [("k1", "gpu_access_lost")]


async def test_an_engine_that_is_away_tells_nothing(desk: Desk) -> None:
    desk.counts(desk.kernel("k1", GPU), oom_kills=1)
    desk.engine.is_away = True
    await desk.watch.look()
    assert desk.told.warnings == []
    desk.engine.is_away = False
    await desk.watch.look()
    assert desk.told.warnings == [("k1", "child_out_of_memory")]


async def test_a_kill_is_told_at_once(desk: Desk) -> None:
    kernel = desk.kernel("k1")
    running = asyncio.ensure_future(desk.watch.run())
    await desk.started.wait()
    await asyncio.to_thread(desk.engine.tell, kernel.container_id)
    await asyncio.wait_for(desk.told.something.wait(), 30)
    assert desk.told.warnings == [("k1", "child_out_of_memory")]
    running.cancel()
    await asyncio.wait({running})
    assert desk.sources == ["start", "close"]


async def test_the_kernel_itself_was_killed(desk: Desk) -> None:
    """Its end is told after the kill: no warning for who is dead."""
    kernel = desk.kernel("k1")
    desk.engine.tell(kernel.container_id)
    look = asyncio.ensure_future(desk.watch.look())
    await asyncio.sleep(0)
    kernel.ended.set_result(ContainerExit(137, oom_killed=True))
    await look
    assert desk.told.warnings == []


async def test_a_gpus_failure_is_told_at_once(desk: Desk) -> None:
    desk.kernel("k1", GPU)
    running = asyncio.ensure_future(desk.watch.run())
    await desk.started.wait()
    await asyncio.to_thread(desk.health.take, xid())
    await asyncio.wait_for(desk.told.something.wait(), 30)
    assert desk.told.warnings == [("k1", "gpu_lost")]
    running.cancel()
    await asyncio.wait({running})
    desk.health.take(xid())  # nobody watches any more
    assert len(desk.told.warnings) == 1


# -- what is remembered for the end -------------------------------------------------------------


async def death(desk: Desk, kernel: KernelContainer, ended: ContainerExit) -> Problem:
    kernel.ended.set_result(ended)
    error = await desk.kernels.endings.explain(kernel, answered=True)
    return Problem(error.error_code, error.message, error.hint)


async def test_the_last_sample_stands_in_the_reason(desk: Desk) -> None:
    kernel = desk.kernel("k1")
    desk.counts(kernel, memory_peak=1 << 29)
    await desk.watch.look()
    reason = await death(desk, kernel, ContainerExit(137, oom_killed=True))
    assert reason.message == (
        "The kernel was killed: out of memory, limit 1 GB, peak 512 MB (read before the end)."
    )


async def test_a_gpu_that_failed_is_the_reason(desk: Desk) -> None:
    kernel = desk.kernel("k1", GPU)
    desk.health.take(xid())
    reason = await death(desk, kernel, ContainerExit(1))
    assert reason.code == "gpu_lost"
    assert "Xid 79" in reason.message


async def test_a_gpu_that_failed_before_is_not(desk: Desk) -> None:
    kernel = replace(desk.kernel("k1", GPU), began=10.0)
    desk.health.take(xid())
    assert (await death(desk, kernel, ContainerExit(1))).code == "kernel_exited"


async def test_an_engine_that_is_away_hides_only_the_log(desk: Desk) -> None:
    kernel = desk.kernel("k1")
    desk.engine.is_away = True
    assert (await death(desk, kernel, ContainerExit(3))).message == (
        "The kernel ended by itself with exit code 3."
    )


async def test_who_stops_it_is_the_reason(desk: Desk) -> None:
    kernel = desk.kernel("k1")
    desk.kernels.endings.note("k1", Problem("stopped_by", "The kernel was shut down by ada."))
    desk.kernels.endings.note("k1", Problem("culled", "Nobody used it."))
    assert (await death(desk, kernel, ContainerExit(-1, lost=True))).code == "stopped_by"
    desk.kernels.endings.forget("k1")
    assert desk.kernels.endings.reason("k1") is None


async def test_a_log_that_speaks_of_a_full_disk_where_none_is_full(desk: Desk) -> None:
    kernel = desk.kernel("k1")
    desk.engine.log = "OSError: [Errno 28] No space left on device\n"
    assert (await death(desk, kernel, ContainerExit(1))).code == "kernel_exited"


def test_full_disks(tmp_path: Path) -> None:
    """Every machine has a full file system: procfs has no room for anything."""
    found = full_disks(["/proc", "/proc/self", str(tmp_path), str(tmp_path / "gone")])
    assert [(disk.path, disk.free) for disk in found] == [("/proc", 0)]
