"""Launches that wait for GPUs, over the end of their server: places, files, what cannot go on."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_gpu_containers.backends.memory import MemoryStore
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.launch import Phase
from jupyter_gpu_containers.service.queue.file import QueueFile, known_queues
from tests.service.launch_desk import Desk
from tests.service.waiting_desk import *  # noqa: F403
from tests.service.waiting_desk import keep, position, queue_of, restore, start, waits, written


async def test_places_survive_the_server(tmp_path: Path, store: MemoryStore) -> None:
    desk = Desk(tmp_path, store=store)
    keep(desk, tmp_path)
    holder = await start(desk, gpus=2)
    waiting = [await waits(desk, 1, "first.ipynb"), await waits(desk, 2, "second.ipynb")]
    await desk.launches.close()
    # for pages it goes on waiting
    assert [desk.launches.get(each.id).phase for each in waiting] == [Phase.WAITING] * 2
    assert queue_of(tmp_path) == [each.id for each in waiting]

    again = Desk(tmp_path, store=store)
    restore(again, tmp_path)
    assert [each.phases for each in again.launches.list()] == [
        each.phases for each in reversed(waiting)
    ]  # before anything is done about them
    again.launches.resume()
    await again.until(lambda: [position(again, each) for each in waiting] == [1, 2])
    assert again.launches.get(waiting[0].id).path == "first.ipynb"
    since = again.launches.get(waiting[0].id).queue.since  # type: ignore[union-attr]
    assert since == waiting[0].queue.since  # type: ignore[union-attr]
    newcomer = await waits(again, 3)
    again.door.claimed[holder.id] = desk.door.claimed[holder.id]
    await again.door.stop(holder.id)
    for launch in waiting:
        await again.reached(launch.id, Phase.RUNNING)
    await again.until(lambda: position(again, newcomer) == 1)
    await again.launches.close()
    assert queue_of(tmp_path) == [newcomer.id]


async def test_one_whose_start_had_begun_waits_until_its_rest_is_gone(
    tmp_path: Path, store: MemoryStore
) -> None:
    desk = Desk(tmp_path, store=store)
    keep(desk, tmp_path)
    await start(desk, gpus=2)
    waiting = await waits(desk, 1, "first.ipynb")
    await desk.launches.close()
    again = Desk(tmp_path, store=store)
    restore(again, tmp_path)
    asked, gone = asyncio.Event(), asyncio.Event()

    async def cleared(launch_id: str) -> None:
        assert launch_id == waiting.id
        asked.set()
        await gone.wait()

    again.launches.resume(cleared)
    await asked.wait()
    assert again.launches.get(waiting.id).queue is None  # it does not ask for a GPU yet
    gone.set()
    await again.until(lambda: position(again, waiting) == 1)
    await again.launches.close()


async def test_one_that_ran_already_is_not_started_again(
    tmp_path: Path, store: MemoryStore
) -> None:
    """The server died when the kernel had answered, and before the queue's file told so."""
    desk = Desk(tmp_path, store=store)
    keep(desk, tmp_path)
    await start(desk, gpus=2)
    waiting = await waits(desk, 1, "first.ipynb")
    await desk.launches.close()
    again = Desk(tmp_path, store=store)
    restore(again, tmp_path)
    again.launches.recover(replace(waiting, path="").advance(Phase.RUNNING, 1.0))
    again.launches.resume()
    assert again.launches._tasks == {}
    await written(again)
    assert queue_of(tmp_path) == []
    assert again.launches.get(waiting.id).phase is Phase.RUNNING
    await again.launches.close()


def test_the_draft_of_a_server_that_died(tmp_path: Path) -> None:
    file = QueueFile.take(tmp_path, str(tmp_path))
    assert file is not None
    draft = file._path.with_name(f".new-{file._path.name}")
    draft.write_text('{"ver')
    assert file.read() == []
    assert not draft.exists()
    draft.write_text('{"ver')
    file.write([])
    asyncio.run(file.close())
    assert not draft.exists()


async def test_a_particular_gpu_is_waited_for_again(tmp_path: Path, store: MemoryStore) -> None:
    desk = Desk(tmp_path, store=store)
    keep(desk, tmp_path)
    first = await start(desk)
    (uuid,) = labels.gpus_of(store.records[desk.door.claimed[first.id]].as_container())
    launch = await waits(desk, 1, gpus=0, gpu_uuids=(uuid,))  # the other one is free
    await desk.launches.close()

    again = Desk(tmp_path, store=store)
    keep(again, tmp_path)
    await again.until(lambda: position(again, launch) == 1)
    await again.launches.close()


async def test_what_cannot_go_on_is_said(tmp_path: Path, store: MemoryStore) -> None:
    desk = Desk(tmp_path, store=store)
    keep(desk, tmp_path)
    await start(desk, gpus=2)
    launch = await waits(desk, 1)
    await desk.launches.close()
    desk.environments.remove(launch.environment)

    again = Desk(tmp_path, store=store)
    keep(again, tmp_path)
    failed = await again.reached(launch.id, Phase.FAILED)
    assert failed.error is not None
    assert failed.error.code == "environment_not_found"
    assert "waited for a GPU when Jupyter Server ended" in failed.error.message
    assert "has been removed" in failed.error.message
    assert failed.error.hint
    await again.launches.close()
    assert queue_of(tmp_path) == []


async def test_a_server_that_is_killed_has_written_who_waits(
    tmp_path: Path, store: MemoryStore
) -> None:
    desk = Desk(tmp_path, store=store)
    keep(desk, tmp_path)
    await start(desk, gpus=2)
    launch = await waits(desk, 1)
    await written(desk)
    assert queue_of(tmp_path) == [launch.id]
    (name,) = [name for name in os.listdir(tmp_path) if name.startswith("queue-")]
    assert stat.S_IMODE(os.stat(tmp_path / name).st_mode) == 0o600
    await desk.launches.close()


async def test_two_servers_in_one_folder_have_files_of_their_own(
    tmp_path: Path, store: MemoryStore
) -> None:
    first, second = Desk(tmp_path, store=store), Desk(tmp_path, store=store)
    for desk in (first, second):
        keep(desk, tmp_path)
    await start(first, gpus=2)
    launches = [await waits(first, 1), await waits(second, 1)]
    for desk in (first, second):
        await written(desk)
    assert [queue.alive for queue in known_queues(tmp_path)] == [True, True]
    for desk in (first, second):
        await desk.launches.close()
    found = known_queues(tmp_path)
    assert [queue.alive for queue in found] == [False, False]
    assert sorted(queue_of(tmp_path)) == sorted(each.id for each in launches)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 2}', '{"version": 1}'])
async def test_a_damaged_file_keeps_no_server_from_starting(
    desk: Desk, tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = QueueFile.take(tmp_path, str(tmp_path))
    assert file is not None
    file._path.write_text(content)
    desk.launches.restore(file)
    assert desk.launches.list() == []
    assert "taken up" in caplog.text
    await start(desk, gpus=2)
    launch = await waits(desk, 1)
    await desk.launches.close()
    assert json.loads(file._path.read_text())["launches"][0]["id"] == launch.id
