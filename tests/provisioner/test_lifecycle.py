"""A kernel's life on either backend: start, interrupt, restart, shutdown, and nothing left."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager

from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.launch import Phase
from tests.kernels import Kernel, running
from tests.rooms import Room

TWO_GPUS = [{"name": "NVIDIA H200", "memory_gib": 141, "count": 2}]


async def claimed(room: Room) -> dict[str, frozenset[str]]:
    """Return the GPUs that this room's containers hold, by container id."""
    found = await room.services.backend.containers(labels.VERSION)
    return {c.id: labels.gpus_of(c) for c in found if labels.gpus_of(c)}


def counted(method: Callable[..., Any], asked: list[str]) -> Callable[..., Any]:
    """Return the method, which also notes that it was called."""

    def call(*args: Any, **kwargs: Any) -> Any:
        asked.append(method.__name__)
        return method(*args, **kwargs)

    return call


def keys_are_nobody_elses(room: Room, kernel: Kernel) -> None:
    """The channels lie in a private folder; the file with their key can be read by its owner."""
    info = kernel.manager.get_connection_info()
    assert info["transport"] == "ipc"
    run_dir = Path(info["ip"]).parent
    assert run_dir.parent == room.run
    for folder in (run_dir, room.run):
        assert folder.stat().st_mode & 0o777 == 0o700  # ipykernel adds the sticky bit
    copy = run_dir / "connection.json"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert json.loads(copy.read_text())["key"] == info["key"].decode()
    assert stat.S_IMODE(os.stat(kernel.manager.connection_file).st_mode) == 0o600


async def poll_asks_the_engine_nothing(
    room: Room, kernel: Kernel, patched: pytest.MonkeyPatch
) -> None:
    """It is called ten times a second while a kernel ends, and for every kernel all the time."""
    backend = type(room.services.backend)
    asked: list[str] = []
    for name in ("info", "images", "image", "containers", "start", "signal", "logs"):
        patched.setattr(backend, name, counted(getattr(backend, name), asked))
    for _ in range(100):
        assert await kernel.provisioner.poll() is None
    assert asked == []


async def test_start(any_room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = await any_room.environment(any_room.image)
    async with running(environment.name) as kernel:
        assert await kernel.run("print(6 * 7)") == "42"
        assert await kernel.provisioner.poll() is None
        [launch] = any_room.services.launches.list()
        assert launch.phase is Phase.RUNNING
        assert launch.kernel_id == kernel.manager.kernel_id
        assert launch.container_id == await kernel.container_id()
        assert launch.environment == environment.name
        assert [t.phase.value for t in launch.phases] == [
            "queued",
            "creating",
            "starting",
            "running",
        ]
        assert [t.at for t in launch.phases] == sorted(t.at for t in launch.phases)
        keys_are_nobody_elses(any_room, kernel)
        with monkeypatch.context() as patched:
            await poll_asks_the_engine_nothing(any_room, kernel, patched)
    assert any_room.services.launches.list()[0].phase is Phase.CANCELLED


async def test_interrupt(any_room: Room) -> None:
    environment = await any_room.environment(any_room.image)
    async with running(environment.name) as kernel:
        cell = await kernel.begin("import time; print('begun', flush=True); time.sleep(60)")
        await kernel.manager.interrupt_kernel()
        assert "KeyboardInterrupt" in await cell
        assert await kernel.run("print(time.__name__)") == "time"  # the variables are still there
        await kernel.manager.interrupt_kernel()  # of an idle kernel: it does no harm
        assert await kernel.run("print(1 + 1)") == "2"
        assert await kernel.provisioner.poll() is None


async def test_interrupt_reaches_the_kernels_child(any_room: Room) -> None:
    environment = await any_room.environment(any_room.image)
    async with running(environment.name) as kernel:
        cell = await kernel.begin_silently(
            "import subprocess\n"
            "child = 'trap \"touch told; exit\" INT; touch begun; while :; do sleep 1; done'\n"
            "p = subprocess.Popen(['sh', '-c', child])\n"
            "p.wait()",
            any_room.workspace / "begun",
        )
        await kernel.manager.interrupt_kernel()
        await cell
        await kernel.run("p.wait(timeout=10)")
        assert sorted(os.listdir(any_room.workspace)) == ["begun", "told"]


async def test_restart(any_room: Room) -> None:
    """Same container, same file system, new variables: politely, now, and again and again."""
    environment = await any_room.environment(any_room.image)
    kept = "print((__import__('pathlib').Path.home() / 'y').read_text())"
    async with running(environment.name) as kernel:
        before = await kernel.container_id()
        await kernel.run("import pathlib; (pathlib.Path.home() / 'y').write_text('kept')")
        for now in (False, True):
            await kernel.run("x = 1")
            await kernel.manager.restart_kernel(now=now)
            await kernel.answers_again()
            assert await kernel.container_id() == before
            assert (await kernel.run("x")).startswith("NameError")
            assert await kernel.run(kept) == "kept"
            [launch] = any_room.services.launches.list()
            assert (launch.phase, launch.error) == (Phase.RUNNING, None)
        for _ in range(3):
            await kernel.manager.restart_kernel(now=True)
        await kernel.answers_again()
        assert await kernel.run("print(1 + 1)") == "2"
        assert await kernel.container_id() == before


async def test_restart_keeps_the_gpus(memory_room: Room) -> None:
    """Nobody can take them in the moment when the old process has ended."""
    memory_room.configure(fixed_gpus=TWO_GPUS)
    environment = await memory_room.environment(memory_room.image, gpus=1)
    async with running(environment.name) as kernel:
        before = await claimed(memory_room)
        assert [len(gpus) for gpus in before.values()] == [1]
        for now in (False, True):
            await kernel.manager.shutdown_kernel(now=now, restart=True)
            assert await claimed(memory_room) == before
            await kernel.manager.start_kernel()
            assert await claimed(memory_room) == before
        await kernel.answers_again()
        assert await kernel.run("print(1 + 1)") == "2"
    assert await claimed(memory_room) == {}


@pytest.mark.parametrize("now", [False, True], ids=["politely", "now"])
async def test_shutdown(any_room: Room, now: bool) -> None:
    environment = await any_room.environment(any_room.image)
    async with running(environment.name) as kernel:
        assert len(any_room.leftovers()) >= 3  # at least connection file, run directory and home
        await kernel.manager.shutdown_kernel(now=now)
        # at once, not only in the end: a GPU is free as soon as a shutdown is answered
        assert any_room.leftovers() == []
        assert await kernel.provisioner.poll() == 0
        assert not kernel.manager.has_kernel
        [launch] = any_room.services.launches.list()
        assert (launch.phase, launch.error) == (Phase.CANCELLED, None)


async def test_shutdown_of_a_kernel_that_ignores_requests(any_room: Room) -> None:
    """A kernel whose only thread hangs is ended by force, after the time it was given."""
    environment = await any_room.environment(any_room.image)
    async with running(environment.name) as kernel:
        kernel.manager.shutdown_wait_time = 0.5
        mark = any_room.workspace / "begun"
        cell = await kernel.begin_silently(
            "import ctypes, signal\n"
            "for n in (signal.SIGINT, signal.SIGTERM): signal.signal(n, signal.SIG_IGN)\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})\n"
            "open('begun', 'w').close()\n"
            "ctypes.PyDLL(None).sleep(60)",
            mark,
        )
        await kernel.manager.shutdown_kernel()
        assert any_room.leftovers() == []
        cell.cancel()
        await asyncio.wait({cell})


async def test_cleanup_can_be_repeated(any_room: Room) -> None:
    environment = await any_room.environment(any_room.image)
    async with running(environment.name) as kernel:
        for _ in range(2):
            await kernel.provisioner.cleanup(restart=False)
            assert [x for x in any_room.leftovers() if str(any_room.runtime) not in x] == []
        assert await kernel.provisioner.poll() == 0
        assert await kernel.provisioner.wait() == 0
        await kernel.provisioner.send_signal(2)  # to nobody: no error


async def test_cleanup_of_a_kernel_that_never_started(any_room: Room) -> None:
    """jupyter_client shuts down also what it never started."""
    environment = await any_room.environment(any_room.image)
    manager = AsyncKernelManager(kernel_name=environment.name)
    await manager._async_pre_start_kernel()
    assert any_room.leftovers() != []  # the run directory is there
    assert not manager.has_kernel
    await manager.shutdown_kernel(now=True)
    assert any_room.leftovers() == []
    assert [launch.phase.final for launch in any_room.services.launches.list()] == [True]


async def test_two_clients_and_two_kernels_at_once(any_room: Room) -> None:
    """Of one environment; one that ends leaves the other alone."""
    environment = await any_room.environment(any_room.image)
    async with running(environment.name) as kernel, running(environment.name) as another:
        assert await kernel.container_id() != await another.container_id()
        # with a session of its own, as another program has that reads the connection file
        other = AsyncKernelClient(connection_file=kernel.manager.connection_file)
        other.load_connection_file()
        other.start_channels()
        try:
            await other.wait_for_ready(timeout=30)
            second = Kernel(kernel.manager, other)
            outputs = await asyncio.gather(
                kernel.run("a = 1; print('one')"), second.run("b = 2; print('two')")
            )
            assert outputs == ["one", "two"]
            assert await second.run("print(a + b)") == "3"
        finally:
            other.stop_channels()
        assert (await another.run("a")).startswith("NameError")
        await kernel.manager.shutdown_kernel(now=True)
        assert await another.run("print(1 + 1)") == "2"


async def test_nothing_is_kept_open(any_room: Room) -> None:
    """Kernels that came and went leave no descriptor behind in a server that runs for weeks."""
    environment = await any_room.environment(any_room.image)

    async def one() -> int:
        async with running(environment.name) as kernel:
            await kernel.run("1")
        any_room.configure()  # closes the services, with the connections that they keep
        gc.collect()  # jupyter_client's managers and their ZMQ contexts are cycles
        return len(os.listdir("/proc/self/fd"))

    await one()
    assert await one() == await one()
