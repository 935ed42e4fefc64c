"""Containers that wait with GPUs: taken together with them, given up for whoever would wait."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest
from jupyter_client.manager import AsyncKernelManager

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.errors import GpusBusyError
from jupyter_gpu_containers.model.gpu.device import GpuRequest, GpuSnapshot, Problem
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import Phase
from jupyter_gpu_containers.model.kernel.spare import PIPE_FILE
from jupyter_gpu_containers.service.kernel.owner import Owner
from jupyter_gpu_containers.service.pool.spares import Spare
from tests.kernels import running
from tests.rooms import MEMORY_IMAGE, Room

TWO_GPUS = [{"name": "NVIDIA H200", "memory_gib": 141}] * 2


@pytest.fixture
def room(memory_room: Room, monkeypatch: pytest.MonkeyPatch) -> Room:
    """A machine with two GPUs."""
    # processes can wait as well as containers; a demonstration only has no use for it
    monkeypatch.setattr(MemoryBackend, "demo", False)
    memory_room.configure(fixed_gpus=TWO_GPUS)
    return memory_room


async def waiting(room: Room, gpus: int) -> Spare:
    """Have a container wait with GPUs."""
    environment = await room.environment(MEMORY_IMAGE, gpus=gpus)
    spare = await room.services.kernels.spares.make(environment, {})
    assert spare is not None
    assert len(spare.gpus) == gpus
    return spare


def promised(room: Room, spare: Spare) -> str:
    """Return the id of the next kernel of its environment."""
    kernel_id = room.services.launches.new_id(spare.environment.name)
    assert kernel_id == spare.kernel_id
    return kernel_id


async def holders(room: Room) -> list[Container]:
    """Return the containers that hold GPUs."""
    mine = await room.services.backend.containers(f"{labels.OWNER}={Owner.current()}")
    return [container for container in mine if labels.gpus_of(container)]


async def test_a_kernel_takes_the_gpus_with_the_container(room: Room) -> None:
    """Both GPUs of the machine wait: nothing but these can be what it gets."""
    spare = await waiting(room, 2)
    cwd = str(room.workspace)
    async with running(spare.environment.name, kernel_id=promised(room, spare), cwd=cwd) as kernel:
        assert await kernel.container_id() == spare.container_id
        launch = room.services.launches.get(spare.kernel_id)
        assert (launch.phase, set(launch.gpus)) == (Phase.RUNNING, {g.uuid for g in spare.gpus})
        assert [phase.phase for phase in launch.phases].count(Phase.WAITING) == 0
        assert await kernel.run("1 + 1") == "2"
        with pytest.raises(GpusBusyError):  # they are the kernel's now, not to be given up
            await AsyncKernelManager(kernel_name=spare.environment.name).start_kernel(cwd=cwd)
        assert len(await holders(room)) == 1
    assert await holders(room) == []


async def test_who_would_wait_gets_what_waits(room: Room) -> None:
    """At once, also who does not want to wait; and a GPU never has two."""
    spare = await waiting(room, 2)
    other = await room.environment(MEMORY_IMAGE, gpus=1, memory=600 << 20)
    async with running(other.name, cwd=str(room.workspace)) as kernel:
        assert await kernel.run("1 + 1") == "2"
        assert spare.ended.done()
        (holder,) = await holders(room)
        assert holder.id == await kernel.container_id()
        assert room.services.kernels.spares.free == []


async def test_what_waits_stays_where_others_are_free(room: Room) -> None:
    spare = await waiting(room, 1)
    other = await room.environment(MEMORY_IMAGE, gpus=1, memory=600 << 20)
    async with running(other.name, cwd=str(room.workspace)) as kernel:
        assert not spare.ended.done()
        taken = {uuid for each in await holders(room) for uuid in labels.gpus_of(each)}
        assert len(taken) == 2
        assert await kernel.run("1 + 1") == "2"
    await room.services.kernels.spares.close()
    assert await holders(room) == []


async def test_none_is_made_where_no_gpu_is_free(room: Room) -> None:
    await waiting(room, 2)
    environment = await room.environment(MEMORY_IMAGE, gpus=1)
    with pytest.raises(GpusBusyError):
        await room.services.kernels.spares.make(environment, {})
    await room.services.kernels.spares.close()


async def test_gpus_that_are_not_well_are_not_taken(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One fails while it waits: the kernel gets others, of those that are well."""
    spare = await waiting(room, 1)
    inventory = room.services.inventory
    snapshot = await inventory.snapshot()
    bad = Problem("gpu_lost", "The GPU has fallen off the bus.", "Restart the machine.")
    gpus = tuple(
        replace(gpu, problem=bad) if gpu.uuid == spare.gpus[0].uuid else gpu
        for gpu in snapshot.gpus
    )

    async def look() -> GpuSnapshot:
        return replace(snapshot, gpus=gpus)

    kernel_id = promised(room, spare)
    monkeypatch.setattr(inventory, "snapshot", look)
    async with running(
        spare.environment.name, kernel_id=kernel_id, cwd=str(room.workspace)
    ) as kernel:
        (holder,) = await holders(room)
        assert holder.id == await kernel.container_id() != spare.container_id
        assert labels.gpus_of(holder) == {snapshot.gpus[1].uuid}


async def test_the_list_of_gpus_says_that_nobody_has_them_yet(room: Room) -> None:
    room.become_server()
    spare = await waiting(room, 1)
    held = [use for use in (await room.services.gpu_usage()).uses if use.holders]
    ((holder,),) = (use.holders for use in held)
    assert (holder.container_id, holder.kernel_id) == (spare.container_id, "")
    assert holder.display_name == f"{spare.environment.display_name} (waits for a kernel)"
    await room.services.kernels.spares.close()


async def test_a_launch_of_particular_gpus_gives_up_what_was_promised(room: Room) -> None:
    """The promise holds them: the launch would wait for itself."""
    spare = await waiting(room, 2)
    kernel_id = promised(room, spare)
    wanted = GpuRequest(uuids=(spare.gpus[0].uuid,))
    assert room.services.kernels.spares.kept(kernel_id, wanted) == ()
    await room.services.kernels.spares.given_up()
    assert spare.ended.done()
    assert await holders(room) == []


async def test_gpus_of_a_container_that_ended_are_waited_for_like_all_others(room: Room) -> None:
    """It was promised and has died since; somebody else has taken the GPUs meanwhile."""
    room.configure(fixed_gpus=TWO_GPUS[:1], wait_for_gpus=60)
    spare = await waiting(room, 1)
    kernel_id = promised(room, spare)
    assert room.services.kernels.spares.kept(kernel_id, spare.environment.gpu_request)
    await room.services.backend.signal(spare.container_id, 9)
    await asyncio.wrap_future(spare.ended)
    await room.services.claims.release(spare.container_id)
    other = await room.environment(MEMORY_IMAGE, gpus=1, memory=600 << 20)
    cwd = str(room.workspace)
    async with running(other.name, cwd=cwd):
        manager = AsyncKernelManager(kernel_name=spare.environment.name)
        starting = asyncio.ensure_future(manager.start_kernel(kernel_id=kernel_id, cwd=cwd))
        there = asyncio.Event()

        def look(launch: object) -> None:
            found = room.services.launches.find(kernel_id)
            if found is not None and found.phase is Phase.WAITING:
                there.set()

        room.services.launches.on_change(look)
        await asyncio.wait_for(there.wait(), 30)
    await asyncio.wait_for(starting, 60)
    try:
        (holder,) = await holders(room)
        assert holder.labels[labels.KERNEL] == kernel_id
    finally:
        await manager.shutdown_kernel(now=True)
    assert await holders(room) == []


async def test_modules_are_there_before_the_kernel_is_taken(room: Room) -> None:
    """What cannot be imported hinders nobody; one that is not ready is promised to nobody."""
    room.configure(spare_modules={"pytorch/*": ["wave", "no_such_module"], "other/*": ["chunk"]})
    environment: Environment = await room.environment(MEMORY_IMAGE)
    spares = room.services.kernels.spares
    spare = await spares.make(environment, {})
    assert spare is not None
    assert spare.modules == ("wave", "no_such_module")
    pipe = os.path.join(spare.seat.run_dir, PIPE_FILE)
    os.close(await asyncio.to_thread(os.open, pipe, os.O_WRONLY))  # when somebody reads it
    kernel_id = spares.promise(environment.name)
    assert kernel_id == spare.kernel_id
    assert spares.kept(kernel_id, environment.gpu_request) == ()
    cwd = str(room.workspace)
    names = "import sys; print('wave' in sys.modules, 'wave' in dir())"
    async with running(environment.name, kernel_id=kernel_id, cwd=cwd) as kernel:
        assert await kernel.container_id() == spare.container_id
        assert await kernel.run(names) == "True False"
        await kernel.manager.restart_kernel(now=True)
        await kernel.answers_again()
        assert await kernel.run(names) == "False False"
    async with running(environment.name, cwd=cwd) as cold:
        assert await cold.run(names) == "False False"
