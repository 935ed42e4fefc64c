"""What only a real container shows: whose process runs, what it sees, what it may write."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import docker
import pytest
from jupyter_client.manager import start_new_kernel

from tests.kernels import Kernel, running
from tests.rooms import Room

pytestmark = pytest.mark.engine


@pytest.fixture
def engine(engine_host: str) -> Iterator[docker.DockerClient]:
    """A client beside the product's own."""
    client = docker.DockerClient(base_url=engine_host)
    yield client
    client.close()


async def test_another_python(engine_room: Room, images: SimpleNamespace) -> None:
    """Debian 13, Python 3.13: another ipykernel speaks the same protocol."""
    environment = await engine_room.environment(images.debian13)
    async with running(environment.name) as kernel:
        assert await kernel.run("import sys; print(*sys.version_info[:2])") == "3 13"
        cell = await kernel.begin("import time; print('begun', flush=True); time.sleep(60)")
        await kernel.manager.interrupt_kernel()
        assert "KeyboardInterrupt" in await cell
        await kernel.manager.restart_kernel()
        await kernel.answers_again()
        assert await kernel.run("print(1 + 1)") == "2"


async def test_interrupt_while_a_c_extension_holds_the_gil(engine_room: Room) -> None:
    """No thread of the kernel can read a message now; the signal ends the call itself."""
    environment = await engine_room.environment(engine_room.image)
    async with running(environment.name) as kernel:
        cell = await kernel.begin_silently(
            "import ctypes; open('begun', 'w').close()\n"
            "left = ctypes.PyDLL(None).sleep(60); print('left', left > 30)",
            engine_room.workspace / "begun",
        )
        await kernel.manager.interrupt_kernel()
        text = await cell
        # sleep(3) came back early, or Python took the signal just before it was called
        assert "left True" in text or "KeyboardInterrupt" in text
        assert await kernel.run("print(1 + 1)") == "2"


async def test_what_a_kernel_sees_of_the_host(engine_room: Room) -> None:
    """The workspace at its path, data read-only, and no variable of the server's."""
    data = engine_room.base / "faces"
    data.mkdir()
    (data / "a.csv").write_text("1,2")
    engine_room.configure(data_mounts={"faces": str(data)})
    folder = engine_room.workspace / "a folder" / "ü"
    folder.mkdir(parents=True)
    (engine_room.workspace / "beside.txt").write_text("seen")
    (engine_room.base / "secret").write_text("key")
    os.environ["JGC_TEST_SECRET"] = "key"
    try:
        environment = await engine_room.environment(engine_room.image)
        assert environment.kernel.argv[0].rpartition("/")[2].startswith("python3")
        async with running(environment.name, cwd=str(folder)) as kernel:
            await the_command_is_the_images(kernel)
            await same_path_and_the_notebooks_folder(kernel, folder)
            await nothing_else_of_the_host_is_there(kernel, engine_room.base / "secret")
            await data_mounts_are_read_only(kernel)
    finally:
        del os.environ["JGC_TEST_SECRET"]
    assert (folder / "made here").read_text() == "yes"
    assert sorted(path.name for path in data.iterdir()) == ["a.csv"]


async def the_command_is_the_images(kernel: Kernel) -> None:
    """jupyter_client turns "python3" into the host's own interpreter; that is not in the image."""
    found = json.loads(
        await kernel.run(
            "import json, os, sys, socket\n"
            "print(json.dumps([sys.executable, sys.version_info[:2], socket.gethostname()]))"
        )
    )
    assert found == ["/usr/bin/python3", [3, 11], "kernel"]


async def same_path_and_the_notebooks_folder(kernel: Kernel, folder: Path) -> None:
    assert await kernel.run("print(os.getcwd())") == str(folder)
    assert await kernel.run("print(open('../../beside.txt').read())") == "seen"
    await kernel.run("open('made here', 'w').write('yes')")
    path = folder.parents[1] / "beside.txt"
    same = f"print(os.path.samefile({str(path)!r}, '../../beside.txt'))"
    assert await kernel.run(same) == "True"


async def nothing_else_of_the_host_is_there(kernel: Kernel, secret: Path) -> None:
    assert await kernel.run(f"print(os.path.exists({str(secret)!r}))") == "False"
    assert await kernel.run("print(os.environ.get('JGC_TEST_SECRET'))") == "None"
    assert await kernel.run("print(os.path.exists('/var/run/docker.sock'))") == "False"


async def data_mounts_are_read_only(kernel: Kernel) -> None:
    assert await kernel.run("print(open('/data/faces/a.csv').read())") == "1,2"
    for attempt in ("open('/data/faces/b', 'w')", "open('/data/faces/a.csv', 'a')"):
        assert "Read-only file system" in await kernel.run(attempt)


async def test_only_the_data_mounts_that_were_chosen(engine_room: Room) -> None:
    for name in ("faces", "scratch"):
        (engine_room.base / name).mkdir()
        (engine_room.base / name / "a.csv").write_text(name)
    engine_room.configure(
        data_mounts={
            "faces": str(engine_room.base / "faces"),
            "scratch": f"{engine_room.base / 'scratch'}:rw",
        }
    )
    some = await engine_room.environment(engine_room.image, mounts=["scratch"])
    none = await engine_room.environment(engine_room.image, mounts=[])
    look = "import os; print(sorted(os.listdir('/data')) if os.path.isdir('/data') else None)"
    async with running(some.name) as kernel, running(none.name) as bare:
        assert await kernel.run(look) == "['scratch']"
        await kernel.run("open('/data/scratch/b', 'w').write('mine')")
        assert await bare.run(look) == "None"
    assert (engine_room.base / "scratch" / "b").read_text() == "mine"


async def has_no_gpu(kernel: Kernel, engine: docker.DockerClient) -> None:
    """What NVIDIA's runtime reads says "void"."""
    get = "import os; print(os.environ.get('NVIDIA_VISIBLE_DEVICES'))"
    assert await kernel.run(get) == "void"
    row = engine.containers.get(await kernel.container_id()).attrs
    assert row["HostConfig"]["DeviceRequests"] is None
    assert row["HostConfig"]["Runtime"] == "runc"


async def test_a_cpu_kernel_gets_no_gpu(
    engine_room: Room, images: SimpleNamespace, engine: docker.DockerClient
) -> None:
    """Also when the image asks for all of them."""
    environment = await engine_room.environment(images.cuda)
    async with running(environment.name) as kernel:
        await has_no_gpu(kernel, engine)


async def test_home_is_the_kernels_own(engine_room: Room) -> None:
    environment = await engine_room.environment(engine_room.image)
    async with running(environment.name) as one, running(environment.name) as other:
        write = "from pathlib import Path; h = Path.home(); print(h, (h / 'x').write_text('mine'))"
        assert await one.run(write) == "/home/kernel 4"
        assert await other.run("from pathlib import Path; print((Path.home() / 'x').exists())") == (
            "False"
        )


async def test_the_environments_limits_are_the_containers(
    engine_room: Room, engine: docker.DockerClient
) -> None:
    environment = await engine_room.environment(
        engine_room.image, memory=300 << 20, shm_size=48 << 20
    )
    async with running(environment.name) as kernel:
        host = engine.containers.get(await kernel.container_id()).attrs["HostConfig"]
        assert (host["Memory"], host["MemorySwap"]) == (300 << 20, 300 << 20)
        size = "import os; s = os.statvfs('/dev/shm'); print(s.f_blocks * s.f_frsize >> 20)"
        assert await kernel.run(size) == "48"
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges"]
        await has_no_gpu(kernel, engine)


def test_blocking_manager(engine_room: Room) -> None:
    """Makes and closes event loops at will; scripts and nbconvert use it."""
    environment = engine_room.environment_now(engine_room.image)
    manager, client = start_new_kernel(kernel_name=environment.name)
    try:
        parts: list[str] = []

        def run(code: str) -> str:
            parts.clear()
            client.execute_interactive(
                code, timeout=30, output_hook=lambda m: parts.append(m["content"].get("text", ""))
            )
            return "".join(parts).strip()

        assert run("x = 6 * 7; print(x)") == "42"
        client.execute("import time; print('in'); time.sleep(60)", stop_on_error=False)
        while client.get_iopub_msg(timeout=30)["msg_type"] != "stream":
            pass
        manager.interrupt_kernel()
        assert client.get_shell_msg(timeout=30)["content"]["ename"] == "KeyboardInterrupt"
        assert run("print(x)") == "42"
        manager.restart_kernel()
        client.wait_for_ready(timeout=30)
        assert run("print('x' in globals())") == "False"
        assert manager.is_alive()
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
    assert not manager.is_alive()
    assert engine_room.leftovers() == []
    assert not Path(manager.connection_file).exists()
