"""Kernels that die: `poll` tells it at once, and the launch says why."""

from __future__ import annotations

import asyncio
import signal

import docker
import pytest
from jupyter_client.ioloop import AsyncIOLoopKernelManager

from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.kernel.launch import Phase
from jupyter_gpu_containers.runtime.cgroup import LastCounters
from tests.kernels import Kernel, running
from tests.rooms import Room


def reason(room: Room) -> Problem:
    """Return what the room's only launch says, which must have failed."""
    [launch] = room.services.launches.list()
    assert launch.phase is Phase.FAILED
    assert launch.error is not None
    return launch.error


async def end(kernel: Kernel, code: str) -> int:
    """Run a cell that ends the kernel; return the exit code that `poll` tells."""
    assert await kernel.provisioner.poll() is None
    kernel.client.execute(code)
    return await kernel.ended()


async def test_the_kernel_exits(any_room: Room) -> None:
    """What went to the container's log, past ipykernel, stands in the reason.

    That stays readable when the user closes the dead kernel.
    """
    environment = await any_room.environment(any_room.image)
    write = "print('out of licences', file=open('/proc/1/fd/2', 'w'), flush=True)\n"
    code = "import os; os._exit(3)"
    async with running(environment.name) as kernel:
        assert await end(kernel, write + code if any_room.backend == "docker" else code) == 3
        why = reason(any_room)
        assert why.code == "kernel_exited"
        assert "exit code 3" in why.message
        assert "Restart the kernel" in why.hint
        if any_room.backend == "docker":
            assert why.log.endswith("out of licences\n")
            assert "licences" not in why.message
        await kernel.manager.shutdown_kernel()
        assert any_room.leftovers() == []
        assert reason(any_room) == why


@pytest.mark.engine
@pytest.mark.parametrize("counted", [True, False], ids=["counted", "too late to count"])
async def test_shared_memory_is_full(
    engine_room: Room, monkeypatch: pytest.MonkeyPatch, counted: bool
) -> None:
    """What is written to /dev/shm beyond its size is answered by SIGBUS, as in data loaders."""
    if not counted:  # a busy machine reads the counters when they are gone
        monkeypatch.setattr(LastCounters, "follow", lambda *_: None)
    environment = await engine_room.environment(engine_room.image, shm_size=64 << 20)
    fill = (
        "import mmap\n"
        "file = open('/dev/shm/batch', 'w+b'); file.truncate(1 << 30)\n"
        "room = mmap.mmap(file.fileno(), 1 << 30)\n"
        "for page in range(0, 1 << 30, 4096): room[page] = 1"
    )
    async with running(environment.name) as kernel:
        assert await end(kernel, fill) == 128 + signal.SIGBUS
        why = reason(engine_room)
        assert why.code == "shared_memory_full"
        assert "its /dev/shm has 64 MB" in why.message
        assert "--shm-size" in why.hint


async def test_killed_from_inside(any_room: Room) -> None:
    """Not by the kernel itself: without SIGKILL from outside its namespace, process 1 is safe."""
    environment = await any_room.environment(any_room.image)
    async with running(environment.name) as kernel:
        assert await end(kernel, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)") == 137
        why = reason(any_room)
        assert why.code == "kernel_signalled"
        assert "SIGKILL" in why.message
        assert "out of memory" not in why.message


async def test_segmentation_fault(any_room: Room) -> None:
    environment = await any_room.environment(any_room.image)
    async with running(environment.name) as kernel:
        assert await end(kernel, "import ctypes; ctypes.string_at(0)") == 128 + signal.SIGSEGV
        why = reason(any_room)
        assert why.code == "kernel_signalled"
        assert "signal 11 (SIGSEGV)" in why.message


@pytest.mark.engine
async def test_killed_from_outside(engine_room: Room, engine_host: str) -> None:
    environment = await engine_room.environment(engine_room.image)
    client = docker.DockerClient(base_url=engine_host)
    try:
        async with running(environment.name) as kernel:
            client.containers.get(await kernel.container_id()).kill()
            assert await kernel.ended() == 137
            assert reason(engine_room).code == "kernel_signalled"
    finally:
        client.close()


@pytest.mark.engine
async def test_removed_behind_our_back(engine_room: Room, engine_host: str) -> None:
    environment = await engine_room.environment(engine_room.image)
    client = docker.DockerClient(base_url=engine_host)
    try:
        async with running(environment.name) as kernel:
            before = await kernel.container_id()
            client.containers.get(before).remove(force=True)
            assert await kernel.ended() != 0
            why = reason(engine_room)
            assert why.code == "container_removed"
            assert "Restart the kernel" in why.hint
            # what the hint says works: there is a new container then
            await kernel.manager.restart_kernel(now=True)
            await kernel.answers_again()
            assert await kernel.run("print(1 + 1)") == "2"
            assert await kernel.container_id() != before
    finally:
        client.close()


async def test_jupyters_restarter(any_room: Room) -> None:
    """A kernel that died is started again in its container, and told so to whoever listens."""
    environment = await any_room.environment(any_room.image)
    manager = AsyncIOLoopKernelManager(kernel_name=environment.name)
    manager.autorestart = True
    await manager.start_kernel()
    try:
        restarter = manager._restarter
        restarted = asyncio.Event()
        manager.add_restart_callback(restarted.set, "restart")
        client = manager.client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=30)
            kernel = Kernel(manager, client)
            before = await kernel.container_id()
            await end(kernel, "import os; os._exit(3)")
            # its timer's next turn, without the three seconds of waiting for it
            await restarter.poll()
            assert restarted.is_set()
            await kernel.answers_again()
            assert await kernel.run("print(1 + 1)") == "2"
            assert await kernel.container_id() == before
            [launch] = any_room.services.launches.list()
            assert (launch.phase, launch.error) == (Phase.RUNNING, None)
        finally:
            client.stop_channels()
    finally:
        await manager.shutdown_kernel(now=True)


async def test_nobody_else_is_hurt(any_room: Room) -> None:
    """A kernel's processes end with it, and only they."""
    environment = await any_room.environment(any_room.image)
    async with running(environment.name) as one, running(environment.name) as other:
        mark = any_room.workspace / "child"
        await one.run(
            "import subprocess\n"
            f"subprocess.Popen(['sleep', '1000', {str(mark)!r}], start_new_session=True)"
            if any_room.backend == "docker"
            else f"import subprocess\nsubprocess.Popen(['tail', '-F', {str(mark)!r}])"
        )
        await end(one, "import os; os._exit(3)")
        assert any_room.left_of(mark) == []
        assert await other.run("print(1 + 1)") == "2"
