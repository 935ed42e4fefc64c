"""A desk whose launches wait for two GPUs; fixtures, and how launches are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_gpu_containers.backends.memory import MemoryStore
from jupyter_gpu_containers.model.kernel.launch import Launch, LaunchRequest, Phase
from jupyter_gpu_containers.service.queue import queue as queue_module
from jupyter_gpu_containers.service.queue import waiting as waiting_module
from jupyter_gpu_containers.service.queue.file import QueueFile, known_queues
from tests.service.launch_desk import IMAGE, Desk

__all__ = [
    "_hurry",
    "desk",
    "store",
]


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Places are told at once; only what is told wakes who waits."""
    monkeypatch.setattr(waiting_module, "TELL_INTERVAL", 0.0)
    monkeypatch.setattr(queue_module, "POLL", 3600.0)


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    store = MemoryStore()
    yield store
    store.kill_all()


@pytest.fixture
def desk(tmp_path: Path, store: MemoryStore) -> Desk:
    return Desk(tmp_path, store=store)


def one(path: str = "n.ipynb", gpus: int = 1, **more: object) -> LaunchRequest:
    return LaunchRequest(image=IMAGE, gpus=gpus, path=path, **more)  # type: ignore[arg-type]


async def start(desk: Desk, path: str = "n.ipynb", gpus: int = 1) -> Launch:
    launch = desk.launches.submit(one(path, gpus))
    desk.door.attached_kernels.add(launch.id)
    return await desk.reached(launch.id, Phase.RUNNING)


async def waits(desk: Desk, position: int, path: str = "n.ipynb", **more: object) -> Launch:
    """Ask for a GPU, and wait until the launch is at this place."""
    launch = desk.launches.submit(one(path, **more))  # type: ignore[arg-type]

    def is_there() -> bool:
        place = desk.launches.get(launch.id).queue
        return place is not None and place.position == position

    await desk.until(is_there)
    return desk.launches.get(launch.id)


def position(desk: Desk, launch: Launch) -> int | None:
    place = desk.launches.get(launch.id).queue
    return place and place.position


def queue_of(folder: Path) -> list[str]:
    """Return who waits, as the file on disk says it."""
    return [entry.launch.id for queue in known_queues(folder) for entry in queue.launches]


def restore(desk: Desk, folder: Path) -> None:
    """Show who waited in the former life of this server, and keep who waits in its file."""
    file = QueueFile.take(folder, str(folder))
    assert file is not None
    desk.launches.restore(file)


def keep(desk: Desk, folder: Path) -> None:
    """Keep who waits in the file of this server, and go on with who waited."""
    restore(desk, folder)
    desk.launches.resume()


async def written(desk: Desk) -> None:
    """Wait until the disk has it."""
    file = desk.launches._room._file
    assert file is not None
    await file.flush()
