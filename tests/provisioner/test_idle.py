"""Idle kernels in whole programs, by real clocks: a server, its next life, and no server at all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from jupyter_gpu_containers.model.kernel.launch import Phase
from tests.forked_servers import ForkedServer as Server
from tests.kernels import running
from tests.rooms import MEMORY_IMAGE, Room

GPUS = [{"name": "NVIDIA H200", "count": 1}]


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Servers that a test starts; what still runs is ended."""
    started: list[Server] = []
    yield started
    for server in started:
        if server.process.poll() is None:
            server.terminate()


def warned(server: Server, launch_id: str) -> Any:
    """Wait until a kernel is to be stopped; return the launch."""

    def look() -> Any:
        launch = server.get_launch(launch_id)
        assert launch["phase"] == "running", launch
        return launch if launch["idle"] else None

    return server.until(look)


def seconds(launch: Any) -> float:
    """Return for how long a kernel was idle when it was warned of, and the warning."""
    since, stop = (
        datetime.fromisoformat(launch["idle"][key].replace("Z", "+00:00"))
        for key in ("since", "stop_at")
    )
    return (stop - since).total_seconds()


@pytest.fixture
def unused(memory_room: Room, servers: list[Server]) -> tuple[Server, str]:
    """A server and the id of its kernel, which nobody uses."""
    memory_room.configure(fixed_gpus=GPUS, idle_timeout=1.0, idle_warning=3.0)
    servers.append(server := Server(memory_room))
    kernel_id = server.launch(image=MEMORY_IMAGE, gpus=1)
    server.reached(kernel_id, "running")
    return server, kernel_id


def test_a_cell_keeps_a_kernel(unused: tuple[Server, str]) -> None:
    """One that comes after the warning, and one that takes longer than both together."""
    server, kernel_id = unused
    page = server.connect(kernel_id)
    assert page.run("x = 42; print(x)") == "42"
    assert 4.0 <= seconds(warned(server, kernel_id)) < 9.0
    assert page.run("import time; print(x)") == "42"
    assert server.get_launch(kernel_id)["idle"] is None
    assert page.run("time.sleep(4.5); print(x)") == "42"
    assert server.get_launch(kernel_id)["phase"] == "running"
    server.cancel(kernel_id)


def test_a_server_ends_what_nobody_uses(memory_room: Room, unused: tuple[Server, str]) -> None:
    """Once kept by the user's word."""
    server, kernel_id = unused
    page = server.connect(kernel_id)
    assert page.run("print(42)") == "42"
    warned(server, kernel_id)
    keep = f"/gpu-containers/launches/{kernel_id}/keep-alive"
    assert server.ask("POST", keep)["idle"] is None
    ended = server.reached(kernel_id, "cancelled")
    assert ended["error"]["code"] == "culled"
    assert (
        "this server's configuration allows 1 second (c.GpuContainers.idle_timeout)"
        in (ended["error"]["message"])
    )
    server.until(lambda: not server.kernels())
    assert memory_room.settled() == []
    usage = server.ask("GET", "/gpu-containers/gpus")
    assert [gpu["state"] for gpu in usage["gpus"]] == ["free"]


@pytest.mark.engine
def test_a_kernel_that_was_taken_over_is_warned_of_anew(
    engine_room: Room, servers: list[Server]
) -> None:
    engine_room.configure(attach_timeout=60)
    servers.append(first := Server(engine_room))
    body = {"image": engine_room.image, "idle_timeout": 2}
    name = first.ask("POST", "/gpu-containers/environments", body)["name"]
    kernel_id = first.session(name)["kernel"]["id"]
    first.reached(kernel_id, "running")
    stop_at = warned(first, kernel_id)["idle"]["stop_at"]
    first.kill()
    servers.append(second := Server(engine_room))
    launch = warned(second, kernel_id)
    assert launch["recovered"]
    assert launch["idle"]["stop_at"] > stop_at
    assert 602.0 <= seconds(launch) < 630.0
    second.cancel(kernel_id)
    assert engine_room.settled() == []


@pytest.mark.engine
def test_the_container_of_an_idle_kernel_is_gone(engine_room: Room, servers: list[Server]) -> None:
    """Nobody has ever connected to it."""
    engine_room.configure(attach_timeout=60, idle_warning=1.0)
    servers.append(server := Server(engine_room))
    body = {"image": engine_room.image, "idle_timeout": 1}
    name = server.ask("POST", "/gpu-containers/environments", body)["name"]
    kernel_id = server.session(name)["kernel"]["id"]
    ended = server.reached(kernel_id, "cancelled")
    assert "its environment allows 1 second (--idle-timeout)" in ended["error"]["message"]
    server.until(lambda: not server.kernels())
    assert engine_room.settled() == []


async def test_a_program_without_a_server_keeps_its_kernels(memory_room: Room) -> None:
    environment = await memory_room.environment(MEMORY_IMAGE, gpus=0, idle_timeout=1)
    memory_room.configure(fixed_gpus=GPUS, idle_timeout=1.0, idle_warning=0.0)
    async with running(environment.name) as kernel:
        services = memory_room.services
        [launch] = services.launches.list()
        watch = asyncio.ensure_future(services.idle.run())  # which no such program does
        assert await kernel.run("import time; time.sleep(2); print(6 * 7)") == "42"
        await services.idle.look()
        now = services.launches.get(launch.id)
        assert (now.phase, now.idle) == (Phase.RUNNING, None)
        assert services.idle.pause() is None
        watch.cancel()
        await asyncio.wait({watch})
