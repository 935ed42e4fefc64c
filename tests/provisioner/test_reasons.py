"""Why kernels ended, on the real engine: causes that `test_death.py` and others have not."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from jupyter_gpu_containers.errors import ImageNotFoundError
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.kernel.launch import Phase
from tests.kernels import running
from tests.rooms import Room
from tests.servers import Server

pytestmark = pytest.mark.engine

# forks until it is refused, then ends as libraries do that cannot make their threads
FORKS = """
import os, time
try:
    while True:
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
except BlockingIOError:
    os._exit(134)
"""


def reason(room: Room) -> Problem:
    [launch] = room.services.launches.list()
    assert launch.phase is Phase.FAILED
    assert launch.error is not None
    return launch.error


async def test_limit_of_processes(engine_room: Room) -> None:
    engine_room.configure(pids_limit=64)
    environment = await engine_room.environment(engine_room.image)
    for _ in range(5):  # a loaded machine may be too late for the counters; then they are not told
        async with running(environment.name) as kernel:
            kernel.client.execute(FORKS)
            assert await kernel.ended() == 134
            death = kernel.provisioner.death
            assert death is not None
        if death.code == "pids_limit":
            break
    assert death.code == "pids_limit"
    assert death.message.startswith(
        "The kernel was ended by signal 6 (SIGABRT), after its container had reached the limit of "
        "64 processes and threads: Linux refused it a further one once."
    )


async def test_image_that_is_gone_at_a_restart(engine_room: Room, engine_host: str) -> None:
    """Its container was removed, too: nothing is left to start again."""
    client = docker.DockerClient(base_url=engine_host)
    name = "jgc-test/passing:reasons"
    try:
        base = client.images.get(engine_room.image)
        throwaway = client.containers.create(base.id, ["true"], labels={"jgc": "passing"})
        image = throwaway.commit(*name.split(":"), changes=["LABEL passing=1"])
        throwaway.remove()
        environment = await engine_room.environment(name)
        async with running(environment.name) as kernel:
            client.containers.get(await kernel.container_id()).remove(force=True)
            await kernel.ended()
            client.images.remove(image.id, force=True)
            with pytest.raises(ImageNotFoundError) as caught:
                await kernel.manager.restart_kernel(now=True)
            assert caught.value.error_code == "environment_image_missing"
            assert "no longer on this machine" in caught.value.message
            death = kernel.provisioner.death
            assert death is not None
            assert death.code == "environment_image_missing"
    finally:
        for left in client.images.list(name):
            client.images.remove(left.id, force=True)
        client.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte and a bit."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.root
async def test_full_disk(engine_room: Room, small_disk: Path) -> None:
    engine_room.configure(workspace=str(small_disk))
    environment = await engine_room.environment(engine_room.image)
    here = os.getcwd()
    os.chdir(small_disk)
    try:
        async with running(environment.name) as kernel:
            kernel.client.execute(
                "import os\n"
                "try:\n"
                f"    open({str(small_disk / 'big')!r}, 'wb', buffering=0).write(bytes(4 << 20))\n"
                f"    open({str(small_disk / 'more')!r}, 'wb', buffering=0).write(bytes(4096))\n"
                "except OSError as exc:\n"
                "    print(exc, file=open('/proc/1/fd/2', 'w'), flush=True)\n"
                "os._exit(1)"
            )
            assert await kernel.ended() == 1
            death = reason(engine_room)
            assert death.code == "disk_full"
            assert f"{small_disk} has 0 B free" in death.message
            assert "No space left on device" in death.log
    finally:
        os.chdir(here)


def test_who_stopped_it(engine_room: Room) -> None:
    environment = engine_room.environment_now(engine_room.image)
    server = Server(engine_room)
    try:
        launch_id = server.launch(environment=environment.name)
        server.reached(launch_id, "running")
        server.request("DELETE", f"/api/kernels/{launch_id}")
        ended = server.reached(launch_id, "cancelled")
        name = engine_room.services.kernels.seats.caller.name
        assert ended["error"] == {
            "code": "stopped_by",
            "message": f"The kernel was shut down by {name}.",
            "hint": "",
        }
    finally:
        assert server.terminate() == 0


def test_culled_by_jupyter(engine_room: Room) -> None:
    environment = engine_room.environment_now(engine_room.image)
    server = Server(
        engine_room,
        "--MappingKernelManager.cull_idle_timeout=4",
        "--MappingKernelManager.cull_interval=1",
    )
    try:
        launch_id = server.launch(environment=environment.name)
        server.reached(launch_id, "running")
        ended = server.reached(launch_id, "cancelled")
        assert ended["error"]["code"] == "culled"
        assert ended["error"]["message"] == (
            "The kernel was shut down by Jupyter Server: nobody used it for 4 seconds "
            "(cull_idle_timeout)."
        )
    finally:
        assert server.terminate() == 0


async def test_child_out_of_memory_is_a_warning(engine_room: Room) -> None:
    environment = await engine_room.environment(engine_room.image, memory=256 << 20)
    watching = asyncio.ensure_future(engine_room.services.kernel_watch.run())
    try:
        async with running(environment.name) as kernel:
            warned = asyncio.Event()
            engine_room.services.launches.on_change(
                lambda launch: warned.set() if launch.warnings else None
            )
            await kernel.run(
                "import subprocess, sys\n"
                "subprocess.run([sys.executable, '-c', \"x = b'1' * (1 << 30)\"], check=False)"
            )
            await asyncio.wait_for(warned.wait(), 30)
            [launch] = engine_room.services.launches.list()
            assert [warning.code for warning in launch.warnings] == ["child_out_of_memory"]
            assert "limit 256 MB, peak 25" in launch.warnings[0].message
            assert launch.phase is Phase.RUNNING
            await kernel.manager.restart_kernel(now=True)
            await kernel.answers_again()
            assert engine_room.services.launches.list()[0].warnings == ()
    finally:
        watching.cancel()
        await asyncio.wait({watching})
