"""That resources have changed is told at once, once for many changes, and from any thread."""

from __future__ import annotations

import asyncio
import threading

from jupyter_gpu_containers.backends.memory import MemoryBackend, MemoryStore
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.model.change import EngineChange, Resource
from jupyter_gpu_containers.service.changes import Changes

TIMEOUT = 20.0  # seconds
LONG = 3600.0  # seconds between two words; nothing in these tests takes that long
NAME = "example.org/mine:1"


class Ear:
    """Hears what is told."""

    def __init__(self, changes: Changes) -> None:
        self.heard: list[str] = []
        self._news = asyncio.Event()
        changes.on_change(self._hear)

    def _hear(self, resource: Resource) -> None:
        self.heard.append(resource.value)
        self._news.set()

    async def until(self, count: int) -> list[str]:
        """Wait until so many were told of."""
        while len(self.heard) < count:
            await asyncio.wait_for(self._news.wait(), TIMEOUT)
            self._news.clear()
        return self.heard


async def turns() -> None:
    """Let all that is ready run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_many_changes_are_told_at_once_and_once_more() -> None:
    changes = Changes(interval=0.05)
    ear = Ear(changes)
    changes.begin(MemoryBackend())
    for _ in range(100):
        changes.note(Resource.IMAGES, Resource.GPUS)
    await turns()
    assert sorted(ear.heard) == ["gpus", "images"]  # at once
    assert sorted(await ear.until(4)) == ["gpus", "gpus", "images", "images"]
    changes.note(Resource.STATUS)  # another one has waited for nobody
    await turns()
    assert ear.heard[4:] == ["status"]
    changes.close()


async def test_nothing_is_lost_within_the_pause() -> None:
    """What changes after it was told of is told of again, however soon."""
    changes = Changes(interval=0.05)
    ear = Ear(changes)
    changes.begin(MemoryBackend())
    for count in (1, 2, 3):
        changes.note(Resource.GPUS)
        assert await ear.until(count) == ["gpus"] * count
    changes.close()


async def test_nothing_is_told_before_it_begins_and_after_its_end() -> None:
    changes = Changes(interval=LONG)
    ear = Ear(changes)
    changes.note(Resource.IMAGES)
    await turns()
    assert ear.heard == []
    changes.begin(MemoryBackend())
    changes.note(Resource.IMAGES)
    changes.note(Resource.IMAGES)
    await turns()
    assert ear.heard == ["images"]
    changes.close()
    changes.note(Resource.GPUS)
    await turns()
    assert ear.heard == ["images"]


async def test_what_another_server_does_on_the_same_engine_is_told() -> None:
    """An image that gets a name may be what an environment was waiting for."""
    store = MemoryStore()
    mine, other = MemoryBackend(store=store), MemoryBackend(store=store)
    changes = Changes(interval=LONG)
    ear = Ear(changes)
    changes.begin(mine)
    await other.tag(DEMO_IMAGES[0].id, NAME)
    assert sorted(await ear.until(2)) == ["environments", "images"]
    mine.close()
    await other.remove_image(NAME)
    await turns()
    assert len(ear.heard) == 2


async def test_an_engine_that_went_away_changes_all_that_it_told() -> None:
    backend = MemoryBackend()
    store = MemoryStore()
    changes = Changes(interval=LONG)
    ear = Ear(changes)
    backend = MemoryBackend(store=store)
    changes.begin(backend)
    thread = threading.Thread(target=store.tell, args=(EngineChange.CONNECTION,))
    thread.start()
    assert sorted(await ear.until(3)) == ["gpus", "images", "status"]
    thread.join()
    changes.close()


def test_a_loop_that_has_ended_is_no_reason_to_fail() -> None:
    changes = Changes()

    async def begin() -> None:
        changes.begin(MemoryBackend())

    asyncio.run(begin())
    changes.note(Resource.IMAGES)
