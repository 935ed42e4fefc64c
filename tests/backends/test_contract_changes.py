"""What every container backend promises to tell of changes, whoever makes them."""

from __future__ import annotations

import asyncio

from jupyter_gpu_containers.model.change import EngineChange
from jupyter_gpu_containers.model.kernel import labels
from tests.backends.conftest import EVERY_BACKEND, TIMEOUT, Bench

pytestmark = EVERY_BACKEND


class Ear:
    """Waits for a change; others work on the engine, too, so what is heard besides is no matter."""

    def __init__(self, bench: Bench) -> None:
        self._loop = asyncio.get_running_loop()
        self._heard: set[EngineChange] = set()
        self._news = asyncio.Event()
        bench.backend.on_change(self._hear)

    def _hear(self, change: EngineChange) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._take, change)

    def _take(self, change: EngineChange) -> None:
        self._heard.add(change)
        self._news.set()

    def forget(self) -> None:
        """Begin anew."""
        self._heard.clear()

    async def until(self, change: EngineChange) -> None:
        """Wait until this change was told of."""
        while change not in self._heard:
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), TIMEOUT)


async def test_a_name_that_comes_and_goes(bench: Bench) -> None:
    ear, name = Ear(bench), bench.name()
    await bench.backend.tag(bench.reference, name)
    await ear.until(EngineChange.IMAGES)
    ear.forget()
    await bench.backend.remove_image(name)
    await ear.until(EngineChange.IMAGES)


async def test_a_claim_that_comes_and_goes(bench: Bench) -> None:
    """The container has no GPU: its label alone is the claim."""
    ear = Ear(bench)
    spec = await bench.python("pass")
    claim = {**spec.labels, labels.GPUS: "GPU-00000000-0000-0000-0000-000000000000"}
    container_id = await bench.create("pass", labels=claim)
    await ear.until(EngineChange.CONTAINERS)
    ear.forget()
    await bench.backend.remove(container_id)
    await ear.until(EngineChange.CONTAINERS)
