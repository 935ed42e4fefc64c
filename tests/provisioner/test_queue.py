"""Waiting for GPUs: kernels that Jupyter starts itself, and a server that is killed meanwhile."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.manager import AsyncKernelManager

from jupyter_gpu_containers.errors import GpusBusyError
from jupyter_gpu_containers.model.kernel.launch import Phase
from tests.forked_servers import ForkedServer as Server
from tests.kernels import running
from tests.rooms import MEMORY_IMAGE, Room

ONE_GPU = [{"name": "NVIDIA H200", "memory_gib": 141}]


async def reached(room: Room, kernel_id: str, phase: Phase) -> None:
    """Wait until a kernel's launch is in a phase."""
    there = asyncio.Event()
    launches = room.services.launches

    def look(_: object) -> None:
        launch = launches.find(kernel_id)
        if launch is not None and launch.phase is phase:
            there.set()

    launches.on_change(look)
    look(None)
    await asyncio.wait_for(there.wait(), 30)


async def begun(room: Room, environment: str) -> tuple[AsyncKernelManager, asyncio.Future[None]]:
    """Start a kernel that has to wait; return when it does."""
    manager = AsyncKernelManager(kernel_name=environment)
    starting = asyncio.ensure_future(manager.start_kernel(kernel_id="waits"))
    await reached(room, "waits", Phase.WAITING)
    return manager, starting


async def test_a_kernel_waits_for_the_one_before_it(memory_room: Room) -> None:
    memory_room.configure(fixed_gpus=ONE_GPU, wait_for_gpus=60)
    environment = await memory_room.environment(MEMORY_IMAGE, gpus=1)
    async with running(environment.name) as kernel:
        waiting, starting = await begun(memory_room, environment.name)
        place = memory_room.services.launches.get("waits").queue
        assert place is not None
        assert (place.position, len(place.holders)) == (1, 1)
        assert await kernel.run("print(1)") == "1"
    try:
        await asyncio.wait_for(starting, 60)
        launch = memory_room.services.launches.get("waits")
        assert (launch.phase, launch.queue, len(launch.gpus)) == (Phase.RUNNING, None, 1)
    finally:
        await waiting.shutdown_kernel(now=True)


async def test_a_kernel_that_waits_is_given_up(memory_room: Room) -> None:
    """As Ctrl-C in papermill does it; nothing of it is left, and nobody waits behind it."""
    memory_room.configure(fixed_gpus=ONE_GPU, wait_for_gpus=60)
    environment = await memory_room.environment(MEMORY_IMAGE, gpus=1)
    async with running(environment.name):
        _, starting = await begun(memory_room, environment.name)
        starting.cancel()
        await asyncio.wait({starting})
        assert memory_room.services.launches.get("waits").phase is Phase.CANCELLED
        assert len(memory_room.services.kernels.seats.taken) == 1


async def test_patience_ends_with_the_reason(memory_room: Room) -> None:
    memory_room.configure(fixed_gpus=ONE_GPU, wait_for_gpus=0.2)
    environment = await memory_room.environment(MEMORY_IMAGE, gpus=1)
    async with running(environment.name):
        with pytest.raises(GpusBusyError, match="none of 1 is free"):
            await AsyncKernelManager(kernel_name=environment.name).start_kernel(kernel_id="waits")
        launch = memory_room.services.launches.get("waits")
        assert [each.phase for each in launch.phases] == [
            Phase.QUEUED,
            Phase.WAITING,
            Phase.FAILED,
        ]
        assert launch.error is not None
        assert launch.error.code == "gpus_busy"


# --- a server's end -------------------------------------------------------------------------------


@pytest.fixture
def room(image_facts: Path) -> Iterator[Room]:
    """A room for servers, with one GPU."""
    room = Room("memory", image_facts)
    room.configure(fixed_gpus=ONE_GPU)
    yield room
    for path in room.runtime.glob("kernel-*.json"):  # Jupyter leaves them where it was killed
        path.unlink()
    room.close()


def occupied(room: Room) -> tuple[Server, list[str]]:
    """Return a server whose GPU is taken, and the ids of two launches that wait for it."""
    server = Server(room)
    holder = server.launch(image=MEMORY_IMAGE, gpus=1)
    server.reached(holder, "running")
    waiting = [server.launch(image=MEMORY_IMAGE, gpus=1) for _ in range(2)]
    for place, launch in enumerate(waiting, 1):
        server.reached(launch, "waiting")
        server.until(lambda launch=launch, place=place: position(server, launch) == place)
    server.until(lambda: room.waiting() == waiting)
    return server, waiting


def position(server: Server, launch: str) -> int | None:
    place = server.get_launch(launch)["queue"]
    return place and int(place["position"])


@pytest.mark.parametrize("how", ["killed", "terminated"])
def test_who_waits_goes_on_in_the_next_server(room: Room, how: str) -> None:
    """The first gets the GPU that the old server's kernel had; the second moves up."""
    server, (first, second) = occupied(room)
    since = server.get_launch(first)["queue"]["since"]
    if how == "killed":
        server.kill()
    else:
        assert server.terminate() == 0
    assert room.waiting() == [first, second]
    again = Server(room)
    phases = again.reached(first, "running")["phases"]
    assert [each["phase"] for each in phases] == [
        "queued",
        "waiting",
        "creating",
        "starting",
        "running",
    ]
    again.until(lambda: position(again, second) == 1)
    assert again.get_launch(second)["queue"]["since"] >= since
    again.cancel(second)
    again.until(lambda: room.waiting() == [])
    again.cancel(first)
    assert again.terminate() == 0


def test_what_cannot_go_on_in_the_next_server_is_said(room: Room) -> None:
    server, (first, second) = occupied(room)
    environment = server.get_launch(first)["environment"]
    server.kill()
    shutil.rmtree(room.data / "kernels" / environment)
    again = Server(room)
    for launch in (first, second):
        failed = again.reached(launch, "failed")
        assert failed["error"]["code"] == "environment_not_found"
        assert "waited for a GPU when Jupyter Server ended" in failed["error"]["message"]
    again.until(lambda: room.waiting() == [])
    assert again.terminate() == 0
