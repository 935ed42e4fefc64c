"""What a rootless Docker does otherwise; the rest is in test_contract.py."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_gpu_containers.model.kernel.container import ContainerStatus
from tests.backends.conftest import Bench
from tests.rootless import UID, RootlessEngine

pytestmark = [pytest.mark.engine, pytest.mark.root]


async def test_whoever_is_asked_for_is_the_engine_s_user(rootless: Bench) -> None:
    """Another id would be somebody else on the machine, who may read none of the user's files."""
    code, output = await rootless.backend.run(
        await rootless.python(
            f"import os; print(os.getuid()); open({str(rootless.folder / 'x')!r}, 'w')",
            mounts=rootless.mounts,
            user="1000:1000",
        ),
        timeout=30,
    )
    assert (code, output) == (0, "0\n")
    assert (rootless.folder / "x").stat().st_uid == UID


async def test_limits_that_it_cannot_set_are_left_out(
    rootless: Bench, rootless_engine: RootlessEngine
) -> None:
    """Its containers start with its own, which it has no capability to raise."""
    told = (await rootless.backend.info()).details["limits_left_out"].split(",")
    assert {"memlock", "nofile"} <= set(told)
    code, output = await rootless.backend.run(
        await rootless.python(
            "import resource as r\n"
            "print(*r.getrlimit(r.RLIMIT_NOFILE), *r.getrlimit(r.RLIMIT_MEMLOCK),"
            " *r.getrlimit(r.RLIMIT_CORE))"
        ),
        timeout=30,
    )
    assert code == 0
    *left, core, most_core = map(int, output.split())
    assert (core, most_core) == (0, 0)  # a lower one it can set
    assert left == [*rootless_engine.limits("Max open files", "Max locked memory")]


async def test_it_stops_and_comes_back(rootless: Bench, rootless_engine: RootlessEngine) -> None:
    """That is said, and the container can be started again."""
    container_id = await rootless.create("import time; time.sleep(60)")
    end = asyncio.wrap_future(rootless.backend.watch(container_id))
    await rootless.backend.start(container_id)
    await asyncio.to_thread(rootless_engine.restart)
    exited = await asyncio.wait_for(end, 30)
    assert exited.engine_restarted
    assert not exited.lost
    assert [c.status for c in await rootless.listed()] == [ContainerStatus.EXITED]
    await rootless.backend.start(container_id)
    assert [c.status for c in await rootless.listed()] == [ContainerStatus.RUNNING]


async def test_it_crashes_and_comes_back(rootless: Bench, rootless_engine: RootlessEngine) -> None:
    """What runs on is in a namespace that the next one is not in: that one ends it, as exit 255."""
    alive = rootless.pipe()
    container_id = await rootless.create(
        f"kept = open({str(alive)!r}, 'w'); import time; time.sleep(600)", mounts=rootless.mounts
    )
    end = asyncio.wrap_future(rootless.backend.watch(container_id))
    await rootless.backend.start(container_id)
    reading = asyncio.ensure_future(alive.read())
    await asyncio.to_thread(rootless_engine.kill)
    assert not reading.done()
    await asyncio.to_thread(rootless_engine.start)
    exited = await asyncio.wait_for(end, 30)
    await reading  # the process is gone
    assert exited.engine_restarted
    assert not exited.lost
    assert [c.status for c in await rootless.listed()] == [ContainerStatus.EXITED]


async def test_a_program_may_end_so_by_itself(rootless: Bench) -> None:
    container_id = await rootless.create("import sys; sys.exit(255)")
    end = asyncio.wrap_future(rootless.backend.watch(container_id))
    await rootless.backend.start(container_id)
    exited = await asyncio.wait_for(end, 30)
    assert (exited.exit_code, exited.engine_restarted) == (255, False)
