"""A kernel on Podman's socket: started, interrupted, restarted, and over without a trace."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from jupyter_gpu_containers.model.kernel import labels
from tests.conftest import IMAGES
from tests.kernels import running
from tests.podman import PrivatePodman
from tests.rooms import Room

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture
def podman(engine_room: Room, engine_host: str) -> Iterator[PrivatePodman]:
    """The engine of the room's kernels."""
    engine = PrivatePodman()
    try:
        engine.start()
        engine.load(IMAGES.debian13, source=engine_host)
        engine_room.configure(engine_url=engine.host)
        yield engine
    finally:
        engine.remove()


async def test_a_kernel_s_life(podman: PrivatePodman, engine_room: Room) -> None:
    environment = await engine_room.environment(f"localhost/{IMAGES.debian13}")
    async with running(environment.name) as kernel:
        assert await kernel.run("x = 41; print(x + 1)") == "42"
        container = await kernel.container_id()
        # its service is no parent of containers
        await asyncio.to_thread(podman.kill)
        assert await kernel.run("print(x)") == "41"
        await asyncio.to_thread(podman.start)
        assert await kernel.run("print(x)") == "41"
        assert await kernel.provisioner.poll() is None
        await kernel.manager.restart_kernel(now=True)
        await kernel.answers_again()
        assert await kernel.run("print('x' in dir())") == "False"
        assert await kernel.container_id() == container
    assert await engine_room.services.backend.containers(labels.VERSION) == []
