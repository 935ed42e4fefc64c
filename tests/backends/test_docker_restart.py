"""The engine goes away and comes back: nothing is said to have ended that has not."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.errors import EngineUnreachableError
from jupyter_gpu_containers.model.change import EngineChange
from jupyter_gpu_containers.model.kernel.container import ContainerExit, ContainerStatus
from tests.backends.conftest import TIMEOUT, Bench
from tests.engines import PrivateEngine

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture(scope="module")
def engine(images: SimpleNamespace, engine_host: str) -> Iterator[PrivateEngine]:
    """An engine that may be killed; it keeps containers alive where `keep_alive` says so."""
    private = PrivateEngine()
    try:
        private.begin_with(images.debian12, source=engine_host)
        private.start()
        yield private
    finally:
        private.remove()


@pytest.fixture
def rig(engine: PrivateEngine, images: SimpleNamespace, tmp_path: Path) -> Iterator[Bench]:
    backend = DockerBackend(engine.host)
    yield Bench(backend, images.debian12, tmp_path)
    backend.close()
    engine.remove_containers()


@pytest.fixture
def keep_alive(engine: PrivateEngine) -> Iterator[None]:
    """Docker's ``live-restore``: containers outlive their engine."""
    engine.config["live-restore"] = True
    engine.restart()
    yield
    engine.config["live-restore"] = False
    engine.restart()


async def started(rig: Bench, code: str) -> tuple[str, asyncio.Future[ContainerExit]]:
    ready = rig.pipe()
    container_id = await rig.create(f"open({str(ready)!r}, 'w').close()\n{code}", mounts=rig.mounts)
    end = rig.backend.watch(container_id)
    await rig.backend.start(container_id)
    await ready.read()
    return container_id, asyncio.wrap_future(end)


async def is_away(rig: Bench) -> None:
    with pytest.raises(EngineUnreachableError):
        await rig.listed()


async def test_engine_is_stopped_and_comes_back(rig: Bench, engine: PrivateEngine) -> None:
    """It kills its containers on the way, and says so: by an event or when it is back."""
    container_id, end = await started(rig, "import time; time.sleep(600)")
    await asyncio.to_thread(engine.stop)
    await is_away(rig)
    await asyncio.to_thread(engine.start)
    exited = await asyncio.wait_for(end, TIMEOUT)
    assert exited.exit_code in (137, 143)
    assert not exited.lost
    assert exited.engine_restarted
    assert [(c.id, c.status) for c in await rig.listed()] == [
        (container_id, ContainerStatus.EXITED)
    ]


async def test_that_it_went_and_came_back_is_told(rig: Bench, engine: PrivateEngine) -> None:
    loop, told = asyncio.get_running_loop(), asyncio.Queue[EngineChange]()

    def tell(change: EngineChange) -> None:
        loop.call_soon_threadsafe(told.put_nowait, change)

    rig.backend.on_change(tell)
    _, end = await started(rig, "pass")  # from now on the events are read
    await asyncio.wait_for(end, TIMEOUT)
    for act in (engine.stop, engine.start):
        await asyncio.to_thread(act)
        while await asyncio.wait_for(told.get(), TIMEOUT) is not EngineChange.CONNECTION:
            continue


async def test_engine_crashes_and_comes_back(rig: Bench, engine: PrivateEngine) -> None:
    container_id, end = await started(rig, "import time; time.sleep(600)")
    await asyncio.to_thread(engine.kill)
    for _ in range(3):
        await is_away(rig)
        assert not end.done()  # unknown is not gone
    await asyncio.to_thread(engine.start)
    exited = await asyncio.wait_for(end, TIMEOUT)
    assert exited.exit_code in (137, 143)  # the engine that comes back ends what it finds
    assert not exited.lost
    assert exited.engine_restarted
    assert [c.id for c in await rig.listed()] == [container_id]


async def test_container_that_outlives_its_engine(
    keep_alive: None, rig: Bench, engine: PrivateEngine
) -> None:
    go = rig.pipe()
    _, end = await started(rig, f"import sys; sys.exit(int(open({str(go)!r}).read()))")
    await asyncio.to_thread(engine.kill)
    await is_away(rig)
    await asyncio.to_thread(engine.start)
    assert (await rig.listed())[0].status is ContainerStatus.RUNNING
    assert not end.done()
    await go.write("7")
    assert await asyncio.wait_for(end, TIMEOUT) == ContainerExit(7)


async def test_killed_by_somebody_while_the_engine_is_away(
    keep_alive: None, rig: Bench, engine: PrivateEngine
) -> None:
    """An engine that leaves its containers alone did not do it."""
    mine = rig.pipe()
    alive = rig.pipe()
    _, end = await started(
        rig,
        f"kept = open({str(alive)!r}, 'w'); import os, signal; open({str(mine)!r}).read(); "
        "os.kill(os.getpid(), signal.SIGKILL)",
    )
    await asyncio.to_thread(engine.kill)
    reading = asyncio.ensure_future(alive.read())
    await mine.write()
    await reading  # the process is gone
    await is_away(rig)
    await asyncio.to_thread(engine.start)
    assert await asyncio.wait_for(end, TIMEOUT) == ContainerExit(137)


async def test_killed_by_somebody_after_the_engine_was_away(
    rig: Bench, engine: PrivateEngine
) -> None:
    _, first = await started(rig, "import time; time.sleep(600)")
    await asyncio.to_thread(engine.kill)
    await is_away(rig)
    await asyncio.to_thread(engine.start)
    assert (await asyncio.wait_for(first, TIMEOUT)).engine_restarted
    second, end = await started(rig, "import time; time.sleep(600)")
    await rig.backend.signal(second, signal.SIGKILL)
    assert await asyncio.wait_for(end, TIMEOUT) == ContainerExit(137)


async def test_end_while_the_engine_is_away(
    keep_alive: None, rig: Bench, engine: PrivateEngine
) -> None:
    """No event tells of it: the look at all containers after the gap does."""
    go = rig.pipe()
    alive = rig.pipe()
    _, end = await started(
        rig,
        f"import sys; kept = open({str(alive)!r}, 'w'); sys.exit(int(open({str(go)!r}).read()))",
    )
    await asyncio.to_thread(engine.kill)
    reading = asyncio.ensure_future(alive.read())
    await go.write("7")
    await reading  # the process is gone
    await is_away(rig)
    assert not end.done()
    await asyncio.to_thread(engine.start)
    assert (await asyncio.wait_for(end, TIMEOUT)).exit_code == 7


async def test_restart_of_a_container_after_a_restart_of_the_engine(
    rig: Bench, engine: PrivateEngine
) -> None:
    go = rig.pipe()
    container_id = await rig.create(
        f"import sys; sys.exit(int(open({str(go)!r}).read()))", mounts=rig.mounts
    )
    for code in (3, 4):
        end = asyncio.wrap_future(rig.backend.watch(container_id))
        await rig.backend.start(container_id)
        await go.write(str(code))
        assert (await asyncio.wait_for(end, TIMEOUT)).exit_code == code
        await asyncio.to_thread(engine.restart)
