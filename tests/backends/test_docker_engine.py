"""What only a real engine can show: isolation, images, memory, and requests that go astray."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.backends.docker import gpus as docker_gpus
from jupyter_gpu_containers.errors import EngineError, GpuVanishedError
from jupyter_gpu_containers.model.kernel.container import ContainerExit, Mount, Network
from tests.backends.conftest import TIMEOUT, Bench
from tests.backends.sockets import Proxy
from tests.conftest import IMAGES

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parents[2]
MIB = 2**20


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="jgc-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


async def run(docker: Bench, code: str, **changes: object) -> str:
    """Run Python in a container and return what it printed."""
    status, output = await docker.backend.run(await docker.python(code, **changes), timeout=TIMEOUT)
    assert status == 0, output
    return output.strip()


# -- isolation ---------------------------------------------------------------------------------


async def test_kernel_has_no_privileges(docker: Bench) -> None:
    status = await run(docker, "print(open('/proc/self/status').read())", user="0:0")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(fields[capabilities], 16) == 0
    assert fields["NoNewPrivs"].strip() == "1"
    assert fields["Seccomp"].strip() == "2"


async def test_first_process_is_an_init(docker: Bench) -> None:
    assert "docker-init" in await run(docker, "print(open('/proc/1/cmdline').read())")


async def test_capabilities_that_were_asked_for(docker: Bench) -> None:
    code = "import os; os.chown('/tmp', 5, 5); print(os.stat('/tmp').st_uid)"
    assert await run(docker, code, user="0:0", cap_add=("CHOWN",)) == "5"


@pytest.mark.parametrize(
    ("network", "names"), [(Network.NONE, ["lo"]), (Network.BRIDGE, ["eth0", "lo"])]
)
async def test_network(docker: Bench, network: Network, names: list[str]) -> None:
    code = "import os; print(*sorted(os.listdir('/sys/class/net')))"
    assert (await run(docker, code, network=network)).split() == names


async def test_loopback_works_without_a_network(docker: Bench) -> None:
    code = (
        "import socket; s = socket.create_server(('127.0.0.1', 0));"
        "socket.create_connection(s.getsockname()); print('connected')"
    )
    assert await run(docker, code, network=Network.NONE) == "connected"


async def test_shared_memory(docker: Bench) -> None:
    code = "import os; s = os.statvfs('/dev/shm'); print(s.f_blocks * s.f_frsize)"
    assert await run(docker, code, shm_size=256 * MIB) == str(256 * MIB)


async def test_number_of_processes(docker: Bench) -> None:
    code = """
import os
made = 0
try:
    while True:
        if os.fork() == 0:
            os.read(os.pipe()[0], 1)
        made += 1
except BlockingIOError:
    print(made)
"""
    assert int(await run(docker, code, pids_limit=32)) < 32


# -- images ------------------------------------------------------------------------------------


async def test_entry_point_and_user_of_the_image_do_not_count(docker: Bench) -> None:
    docker.reference = IMAGES.exits_at_once
    code = "import os, sys; print(os.getuid(), os.getgid(), sys.argv)"
    assert await run(docker, code, user="12345:23456") == "12345 23456 ['-c']"


async def test_image_that_asks_for_all_gpus(docker: Bench) -> None:
    docker.reference = IMAGES.cuda
    code = "import os; print(os.environ['NVIDIA_VISIBLE_DEVICES'])"
    assert await run(docker, code, env={"NVIDIA_VISIBLE_DEVICES": "0"}) == "void"


async def test_facts_of_an_image(docker: Bench) -> None:
    image = await docker.backend.image(IMAGES.cuda)
    assert image.config is not None
    assert image.config.env["CUDA_VERSION"] == "12.4.1"
    assert image.labels["org.opencontainers.image.title"] == "PyTorch 25.08"
    assert (await docker.backend.image(IMAGES.arm64)).architecture == "arm64"


async def test_images_take_one_request(engine_host: str) -> None:
    with Proxy(engine_host).serve() as proxy:
        backend = DockerBackend(proxy.url)
        await backend.info()
        proxy.requests.clear()
        images = await backend.images()
        backend.close()
    assert {r for image in images for r in image.references} >= set(vars(IMAGES).values())
    assert proxy.requests == ["GET /v1.41/images/json?only_ids=0&all=0"]


# -- mounts ------------------------------------------------------------------------------------


@pytest.mark.root
async def test_files_belong_to_the_kernels_user(docker: Bench, open_folder: Path) -> None:
    os.chown(open_folder, 12345, 23456)
    await run(
        docker,
        "open('made', 'w').close()",
        user="12345:23456",
        working_dir=str(open_folder),
        mounts=(Mount(str(open_folder), str(open_folder)),),
    )
    made = os.stat(open_folder / "made")
    assert (made.st_uid, made.st_gid) == (12345, 23456)


async def test_read_only_mount(docker: Bench, open_folder: Path) -> None:
    (open_folder / "set").write_text("data")
    code = """
print(open('/data/set').read())
try:
    open('/data/set', 'w')
except OSError as exc:
    print(exc.strerror)
"""
    mounts = (Mount(str(open_folder), "/data", read_only=True),)
    assert (await run(docker, code, mounts=mounts)).splitlines() == [
        "data",
        "Read-only file system",
    ]


# -- memory ------------------------------------------------------------------------------------

EAT = "b'x' * 10**9"


async def test_out_of_memory(docker: Bench) -> None:
    container_id = await docker.create(EAT, memory=64 * MIB)
    for _ in range(3):  # the flag and the end arrive by different ways: no race between them
        end = docker.backend.watch(container_id)
        await docker.backend.start(container_id)
        exited = await asyncio.wait_for(asyncio.wrap_future(end), TIMEOUT)
        assert exited == ContainerExit(137, oom_killed=True)


async def test_child_out_of_memory_is_told_though_the_kernel_survives(docker: Bench) -> None:
    container_id = await docker.create(
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {EAT!r}]); sys.exit(4)",
        memory=64 * MIB,
    )
    end = docker.backend.watch(container_id)
    await docker.backend.start(container_id)
    exited = await asyncio.wait_for(asyncio.wrap_future(end), TIMEOUT)
    assert exited == ContainerExit(4, oom_killed=True)


async def test_kill_is_not_taken_for_out_of_memory(docker: Bench) -> None:
    container_id = await docker.create("import time; time.sleep(60)", memory=64 * MIB)
    end = docker.backend.watch(container_id)
    await docker.backend.start(container_id)
    await docker.backend.signal(container_id, signal.SIGKILL)
    exited = await asyncio.wait_for(asyncio.wrap_future(end), TIMEOUT)
    assert exited == ContainerExit(137, oom_killed=False)


# -- GPUs on an engine that has none -----------------------------------------------------------


async def test_engine_that_cannot_give_gpus_says_what_to_install(docker: Bench) -> None:
    container_id = await docker.create(gpus=("GPU-1",))
    with pytest.raises(EngineError, match="NVIDIA Container Toolkit"):
        await docker.backend.start(container_id)


@pytest.mark.parametrize("way", ["proc", "exec", "record"])
async def test_three_ways_to_look_for_device_nodes(
    docker: Bench, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way != "proc":
        monkeypatch.setattr(docker_gpus, "_through_proc", lambda *_: None)
    if way == "record":
        monkeypatch.setattr(docker_gpus, "_LISTINGS", (["no-such-program"],))
    container_id = await docker.create("import time; time.sleep(60)")
    await docker.backend.start(container_id)
    await docker.backend.verify_gpus(container_id, ())
    with pytest.raises(GpuVanishedError, match="no GPU"):
        await docker.backend.verify_gpus(container_id, (0, 3))


# -- requests that go astray -------------------------------------------------------------------


async def test_creation_given_up_leaves_no_container(docker: Bench, engine_host: str) -> None:
    """The engine has made it, but who asked does not wait for its id any more."""
    with Proxy(engine_host).serve() as proxy:
        backend = DockerBackend(proxy.url)
        spec = await docker.python("pass")
        proxy.hold("/containers/create")
        task = asyncio.ensure_future(backend.create(spec))
        assert await asyncio.to_thread(proxy.answered.wait, TIMEOUT)
        assert len(await docker.listed()) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        (container,) = await docker.listed()
        gone = docker.backend.watch(container.id)
        proxy.release.set()
        assert (await asyncio.wait_for(asyncio.wrap_future(gone), TIMEOUT)).lost
        backend.close()


async def test_two_removals_at_once_both_wait_for_the_end(docker: Bench, engine_host: str) -> None:
    """The engine answers the second one with 409, "removal … is already in progress"."""
    container_id = await docker.create("import time; time.sleep(60)")
    await docker.backend.start(container_id)
    others = [DockerBackend(engine_host), DockerBackend(engine_host)]

    async def remove(backend: DockerBackend) -> int:
        await backend.remove(container_id)
        return len(await docker.listed())

    assert await asyncio.gather(*map(remove, others)) == [0, 0]
    for backend in others:
        backend.close()


async def test_removal_by_somebody_else_is_told(docker: Bench, engine_host: str) -> None:
    container_id = await docker.create()
    end = docker.backend.watch(container_id)
    other = DockerBackend(engine_host)
    await other.remove(container_id)
    other.close()
    assert (await asyncio.wait_for(asyncio.wrap_future(end), TIMEOUT)).lost


async def test_many_ends_at_once(docker: Bench) -> None:
    codes = list(range(12))
    spec = await docker.python("")
    ids = await asyncio.gather(
        *(
            docker.backend.create(
                replace(spec, name=f"{spec.name}-{code}", command=("sh", "-c", f"exit {code}"))
            )
            for code in codes
        )
    )
    ends = [docker.backend.watch(container_id) for container_id in ids]
    await asyncio.gather(*map(docker.backend.start, ids))
    exits = await asyncio.wait_for(asyncio.gather(*map(asyncio.wrap_future, ends)), TIMEOUT)
    assert [exited.exit_code for exited in exits] == codes


WATCH_AND_LEAVE = """
import asyncio, sys
from jupyter_gpu_containers.backends.docker import DockerBackend
backend = DockerBackend(sys.argv[1])
backend.watch(sys.argv[2])
asyncio.run(backend.info())
"""


async def test_watching_does_not_keep_a_process_alive(docker: Bench, engine_host: str) -> None:
    container_id = await docker.create()
    command = [sys.executable, "-W", "error", "-c", WATCH_AND_LEAVE, engine_host, container_id]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, timeout=TIMEOUT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
