"""Launches that wait for GPUs: places, the CPU instead, leaving, and Jupyter's own kernels."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from jupyter_gpu_containers.backends.memory import MemoryStore
from jupyter_gpu_containers.errors import (
    ConflictError,
    GpusBusyError,
    LaunchCancelledError,
    QueueFullError,
)
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.launch import LaunchRequest, Phase
from jupyter_gpu_containers.service.queue import waiting as waiting_module
from tests.service.launch_desk import IMAGE, Desk
from tests.service.waiting_desk import *  # noqa: F403
from tests.service.waiting_desk import keep, one, position, queue_of, start, waits


async def test_who_waits_is_told_its_place_and_who_has_the_gpus(desk: Desk) -> None:
    holder = await start(desk, gpus=2)
    first = await waits(desk, 1)
    second = await waits(desk, 2)
    assert first.phase is second.phase is Phase.WAITING
    assert second.queue is not None
    assert second.queue.holders == (f"{holder.id}.ipynb (ada)",)
    assert second.queue.estimate is None
    await desk.until(lambda: desk.launches.get(first.id).queue.length == 2)  # type: ignore[union-attr]
    await desk.launches.close()


async def test_the_next_one_starts_when_a_kernel_ends(desk: Desk) -> None:
    holder = await start(desk, gpus=2)
    first, second = await waits(desk, 1), await waits(desk, 2)
    third = await waits(desk, 3)
    await desk.launches.cancel(holder.id)
    for launch in (first, second):
        done = await desk.reached(launch.id, Phase.RUNNING)
        assert done.queue is None
        assert [each.phase for each in done.phases] == [
            Phase.QUEUED,
            Phase.WAITING,
            Phase.CREATING,
            Phase.STARTING,
            Phase.RUNNING,
        ]
    await desk.until(lambda: position(desk, third) == 1)
    await desk.launches.close()


async def test_with_a_free_gpu_nobody_waits(desk: Desk) -> None:
    running = await start(desk)
    assert Phase.WAITING not in [each.phase for each in running.phases]
    assert all(state.queue is None for state in desk.seen)
    await desk.launches.close()


async def test_users_take_turns(desk: Desk) -> None:
    await start(desk, gpus=2)
    ada = [await waits(desk, 1), await waits(desk, 2)]
    grace = desk.launches.submit(one(), user="grace")
    await desk.until(lambda: position(desk, grace) == 2)
    await desk.until(lambda: position(desk, ada[1]) == 3)
    await desk.launches.close()


async def test_start_on_the_cpu(desk: Desk) -> None:
    await start(desk, gpus=2)
    launch = await waits(desk, 1)
    behind = await waits(desk, 2)
    assert launch.environment != behind.kernel_id
    started = await desk.launches.start_on_cpu(launch.id)
    assert (started.phase, started.queue) == (Phase.CREATING, None)
    running = await desk.reached(launch.id, Phase.RUNNING)
    environment = desk.environments.get(running.environment)
    assert environment.gpus == 0
    assert environment.reference == IMAGE
    assert running.display_name == environment.display_name
    await desk.until(lambda: position(desk, behind) == 1)
    await desk.launches.close()


async def test_only_who_waits_can_start_on_the_cpu(desk: Desk) -> None:
    running = await start(desk)
    with pytest.raises(ConflictError) as caught:
        await desk.launches.start_on_cpu(running.id)
    assert caught.value.error_code == "not_waiting"
    assert "running" in caught.value.message
    await desk.launches.close()


async def test_leaving_leaves_nothing(desk: Desk, store: MemoryStore, tmp_path: Path) -> None:
    keep(desk, tmp_path)
    await start(desk, gpus=2)
    launch = await waits(desk, 1)
    behind = await waits(desk, 2)
    containers = set(store.records)
    await desk.launches.cancel(launch.id)
    left = desk.launches.get(launch.id)
    assert (left.phase, left.error, left.queue) == (Phase.CANCELLED, None, None)
    assert set(store.records) == containers
    assert launch.id not in desk.door.kernels
    await desk.until(lambda: position(desk, behind) == 1)
    await desk.launches.close()
    assert queue_of(tmp_path) == [behind.id]


async def test_who_would_not_wait_is_told_who_has_the_gpus(desk: Desk) -> None:
    await start(desk, gpus=2)
    launch = desk.launches.submit(one(wait=False))
    failed = await desk.reached(launch.id, Phase.FAILED)
    assert failed.error is not None
    assert failed.error.code == "gpus_busy"
    assert "Held by" in failed.error.message
    assert Phase.WAITING not in [each.phase for each in failed.phases]
    await desk.launches.close()


async def test_more_than_there_are_is_refused_at_once(desk: Desk) -> None:
    launch = desk.launches.submit(one(gpus=3))
    failed = await desk.reached(launch.id, Phase.FAILED)
    assert failed.error is not None
    assert failed.error.code == "not_enough_gpus"


async def test_a_full_queue_takes_nobody(desk: Desk) -> None:
    await start(desk, gpus=2)
    for place in (1, 2, 3):
        await waits(desk, place)
    known = len(desk.launches.list())
    with pytest.raises(QueueFullError):
        desk.launches.submit(one())
    assert len(desk.launches.list()) == known
    desk.launches.submit(LaunchRequest(image=IMAGE))  # on the CPU nobody waits
    await desk.launches.close()


async def test_many_at_once_over_a_full_queue(desk: Desk) -> None:
    """None of them was in the queue when the others asked."""
    launches = [desk.launches.submit(one()) for _ in range(8)]
    await desk.until(lambda: sum(each.phase.final for each in desk.launches.list()) == 3)
    await desk.until(lambda: sum(each.queue is not None for each in desk.launches.list()) == 3)
    refused = [desk.launches.get(each.id) for each in launches[5:]]
    assert [each.error and each.error.code for each in refused] == ["queue_full"] * 3
    await desk.launches.close()


async def test_a_notebook_that_moves_keeps_its_gpu(desk: Desk, store: MemoryStore) -> None:
    """Its new launch waits behind nobody for what its old kernel has."""
    old = await start(desk)
    await start(desk)
    behind = await waits(desk, 1)
    new = desk.launches.submit(one(replaces=old.id))
    await desk.reached(new.id, Phase.RUNNING)
    gpus = [
        labels.gpus_of(store.records[desk.door.claimed[key]].as_container())
        for key in (old.id, new.id)
    ]
    assert gpus[0] == gpus[1]
    assert position(desk, behind) == 1
    await desk.launches.close()


async def test_a_notebook_that_moves_to_more_gpus_waits_for_them(desk: Desk) -> None:
    old = await start(desk)
    holder = await start(desk)
    behind = await waits(desk, 1)
    new = desk.launches.submit(one(gpus=2, replaces=old.id))
    await desk.until(lambda: position(desk, new) == 2)
    await desk.launches.cancel(holder.id)
    await desk.reached(behind.id, Phase.RUNNING)
    await desk.until(lambda: position(desk, new) == 1)
    await desk.launches.close()


async def test_who_is_new_is_told_at_once_and_others_in_rounds(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_module, "TELL_INTERVAL", 3600.0)
    await start(desk, gpus=2)
    first, second, third = [await waits(desk, place) for place in (1, 2, 3)]
    assert third.queue is not None
    assert third.queue.length == 3
    lengths = {
        place.length
        for launch in (first, second)
        if (place := desk.launches.get(launch.id).queue) is not None
    }
    assert max(lengths) < 3, "their places were told again before the round"
    await desk.launches.close()


async def test_a_round_follows_for_those_whose_places_changed_in_the_pause(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_module, "TELL_INTERVAL", 0.05)
    await start(desk, gpus=2)
    launches = [desk.launches.submit(one()) for _ in range(3)]

    def places() -> list[tuple[int, int]]:
        now = [desk.launches.get(launch.id).queue for launch in launches]
        return [(place.position, place.length) for place in now if place is not None]

    await desk.until(lambda: places() == [(1, 3), (2, 3), (3, 3)])
    await desk.launches.cancel(launches[0].id)
    await desk.until(lambda: places() == [(1, 2), (2, 2)])
    await desk.launches.close()


# --- kernels that Jupyter starts of its own accord ------------------------------------------------


async def test_by_default_jupyters_own_kernels_do_not_wait(desk: Desk) -> None:
    running = await start(desk, gpus=2)
    environment = desk.environments.get(running.environment)
    desk.launches.begin("k", environment, "k.ipynb")
    with pytest.raises(GpusBusyError):
        await desk.launches.turn("k", environment)
    await desk.launches.close()


async def test_jupyters_own_kernels_wait_in_the_same_queue(
    tmp_path: Path, store: MemoryStore
) -> None:
    desk = Desk(tmp_path, store=store, wait_for_gpus=30.0)
    keep(desk, tmp_path)
    running = await start(desk, gpus=2)
    environment = desk.environments.get(running.environment)
    before = await waits(desk, 1)
    desk.launches.begin("k", environment, "k.ipynb")
    turn = asyncio.ensure_future(taking(desk, "k"))
    await desk.until(lambda: desk.launches.get("k").phase is Phase.WAITING)
    assert desk.launches.get("k").queue.position == 2  # type: ignore[union-attr]
    assert desk.launches.leave("k")
    await asyncio.wait_for(turn, 10)
    assert desk.launches.get("k").phase is Phase.CANCELLED
    await desk.launches.close()
    assert queue_of(tmp_path) == [before.id]  # Jupyter's own are not taken up again


async def taking(desk: Desk, kernel_id: str) -> None:
    launch = desk.launches.get(kernel_id)
    try:
        await desk.launches.turn(kernel_id, desk.environments.get(launch.environment))
    except LaunchCancelledError as exc:
        desk.launches.fail(kernel_id, exc)
