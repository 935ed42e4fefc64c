"""Kernels that die again and again: restarted three times, then told why not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from jupyter_client.ioloop import AsyncIOLoopKernelManager

from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.kernel.launch import Phase
from jupyter_gpu_containers.web.restarter import BoundedRestarter
from tests.kernels import Kernel
from tests.rooms import Room


class Watched:
    """A kernel with our restarter, whose timer a test turns."""

    def __init__(self, kernel: Kernel, manager: Any, told: list[str]) -> None:
        self.kernel = kernel
        self.restarter: BoundedRestarter = manager._restarter
        self.told = told
        self.now = 0.0
        self.restarter.clock = lambda: self.now  # type: ignore[method-assign]

    async def die(self, code: str = "import os; os._exit(3)") -> None:
        """End the kernel from inside, and let the restarter look."""
        self.kernel.client.execute(code)
        await self.kernel.ended()
        await self.restarter.poll()


@asynccontextmanager
async def watched(environment: str, **start: Any) -> AsyncIterator[Watched]:
    manager = AsyncIOLoopKernelManager(kernel_name=environment, restarter_class=BoundedRestarter)
    manager.autorestart = True
    await manager.start_kernel(**start)
    try:
        manager._restarter.stop()  # its timer; `die` is the timer here
        told: list[str] = []
        for event in ("restart", "dead"):
            manager.add_restart_callback(lambda event=event: told.append(event), event)
        client = manager.client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=30)
            yield Watched(Kernel(manager, client), manager, told)
        finally:
            client.stop_channels()
    finally:
        await manager.shutdown_kernel(now=True)


def error_of(room: Room) -> Problem:
    [launch] = room.services.launches.list()
    assert launch.phase is Phase.FAILED
    assert launch.error is not None
    return launch.error


async def test_three_times_in_ten_minutes(any_room: Room) -> None:
    environment = await any_room.environment(any_room.image)
    async with watched(environment.name) as it:
        for minute in range(3):
            it.now = minute * 60.0
            await it.die()
            assert it.told == ["restart"] * (minute + 1)
            assert it.kernel.provisioner.death is None
            await it.kernel.answers_again()
        it.now = 180.0
        await it.die()
        assert it.told == [*["restart"] * 3, "dead"]
        error = error_of(any_room)
        assert error.code == "kernel_exited"
        assert error.message.startswith(
            "The kernel ended by itself with exit code 3. It was not restarted automatically: it "
            "was restarted 3 times in the last 10 minutes."
        )
        # a person may
        await it.kernel.manager.restart_kernel(now=True)
        await it.kernel.answers_again()
        assert await it.kernel.run("print(1 + 1)") == "2"
        [launch] = any_room.services.launches.list()
        assert (launch.phase, launch.error) == (Phase.RUNNING, None)


async def test_more_often_over_a_longer_time(memory_room: Room) -> None:
    environment = await memory_room.environment(memory_room.image)
    async with watched(environment.name) as it:
        for number in range(5):
            it.now = number * 601.0
            await it.die()
            await it.kernel.answers_again()
        assert it.told == ["restart"] * 5


@pytest.mark.engine
async def test_a_kernel_that_runs_out_of_memory(engine_room: Room) -> None:
    """Slowly: jupyter_client's own count would begin anew each time."""
    environment = await engine_room.environment(engine_room.image, memory=256 << 20)
    async with watched(environment.name) as it:
        for _ in range(3):
            await it.die("x = b'1' * (1 << 30)")
            assert it.kernel.provisioner.death is None
            await it.kernel.answers_again()
        await it.die("x = b'1' * (1 << 30)")
        assert it.told == [*["restart"] * 3, "dead"]
        error = error_of(engine_room)
        assert error.code == "out_of_memory"
        assert "It was not restarted automatically: it was restarted 3 times" in error.message


@pytest.mark.engine
async def test_never_when_somebody_removed_the_container(engine_room: Room) -> None:
    environment = await engine_room.environment(engine_room.image)
    async with watched(environment.name) as it:
        await engine_room.services.backend.remove(await it.kernel.container_id())
        await it.kernel.ended()
        await it.restarter.poll()
        assert it.told == ["dead"]
        assert error_of(engine_room).code == "container_removed"


async def test_kernels_of_others_are_the_stock_restarters(any_room: Room) -> None:
    async with watched("python3") as it:
        it.kernel.client.execute("import os; os._exit(3)")
        while await it.kernel.manager.is_alive():
            await it.kernel.manager.provisioner.wait()  # type: ignore[union-attr]
        await it.restarter.poll()
        assert it.told == ["restart"]
        assert not it.restarter._restarts
