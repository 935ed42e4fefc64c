"""The engine is restarted, crashes, or refuses: in the middle of a start, and under a kernel."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest
from jupyter_client.manager import AsyncKernelManager

from jupyter_gpu_containers.errors import GpuContainersError, UnavailableError
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.launch import Phase
from tests.conftest import IMAGES, ROOT
from tests.engines import PrivateEngine
from tests.kernels import running
from tests.rooms import Room

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture(scope="module")
def _engine(engine_host: str) -> Iterator[PrivateEngine]:
    engine = PrivateEngine()
    try:
        engine.begin_with(IMAGES.debian12, source=engine_host)
        engine.start()
        yield engine
    finally:
        engine.remove()


@pytest.fixture
def engine(_engine: PrivateEngine, engine_room: Room) -> Iterator[PrivateEngine]:
    """An engine of these tests' own, which answers and has no container in the end."""
    engine_room.configure(engine_url=_engine.host)
    yield _engine
    if not _engine.socket.exists() or not _answers(_engine):
        _engine.start()
    with closing(_engine.client()) as client:
        left = client.containers.list(all=True, filters={"label": labels.VERSION})
        names = [container.name for container in left]
        for container in left:
            container.remove(force=True)
    assert names == []


def _answers(engine: PrivateEngine) -> bool:
    asked = subprocess.run(
        ["docker", "--host", engine.host, "version"], capture_output=True, check=False
    )
    return asked.returncode == 0


async def test_restarted_while_a_kernel_runs(engine: PrivateEngine, engine_room: Room) -> None:
    """Docker without live-restore ends all containers; the kernel can be restarted in its own."""
    environment = await engine_room.environment(IMAGES.debian12)
    async with running(environment.name) as kernel:
        before = await kernel.container_id()
        await asyncio.to_thread(engine.restart)
        assert await kernel.ended() != 0
        [launch] = engine_room.services.launches.list()
        assert launch.phase is Phase.FAILED
        assert launch.error is not None
        assert "engine was restarted" in launch.error.message or "ended" in launch.error.message
        assert "Restart the kernel" in launch.error.hint
        await kernel.manager.restart_kernel(now=True)
        await kernel.answers_again()
        assert await kernel.run("print(1 + 1)") == "2"
        assert await kernel.container_id() == before


async def test_crashed_while_a_kernel_runs(engine: PrivateEngine, engine_room: Room) -> None:
    """Unknown is not gone: a kernel whose engine is away goes on and is not restarted.

    It can be interrupted, since its keeper does that; what ends a kernel is the engine's affair.
    """
    environment = await engine_room.environment(IMAGES.debian12)
    async with running(environment.name) as kernel:
        await asyncio.to_thread(engine.kill)
        assert await kernel.run("x = 1; print(x)") == "1"
        assert await kernel.provisioner.poll() is None
        endless = await kernel.begin("import time\nprint(1)\nwhile True: time.sleep(0.05)")
        await kernel.manager.interrupt_kernel()
        assert "KeyboardInterrupt" in await endless
        with pytest.raises(UnavailableError):
            await kernel.provisioner.send_signal(signal.SIGTERM)
        assert await kernel.provisioner.poll() is None
        await asyncio.to_thread(engine.start)  # ends the containers that it finds
        assert await kernel.ended() != 0  # which is learnt although no event told it


async def test_away_before_a_start(engine: PrivateEngine, engine_room: Room) -> None:
    environment = await engine_room.environment(IMAGES.debian12)
    await asyncio.to_thread(engine.stop)
    manager = AsyncKernelManager(kernel_name=environment.name)
    with pytest.raises(UnavailableError) as caught:
        await manager.start_kernel()
    assert caught.value.error_code == "engine_unreachable"
    assert caught.value.hint
    assert engine_room.leftovers() == []
    await asyncio.to_thread(engine.start)
    async with running(environment.name) as kernel:  # the next try connects anew
        assert await kernel.run("print(1 + 1)") == "2"


async def test_restarted_in_the_middle_of_a_start(engine: PrivateEngine, engine_room: Room) -> None:
    """The container runs and has not answered: it is ended with the engine, and removed later."""
    environment = await engine_room.command("sleep", "1000")
    manager = AsyncKernelManager(kernel_name=environment.name)
    started = asyncio.Event()
    services = engine_room.services
    services.launches.on_change(
        lambda launch: started.set() if launch.phase is Phase.STARTING else None
    )
    start = asyncio.ensure_future(manager.start_kernel())
    await started.wait()
    await asyncio.to_thread(engine.restart)
    with pytest.raises(GpuContainersError) as caught:
        await start
    assert caught.value.hint
    [launch] = services.launches.list()
    assert launch.phase is Phase.FAILED
    assert engine_room.leftovers() == []
    await services.claims.reconcile()


def test_not_permitted(engine: PrivateEngine, engine_room: Room) -> None:
    """A user outside of the docker group reads which command lets them in."""
    engine_room.base.chmod(0o755)
    engine.folder.chmod(0o755)
    program = (
        "import asyncio\n"
        "from jupyter_gpu_containers.backends.docker import DockerBackend\n"
        "from jupyter_gpu_containers.errors import EnginePermissionError\n"
        "import os\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        f"backend = DockerBackend({engine.host!r})\n"
        "try:\n"
        "    asyncio.run(backend.info())\n"
        "except EnginePermissionError as exc:\n"
        "    print(exc.error_code, '|', exc.message, '|', exc.hint)\n"
        "backend.close()\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    code, message, hint = said.strip().split(" | ")
    assert code == "engine_permission"
    assert "not allowed to use the container engine" in message
    assert "usermod -aG docker" in hint
