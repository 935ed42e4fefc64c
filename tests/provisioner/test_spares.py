"""Kernels that take a container which waited, and those that start without one."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import AsyncKernelManager

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.cli.kernels import kernel_rows
from jupyter_gpu_containers.errors import PolicyError, WorkspaceError
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import CONNECTION_FILE, Phase
from jupyter_gpu_containers.model.kernel.spare import MODULES_FILE, PIPE_FILE, SPARE
from jupyter_gpu_containers.runtime.keeper import ANSWERS_FILE, ORDERS_FILE
from jupyter_gpu_containers.service.kernel.owner import Owner
from jupyter_gpu_containers.service.kernel.seats import write_anew
from jupyter_gpu_containers.service.pool.spares import Spare
from tests.kernels import Kernel, running
from tests.rooms import Room

LOOK = "import os, sys; print(os.getcwd(), sys.argv[0].rpartition('/')[2], len(sys.argv))"


@pytest.fixture
def room(any_room: Room, monkeypatch: pytest.MonkeyPatch) -> Room:
    # processes can wait as well as containers; a demonstration only has no use for it
    monkeypatch.setattr(MemoryBackend, "demo", False)
    return any_room


async def mine(room: Room) -> list[Container]:
    """Return this process's containers: others use the same engine."""
    return await room.services.backend.containers(f"{labels.OWNER}={Owner.current()}")


async def waiting(room: Room) -> tuple[Environment, Spare]:
    """Make a container wait, and promise it."""
    environment = await room.environment(room.image)
    spares = room.services.kernels.spares
    spare = await spares.make(environment, {})
    assert spare is not None
    assert spares.promise(environment.name) == spare.kernel_id
    assert spares.free == []
    assert spares.promise(environment.name) is None  # once
    return environment, spare


@asynccontextmanager
async def taking(room: Room, spare: Spare, **start: Any) -> AsyncIterator[Kernel]:
    start.setdefault("cwd", str(room.workspace))
    name = spare.environment.name
    async with running(name, kernel_id=spare.kernel_id, **start) as kernel:
        yield kernel


async def test_a_kernel_takes_what_waited_and_is_as_any_other(room: Room) -> None:
    """Folder, variables, arguments; a restart is of the same container, and clean."""
    environment, spare = await waiting(room)
    folder = room.workspace / "sub"
    folder.mkdir()
    env = {**os.environ, "JPY_SESSION_NAME": str(folder / "a.ipynb"), "HF_TOKEN": "canary"}
    async with taking(room, spare, cwd=str(folder), env=env) as kernel:
        assert await kernel.container_id() == spare.container_id
        told = f"{folder} ipykernel_launcher.py 3"
        assert await kernel.run(LOOK) == told
        names = "print(os.environ.get('JPY_SESSION_NAME'), os.environ.get('HF_TOKEN'))"
        assert await kernel.run(names) == f"{folder / 'a.ipynb'} None"
        assert await kernel.run("1 + 1") == "2"
        await kernel.run("mine = 1")
        await kernel.manager.restart_kernel(now=True)
        await kernel.answers_again()
        assert await kernel.container_id() == spare.container_id
        assert await kernel.run(LOOK) == told
        assert "NameError" in await kernel.run("mine")
    async with running(environment.name, cwd=str(folder)) as cold:
        assert await cold.container_id() != spare.container_id
        assert await cold.run(LOOK) == told


async def test_nothing_of_anybody_lies_in_it_before_it_is_taken(room: Room) -> None:
    """No variable of a person, no notebook; a key of its own alone. The label says what it is."""
    room.configure(passed_variables=["JPY_SESSION_NAME", "ACCESS_CODE", "TZ"])
    os.environ["ACCESS_CODE"] = "of-a-person"
    try:
        _, spare = await waiting(room)
        there = {name for name in os.listdir(spare.seat.run_dir) if not name.startswith("k-")}
        keeping = {ORDERS_FILE, ANSWERS_FILE, MODULES_FILE}
        assert there == {CONNECTION_FILE, "hosts", "owner", PIPE_FILE} | keeping
        file = Path(spare.seat.run_dir, CONNECTION_FILE)
        told = json.loads(await asyncio.to_thread(file.read_text))
        assert told == spare.connection
        assert str(told["key"]) not in repr(spare)
        (container,) = await mine(room)
        assert container.labels[labels.PURPOSE] == SPARE
        assert container.labels.get(labels.NOTEBOOK, "") == ""
        assert spare.key.env.get("ACCESS_CODE") is None
        async with taking(room, spare) as kernel:
            assert kernel.client.session.key.decode() == spare.connection["key"]
            assert await kernel.run("import os; print(os.environ['ACCESS_CODE'])") == "of-a-person"
    finally:
        del os.environ["ACCESS_CODE"]


@pytest.mark.parametrize("what", ["other limits", "it has ended", "a file in the pipe's place"])
async def test_what_does_not_fit_is_removed_and_the_kernel_starts_all_the_same(
    room: Room, what: str
) -> None:
    environment, spare = await waiting(room)
    if what == "other limits":
        spec = room.data / "kernels" / environment.name / "kernel.json"
        document = json.loads(spec.read_text())
        config = document["metadata"]["kernel_provisioner"]["config"]
        config["memory"] = 700 << 20
        spec.write_text(json.dumps(document))
    elif what == "it has ended":
        await room.services.backend.signal(spare.container_id, 9)
        spare.ended.result(20)
    else:
        write_anew(spare.seat.run_dir, PIPE_FILE, b"")
    async with taking(room, spare) as kernel:
        assert await kernel.run("1 + 1") == "2"
        assert await kernel.container_id() != spare.container_id
        (container,) = await mine(room)
        assert container.labels[labels.PURPOSE] == "kernel"
        assert room.services.launches.get(spare.kernel_id).phase is Phase.RUNNING


@pytest.mark.parametrize("what", ["outside the workspace", "one too many"])
async def test_a_start_that_is_refused_leaves_nothing_of_it(room: Room, what: str) -> None:
    if what == "one too many":
        room.configure(max_kernels_per_user=1)
        room.become_server()
    environment, spare = await waiting(room)
    if what == "outside the workspace":
        with pytest.raises(WorkspaceError):
            await AsyncKernelManager(kernel_name=environment.name).start_kernel(
                kernel_id=spare.kernel_id, cwd="/"
            )
    else:
        async with running(environment.name, cwd=str(room.workspace)):  # what waits counts nothing
            manager = AsyncKernelManager(kernel_name=environment.name)
            with pytest.raises(PolicyError):
                await manager.start_kernel(kernel_id=spare.kernel_id, cwd=str(room.workspace))
            (container,) = await mine(room)
            assert container.id != spare.container_id
    assert await mine(room) == []


async def test_one_that_was_taken_counts_as_the_kernel_that_it_is(room: Room) -> None:
    room.configure(max_kernels_per_user=1)
    room.become_server()
    environment, spare = await waiting(room)
    async with taking(room, spare) as kernel:
        assert await kernel.container_id() == spare.container_id
        rows = await kernel_rows(room.services)
        (row,) = [row for row in rows if row.container_id == spare.container_id]
        assert (row.purpose, row.kernel_id) == ("kernel", spare.kernel_id)
        with pytest.raises(PolicyError):
            await AsyncKernelManager(kernel_name=environment.name).start_kernel(
                cwd=str(room.workspace)
            )


async def test_what_nobody_takes_is_given_up(room: Room) -> None:
    environment, _ = await waiting(room)
    spares = room.services.kernels.spares
    assert await spares.make(environment, {}) is not None
    await spares.close()
    assert await mine(room) == []
    assert (spares.free, spares.promised) == ([], [])
