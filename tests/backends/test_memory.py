"""The memory backend's own: its images, its processes, and one store for several backends."""

from __future__ import annotations

import ast
import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.connect import write_connection_file

from jupyter_gpu_containers.backends.memory import MemoryBackend, MemoryStore
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.backends.memory.process import LOG_LIMIT, Log, Translation
from jupyter_gpu_containers.errors import ImageNotFoundError, WorkspaceError
from jupyter_gpu_containers.model.image.image import is_image_id
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, Mount
from tests.backends.conftest import TIMEOUT, Bench, Pipe

ROOT = Path(__file__).resolve().parents[2]
TORCH = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"


def bench_of(backend: MemoryBackend, folder: Path) -> Bench:
    return Bench(backend, TORCH, folder)


async def test_ui_is_told_that_this_is_a_demonstration() -> None:
    backend = MemoryBackend()
    assert backend.demo
    assert (await backend.info()).name == "memory"
    backend.close()


async def test_demonstration_images_are_whole() -> None:
    backend = MemoryBackend()
    images = await backend.images()
    assert images == list(DEMO_IMAGES)
    for image in images:
        assert is_image_id(image.id)
        assert image.probe is not None
        assert [kernel.name for kernel in image.probe.kernels] == ["python3"]
        for reference in (image.id, *image.references, *image.repo_digests):
            assert await backend.image(reference) == image
    assert await backend.image("docker.io/" + TORCH) == await backend.image(TORCH)
    with pytest.raises(ImageNotFoundError):
        await backend.image("UPPER CASE")
    await backend.pull(TORCH)
    backend.close()


async def test_kernel_answers_from_a_connection_file(tmp_path: Path) -> None:
    """The stand-in for a kernel's container: same folders, same files as the engine would mount."""
    backend = MemoryBackend()
    run_dir, home = tmp_path / "r", tmp_path / "home"
    run_dir.mkdir()
    home.mkdir()
    file, _ = write_connection_file(
        str(run_dir / "connection.json"), transport="ipc", ip=str(run_dir / "k")
    )
    image = DEMO_IMAGES[0]
    assert image.probe is not None
    argv = image.probe.kernels[0].argv
    spec = ContainerSpec(
        image=image.id,
        command=tuple(arg.replace("{connection_file}", file) for arg in argv),
        name="kernel",
        user="0:0",
        working_dir=str(tmp_path),
        env={"HOME": "/home/kernel", "PYTHONSTARTUP": ""},
        mounts=(Mount(str(home), "/home/kernel"), Mount(str(run_dir), str(run_dir))),
    )
    container_id = await backend.create(spec)
    end = backend.watch(container_id)
    await backend.start(container_id)
    client = AsyncKernelClient(connection_file=file)
    client.load_connection_file()
    client.hb_channel.time_to_dead = TIMEOUT  # it does not beat before it has started
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=TIMEOUT)
        said = await client.execute_interactive(
            "import os; where = os.getcwd(), os.path.expanduser('~')",
            user_expressions={"where": "where"},
            timeout=TIMEOUT,
        )
    finally:
        client.stop_channels()
    where = said["content"]["user_expressions"]["where"]["data"]["text/plain"]
    assert ast.literal_eval(where) == (str(tmp_path), str(home))
    await backend.signal(container_id, signal.SIGKILL)
    assert (await asyncio.wait_for(asyncio.wrap_future(end), TIMEOUT)).exit_code == 137
    backend.close()


async def test_backends_share_a_store_as_servers_share_an_engine(tmp_path: Path) -> None:
    store = MemoryStore()
    one = bench_of(MemoryBackend(store=store), tmp_path)
    two = bench_of(MemoryBackend(store=store), tmp_path)
    two.label = one.label
    container_id = await one.create("import time; time.sleep(600)")
    assert [c.id for c in await two.listed()] == [container_id]
    end = two.backend.watch(container_id)
    await one.backend.start(container_id)
    one.backend.close()
    one.backend.close()
    assert not end.done()  # the other one is still there
    two.backend.close()
    assert (await asyncio.wait_for(asyncio.wrap_future(end), TIMEOUT)).exit_code == 137


START_AND_LEAVE = """
import asyncio, sys
from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.model.kernel.container import ContainerSpec

async def main():
    backend = MemoryBackend()
    image = (await backend.images())[0].id
    code = "import sys, time; p = open(sys.argv[1], 'w', 1); print('up', file=p); time.sleep(600)"
    spec = ContainerSpec(image, ("python3", "-c", code, sys.argv[1]), "x", "0:0", "/tmp")
    await backend.start(await backend.create(spec))
    with open(sys.argv[2]) as leave:
        leave.read()

asyncio.run(main())
"""


def test_no_process_outlives_the_server(tmp_path: Path) -> None:
    alive, leave = Pipe(tmp_path / "alive"), Pipe(tmp_path / "leave")
    command = [sys.executable, "-W", "error", "-c", START_AND_LEAVE, str(alive), str(leave)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as server:
        with alive.path.open() as pipe:
            assert pipe.readline() == "up\n"
            leave.path.write_text("")
            assert pipe.read() == ""  # ends when nobody holds the other end: it is gone
        _, errors = server.communicate(timeout=TIMEOUT)
    assert (errors, server.returncode) == ("", 0)


async def test_processes_that_a_container_left_behind_end_with_it(tmp_path: Path) -> None:
    bench = bench_of(MemoryBackend(), tmp_path)
    alive = bench.pipe()
    child = (
        f"import time; kept = open({str(alive)!r}, 'w'); print('up', flush=True); time.sleep(600)"
    )
    container_id = await bench.create(
        "import subprocess, sys;"
        f"c = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE);"
        "c.stdout.readline()"
    )
    end = bench.backend.watch(container_id)
    reading = asyncio.ensure_future(alive.read())
    await bench.backend.start(container_id)
    assert (await asyncio.wait_for(asyncio.wrap_future(end), TIMEOUT)).exit_code == 0
    await reading
    bench.backend.close()


async def test_server_environment_stays_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret")
    bench = bench_of(MemoryBackend(), tmp_path)
    spec = await bench.python("import json, os; print(json.dumps(dict(os.environ)))")
    _, output = await bench.backend.run(spec, timeout=TIMEOUT)
    assert "JUPYTERHUB_API_TOKEN" not in json.loads(output)
    bench.backend.close()


async def test_working_directory_that_does_not_exist(tmp_path: Path) -> None:
    bench = bench_of(MemoryBackend(), tmp_path)
    container_id = await bench.create(working_dir=str(tmp_path / "missing"))
    with pytest.raises(WorkspaceError, match="missing"):
        await bench.backend.start(container_id)
    bench.backend.close()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/home/kernel", "/srv/home"),
        ("/home/kernel/.cache", "/srv/home/.cache"),
        ("/home/kernel/data/x", "/srv/data/x"),
        ("/home/kernel2", "/home/kernel2"),
        ("--f=/home/kernel", "--f=/home/kernel"),
        ("", ""),
    ],
)
def test_paths_are_translated(value: str, expected: str) -> None:
    mounts = (Mount("/srv/home", "/home/kernel"), Mount("/srv/data", "/home/kernel/data"))
    spec = ContainerSpec("i", ("c",), "n", "0:0", "/", mounts=mounts)
    assert Translation(spec)(value) == expected


def test_log_keeps_the_end() -> None:
    log = Log()
    log.write(b"first", stderr=True)
    for _ in range(3):
        log.write(b"x" * (LOG_LIMIT // 2), stderr=False)
    log.write(b"last", stderr=True)
    assert log.read().endswith(b"xlast")
    assert len(log.read()) == LOG_LIMIT
    assert set(log.read(stderr=False)) == {ord("x")}
