"""A kernel that was started ahead is as one that was started when it was asked for."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.service.kernel.seats import SOCKET_NAME
from tests.provisioner.ahead import came_to_wait, compare, started_ahead
from tests.rooms import Room

SLEEP = "print('begun', flush=True)\nimport time\ntime.sleep(60)"


@pytest.fixture
def room(any_room: Room, monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setattr(MemoryBackend, "demo", False)  # processes can wait as well
    return any_room


@pytest.mark.parametrize("configured", [False, True])
async def test_it_is_as_any_other(room: Room, configured: bool) -> None:
    await compare(room, room.image, configured=configured)


@pytest.mark.engine
async def test_it_is_as_any_other_of_another_version(
    engine_room: Room, images: SimpleNamespace
) -> None:
    await compare(engine_room, images.debian13, configured=False)


async def test_it_has_its_sockets_while_it_waits_and_no_heartbeat(room: Room) -> None:
    """Who takes it awaits the first beat; a key is a container's own."""
    environment = await room.environment(room.image)
    spares = room.services.kernels.spares
    first, second = await spares.make(environment, {}), await spares.make(environment, {})
    assert first is not None
    assert second is not None
    assert first.connection["key"] != second.connection["key"]
    for spare in (first, second):
        await came_to_wait(spare)
        there = os.listdir(spare.seat.run_dir)
        sockets = sorted(name for name in there if name.startswith(f"{SOCKET_NAME}-"))
        assert sockets == [f"{SOCKET_NAME}-{port}" for port in (1, 2, 3, 4)]
        assert spare.connection["hb_port"] == 5
    await spares.close()


async def test_it_can_be_interrupted_and_ends_with_its_own_code(room: Room) -> None:
    environment = await room.environment(room.image)
    start = {"cwd": str(room.workspace)}
    async with started_ahead(room, environment, {}, **start) as kernel:
        sleeping = await kernel.begin(SLEEP)
        await kernel.manager.interrupt_kernel()
        assert "KeyboardInterrupt" in await sleeping
        said = await kernel.run("print('out'); import os; os.system('echo err >&2')")
        assert {"out", "err"} <= set(said.replace("0", "").split())
        kernel.client.execute("import os; os._exit(7)")
        assert await kernel.ended() == 7
