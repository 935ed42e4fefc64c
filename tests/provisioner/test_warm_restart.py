"""Restarts for which the container goes on: the next kernel is as clean as in a container anew."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest

from jupyter_gpu_containers.model.kernel.launch import Phase
from jupyter_gpu_containers.runtime.keeper import ANSWERS_FILE, ORDERS_FILE
from tests.kernels import Kernel, running
from tests.provisioner.ahead import FACTS, environment_of, started_ahead
from tests.rooms import Room

pytestmark = pytest.mark.engine

SLEEP = "print('begun', flush=True)\nimport time\ntime.sleep(60)"
# what an old kernel could leave to the next one
LITTER = """
import fcntl, mmap, os, signal, socket, subprocess, sys, threading, time
from multiprocessing import shared_memory
x = 1
os.environ["LITTER"] = "1"
os.chdir("/tmp")
os.umask(0o077)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGUSR1, lambda *a: None)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
memory = shared_memory.SharedMemory(create=True, size=100, track=False) if (
    sys.version_info >= (3, 13)) else shared_memory.SharedMemory(create=True, size=100)
os.makedirs("/dev/shm/a/b"); open("/dev/shm/a/b/c", "w").close(); os.symlink("/tmp", "/dev/shm/t")
for stream in (1, 2):
    os.set_blocking(stream, False)
listening = socket.socket(); listening.bind(("127.0.0.1", 4321)); listening.listen()
stubborn = "trap '' TERM INT HUP; while :; do sleep 0.2; done"
children = [
    subprocess.Popen(["sh", "-c", stubborn]),
    subprocess.Popen(["sh", "-c", stubborn], start_new_session=True),
]
subprocess.run(["sh", "-c", f"({stubborn}) & ({stubborn}) &"], start_new_session=True)
open("/tmp/kept", "w").write("kept")
sys.path.insert(0, "/litter")
import json as module; module.litter = 1
"""
SEEN = """
import json, os, signal, socket
def line(pid):
    return open(f"/proc/{pid}/cmdline").read().replace("\\0", " ").strip()
print(json.dumps({
    "processes": sorted(line(p) for p in os.listdir("/proc") if p.isdigit()),
    "shared memory": os.listdir("/dev/shm"),
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "umask": os.umask(0o022),
    "streams": [os.get_blocking(number) for number in range(3)],
    "open files": sorted(name for name in (
        os.path.basename(os.readlink(f"/proc/self/fd/{n}")).split(":")[0]
        for n in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{n}"))
        # whose number depends on how far clients and the history (SQLite, its folder) have come
        if name not in ("socket", "anon_inode", "profile_default")
        and not name.startswith("history")),
    "port is free": socket.socket().bind(("127.0.0.1", 4321)) is None,
    "leads its group": os.getpgid(0) == os.getpid(),
    "kept": os.path.exists("/tmp/kept"),
    "litter": hasattr(json, "litter"),
}))
"""


@pytest.fixture
def engine(engine_host: str) -> Iterator[docker.DockerClient]:
    """A client beside the product's own."""
    client = docker.DockerClient(base_url=engine_host)
    yield client
    client.close()


async def began(kernel: Kernel, engine: docker.DockerClient) -> str:
    """Return when the container was started by the engine."""
    container = engine.containers.get(await kernel.container_id())
    return str(container.attrs["State"]["StartedAt"])


async def seen(kernel: Kernel) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await kernel.run(SEEN))
    facts = json.loads(await kernel.run(FACTS))
    del facts["history"]  # numbers of sessions
    return {**found, **facts}


@pytest.mark.parametrize(
    ("image", "ahead"), [("debian12", False), ("debian13", True)], ids=["asked for", "waited"]
)
async def test_nothing_of_the_old_kernel_is_left(
    engine_room: Room, images: SimpleNamespace, engine: docker.DockerClient, image: str, ahead: bool
) -> None:
    """What a kernel can see is the same as after a start of the container."""
    environment = await engine_room.environment(getattr(images, image))
    cwd = str(engine_room.workspace)
    start_one = (
        started_ahead(engine_room, environment, {}, cwd=cwd)
        if ahead
        else running(environment.name, cwd=cwd)
    )
    async with start_one as kernel:
        first = await seen(kernel)
        start, before = await began(kernel, engine), await kernel.container_id()
        assert (await kernel.run(LITTER)) == ""
        await kernel.manager.restart_kernel()
        await kernel.answers_again()
        assert (await kernel.container_id(), await began(kernel, engine)) == (before, start)
        second = await seen(kernel)
        assert (await kernel.run("x")).startswith("NameError")
        assert (first.pop("kept"), second.pop("kept")) == (False, True)  # as in any restart
        assert second == first
        [launch] = engine_room.services.launches.list()
        assert (launch.phase, launch.error) == (Phase.RUNNING, None)


async def test_a_cell_runs(engine_room: Room, engine: docker.DockerClient) -> None:
    """One that is interrupted, one that must be killed, and again and again."""
    environment = await engine_room.environment(engine_room.image)
    async with running(environment.name) as kernel:
        start = await began(kernel, engine)
        for now in (False, True, True, False):
            cell = await kernel.begin(SLEEP)
            await kernel.manager.restart_kernel(now=now)
            cell.cancel()
            await asyncio.gather(cell, return_exceptions=True)
            await kernel.answers_again()
            assert await kernel.run("print('x' in globals()); x = 1") == "False"
        assert await began(kernel, engine) == start
        cell = await kernel.begin(SLEEP)
        await kernel.manager.interrupt_kernel()
        assert "KeyboardInterrupt" in await cell


@pytest.mark.parametrize("code", ["import os; os._exit(7)", "import os; os.kill(os.getpid(), 9)"])
async def test_a_kernel_that_died_says_how_and_comes_back(
    engine_room: Room, engine: docker.DockerClient, code: str
) -> None:
    """Its container has ended with it: whoever asks the engine is told the same."""
    environment = await engine_room.environment(engine_room.image)
    async with running(environment.name) as kernel:
        start = await began(kernel, engine)
        for restarted in (False, True):
            if restarted:  # the kernel is another process's child by then
                await kernel.manager.restart_kernel()
                await kernel.answers_again()
            kernel.client.execute(code)
            assert await kernel.ended() == (137 if "kill" in code else 7)
            state = engine.containers.get(await kernel.container_id()).attrs["State"]
            assert (state["Status"], state["ExitCode"]) == ("exited", 137 if "kill" in code else 7)
            await kernel.manager.restart_kernel(now=True)
            await kernel.answers_again()
            assert await began(kernel, engine) > start
            assert await kernel.run("print(1 + 1)") == "2"


async def test_out_of_memory_after_a_restart(engine_room: Room) -> None:
    """The reason is that of this kernel, and so are the numbers."""
    environment = await engine_room.environment(engine_room.image, memory=400 << 20)
    async with running(environment.name) as kernel:
        await kernel.run("x = bytearray(150 << 20)")
        await kernel.manager.restart_kernel()
        await kernel.answers_again()
        usage = await engine_room.services.kernels.endings.usage(await kernel.container_id())
        assert usage is not None
        assert usage.memory_peak is None  # of the time since, nothing is known
        kernel.client.execute("x = bytearray(1 << 30)")
        assert await kernel.ended() == 137
        assert kernel.provisioner.death is not None
        assert kernel.provisioner.death.code == "out_of_memory"


@pytest.mark.parametrize(
    "spoil",
    [
        "import os; os.kill(os.getppid(), 9)",  # with its keeper
        "import os; os.unlink({run!r} + '/orders')",
        "import os; os.unlink({run!r} + '/answers'); open({run!r} + '/answers', 'w').close()",
        "import os; os.unlink({run!r} + '/orders'); os.symlink('/dev/null', {run!r} + '/orders')",
        "import os, signal; os.kill(os.getppid(), signal.SIGSTOP)",
        # a segment that outlives every process
        "import ctypes; print(ctypes.CDLL(None).shmget(7, 100, 0o1600) >= 0)",
    ],
    ids=["killed", "no pipe", "a file", "a link", "stopped", "system v"],
)
async def test_otherwise_the_container_is_started_again(
    engine_room: Room, engine: docker.DockerClient, spoil: str
) -> None:
    environment = await engine_room.environment(engine_room.image)
    async with running(environment.name) as kernel:
        start, before = await began(kernel, engine), await kernel.container_id()
        run_dir = os.path.dirname(kernel.manager.ip)
        if "9" in spoil:
            kernel.client.execute(spoil)
            await kernel.ended()
        else:
            await kernel.run(spoil.format(run=run_dir))
        kernel.manager.shutdown_wait_time = 2.0  # for a keeper that is stopped, and never tells
        await kernel.manager.restart_kernel()
        await kernel.answers_again()
        assert await kernel.container_id() == before
        assert await began(kernel, engine) > start
        assert await kernel.run("print('x' in globals())") == "False"


@pytest.mark.parametrize("wanted", [True, False])
async def test_it_is_switched_on_and_off(
    engine_room: Room, engine: docker.DockerClient, wanted: bool
) -> None:
    engine_room.configure(warm_restart=wanted)
    environment = await engine_room.environment(engine_room.image)
    async with running(environment.name) as kernel:
        start = await began(kernel, engine)
        there = os.listdir(Path(kernel.manager.ip).parent)
        assert {ORDERS_FILE, ANSWERS_FILE} <= set(there) if wanted else ORDERS_FILE not in there
        before = await kernel.container_id()
        # the image's own folders, too: whoever installed a package still has it
        await kernel.run("open('/tmp/kept', 'w').write('yes')")
        await kernel.manager.restart_kernel()
        await kernel.answers_again()
        assert (await began(kernel, engine) > start) == (not wanted)
        assert await kernel.container_id() == before
        assert await kernel.run("print(open('/tmp/kept').read())") == "yes"


async def test_a_kernel_that_is_shut_down_leaves_nothing(
    engine_room: Room, engine: docker.DockerClient
) -> None:
    """Between the two halves of a restart nobody may come to start it again."""
    environment = await engine_room.environment(engine_room.image)
    async with running(environment.name) as kernel:
        container_id = await kernel.container_id()
        await kernel.manager.shutdown_kernel(restart=True)
        assert engine.containers.get(container_id).status == "running"
        await kernel.manager.shutdown_kernel(now=True)
        assert engine_room.containers() == []


async def test_the_log_tells_of_it(engine_room: Room, engine: docker.DockerClient) -> None:
    """It goes on, with the next kernel's lines behind that."""
    environment = await engine_room.environment(engine_room.image)
    write = "open('/proc/1/fd/1', 'w').write({!r})"
    async with running(environment.name) as kernel:
        await kernel.run(write.format("one\n"))
        await kernel.manager.restart_kernel()
        await kernel.answers_again()
        await kernel.run(write.format("two\n"))
        container = engine.containers.get(await kernel.container_id())
        lines = container.logs().decode().splitlines()
        told = ["one", "The kernel was restarted.", "two"]
        assert [line for line in lines if line in told] == told


@pytest.mark.parametrize("now", [False, True])
async def test_who_is_in_the_container_sees_it_end(
    engine_room: Room, engine: docker.DockerClient, now: bool
) -> None:
    """A terminal there tells by the end of the container's run why it ends."""
    environment = await engine_room.environment(engine_room.image)
    async with running(environment.name) as kernel:
        start = await began(kernel, engine)
        container = engine.containers.get(await kernel.container_id())
        for cold in (True, False):  # the restart after it is a warm one again
            if cold:
                container.exec_run(["sleep", "1000"], detach=True)
            await kernel.manager.restart_kernel(now=now)
            await kernel.answers_again()
            last, start = start, await began(kernel, engine)
            assert (start > last) == cold
            [launch] = engine_room.services.launches.list()
            assert (launch.phase, launch.error) == (Phase.RUNNING, None)


IMPORTED = "import sys; print({!r} in sys.modules, 'x' in globals()); x = 1"


async def test_what_was_imported_ahead_is_there_after_a_restart(
    engine_room: Room, engine: docker.DockerClient
) -> None:
    """By a fork; what each process draws for itself, such as random numbers, is its own."""
    engine_room.configure(spare_modules={"*": ["numpy"]})
    environment = await engine_room.environment(engine_room.image)
    drawn = []
    async with started_ahead(engine_room, environment, {}) as kernel:
        start = await began(kernel, engine)
        for _ in range(3):
            assert await kernel.run(IMPORTED.format("numpy")) == "True False"
            numbers = "import numpy, random; print(numpy.random.rand(), random.random())"
            drawn.extend((await kernel.run(numbers)).split())
            await kernel.manager.restart_kernel()
            await kernel.answers_again()
        assert await began(kernel, engine) == start
    assert len(drawn) == len(set(drawn)) == 6
    async with running(environment.name) as cold:  # nothing was imported ahead for this one
        await cold.manager.restart_kernel()
        await cold.answers_again()
        assert await cold.run(IMPORTED.format("numpy")) == "False False"


THREAD = (
    "import threading, time\nthreading.Thread(target=time.sleep, args=(1e6,), daemon=True).start()"
)
# by its path, which is what such a device is known by
DEVICE = "import os\nos.makedirs('/dev/nvidia-caps')\ndevice = open('/dev/nvidia-caps/x', 'w')"


@pytest.mark.parametrize("spoil", [THREAD, DEVICE], ids=["thread", "device"])
async def test_what_a_fork_would_break_is_not_forked(
    engine_room: Room, engine: docker.DockerClient, spoil: str
) -> None:
    """The container that has imported it is this kernel's alone; the next one starts anew."""
    libraries = engine_room.workspace / "libraries"
    libraries.mkdir()
    (libraries / "spoils.py").write_text(spoil)
    engine_room.configure(spare_modules={"*": ["spoils"]})
    variables = {"PYTHONPATH": str(libraries)}
    environment = await environment_of(engine_room, engine_room.image, variables)
    async with started_ahead(engine_room, environment, variables) as kernel:
        start = await began(kernel, engine)
        assert await kernel.run(IMPORTED.format("spoils")) == "True False"
        await kernel.manager.restart_kernel()
        await kernel.answers_again()
        assert await began(kernel, engine) > start
        assert await kernel.run(IMPORTED.format("spoils")) == "False False"
