"""What is kept of the engine's answers: it costs nothing while nothing happens, and is never old.

The engine here is a socket whose events a test tells; the last test has the real one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from traitlets.config import Config

from jupyter_gpu_containers.backends.docker import DockerBackend, events, kept
from jupyter_gpu_containers.config import build_services
from jupyter_gpu_containers.errors import GpuContainersError
from jupyter_gpu_containers.model.change import EngineChange
from jupyter_gpu_containers.runtime.threads import aside
from tests.backends.conftest import TIMEOUT, Bench
from tests.backends.sockets import Proxy
from tests.doubles.eventful import EventfulEngine

FIRST, SECOND, THIRD = (f"example.org/{name}:1" for name in ("first", "second", "third"))
LIST = "GET /images/json"


class Rig:
    """A backend, and what its engine was asked and told."""

    def __init__(self, engine: EventfulEngine) -> None:
        self.engine = engine
        self.backend = DockerBackend(engine.url, timeout=5)
        self._changes: asyncio.Queue[EngineChange] = asyncio.Queue()

    async def follow(self) -> None:
        """Have the engine's events followed, and wait until they are."""
        loop = asyncio.get_running_loop()

        def hear(change: EngineChange) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._changes.put_nowait, change)

        await self.backend.info()
        self.backend.on_change(hear)
        await self.until_kept()

    async def until_kept(self) -> None:
        """Wait until a list is given again: a little after the stream is open."""
        before = -1
        while before != (before := self.engine.count(LIST)):
            await self.backend.images()
            await self.backend.images()

    async def heard(self, change: EngineChange) -> None:
        """Wait until a change is told of."""
        while await asyncio.wait_for(self._changes.get(), TIMEOUT) is not change:
            pass

    async def names(self) -> list[str]:
        return sorted(image.name for image in await self.backend.images())

    async def opened(self) -> None:
        """Wait for one more stream."""
        assert await aside(self.engine.streams.acquire, timeout=TIMEOUT)


@pytest.fixture
def rig() -> Iterator[Rig]:
    with EventfulEngine().serve() as engine:
        made = Rig(engine)
        yield made
        made.backend.close()


async def test_nothing_is_asked_while_nothing_happens(rig: Rig) -> None:
    await rig.follow()
    await rig.backend.known_info()
    before = list(rig.engine.requests)
    for _ in range(50):
        assert await rig.names() == [FIRST]
        await rig.backend.known_info()
    assert rig.engine.requests == before


async def test_who_does_not_follow_the_events_asks_each_time(rig: Rig) -> None:
    await rig.backend.info()
    await rig.names()
    rig.engine.change(SECOND)
    assert await rig.names() == [SECOND]
    assert rig.engine.count(LIST) == 2


async def test_an_event_makes_it_old_before_it_is_told(rig: Rig) -> None:
    await rig.follow()
    rig.engine.change(FIRST, SECOND)
    await rig.heard(EngineChange.IMAGES)
    assert await rig.names() == [FIRST, SECOND]
    # one with an earlier time comes later: they are told by several of the engine's threads
    rig.engine.names = [THIRD]
    rig.engine.tell("untag", at=10**18)
    await rig.heard(EngineChange.IMAGES)
    assert await rig.names() == [THIRD]


async def test_what_changes_while_it_is_listed(rig: Rig) -> None:
    """The list that is under way is as it was asked for; the next one is new."""
    await rig.follow()
    told = threading.Event()
    rig.backend.on_change(lambda change: told.set())

    def late() -> None:
        rig.engine.before_list = lambda: None
        rig.engine.change(SECOND)
        told.wait(TIMEOUT)

    rig.engine.before_list = late
    with rig.backend._kept_images.changing():
        pass  # so that the next one asks
    assert await rig.names() == [FIRST]
    assert await rig.names() == [SECOND]


@pytest.mark.parametrize("act", ["tag", "remove_image", "pull"])
async def test_ones_own_change_needs_no_event(rig: Rig, act: str) -> None:
    await rig.follow()
    rig.engine.names = [SECOND]
    arguments = (FIRST, SECOND) if act == "tag" else (FIRST,)
    await getattr(rig.backend, act)(*arguments)
    assert await rig.names() == [SECOND]


async def test_nothing_is_kept_while_the_engine_is_away(rig: Rig) -> None:
    await rig.follow()
    rig.engine.refuse = True
    rig.engine.hang_up()
    await rig.heard(EngineChange.CONNECTION)
    rig.engine.change(SECOND, told=False)
    assert await rig.names() == [SECOND]
    rig.engine.change(THIRD, told=False)
    assert await rig.names() == [THIRD]
    rig.engine.info["Architecture"] = "aarch64"
    assert (await rig.backend.known_info()).architecture == "arm64"


async def test_what_happened_in_a_gap_of_which_no_event_tells(rig: Rig) -> None:
    """An engine that was started anew remembers no events."""
    await rig.follow()
    rig.engine.names = [SECOND]
    rig.engine.hang_up()
    for _ in range(2):  # it went, and is back
        await rig.heard(EngineChange.CONNECTION)
    assert await rig.names() == [SECOND]
    await rig.until_kept()
    before = rig.engine.count(LIST)
    assert await rig.names() == [SECOND]
    assert rig.engine.count(LIST) == before


async def test_a_silent_socket_is_asked_for_events_anew_and_the_list_stays(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "IDLE_TIMEOUT", 0.05)
    monkeypatch.setattr(events, "RETRY_FIRST", 0.0)
    await rig.follow()
    before = rig.engine.count(LIST)
    for _ in range(4):
        await rig.opened()
    await rig.until_kept()
    assert rig.engine.count(LIST) <= before + 1  # asked in a pause between two streams
    rig.engine.change(SECOND)  # in a stream, or between two, which the next one repeats
    await rig.heard(EngineChange.IMAGES)
    assert await rig.names() == [SECOND]


@pytest.mark.parametrize("network", [False, True])
async def test_a_network_may_be_silent_because_it_is_gone(
    monkeypatch: pytest.MonkeyPatch, network: bool
) -> None:
    done: list[str] = []
    for name in ("follow", "pause", "lose"):
        wrapped = _noting(getattr(kept.Kept, name), name, done)
        monkeypatch.setattr(kept.Kept, name, wrapped)
    monkeypatch.setattr(events, "IDLE_TIMEOUT", 0.05)
    with EventfulEngine().serve(network=network) as engine:
        rig = Rig(engine)
        await rig.follow()
        for _ in range(3):
            await rig.opened()
        rig.backend.close()
    assert set(done[:5]) == {"follow", "lose" if network else "pause"}


def _noting(act: Callable[[Any], None], name: str, done: list[str]) -> Callable[[Any], None]:
    def noted(self: Any) -> None:
        done.append(name)
        act(self)

    return noted


async def test_an_engine_that_ends_its_stream_in_order(rig: Rig) -> None:
    """Podman does; it may have gone all the same."""
    await rig.follow()
    rig.engine.refuse = True
    rig.engine.hang_up(in_order=True)
    await rig.heard(EngineChange.CONNECTION)
    rig.engine.names = [SECOND]
    assert await rig.names() == [SECOND]


async def test_closed_while_its_stream_is_opened(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread ends, however long events go on to come."""
    opened = events._open

    def close_first(*question: Any) -> Any:
        stream = opened(*question)
        rig.backend.close()
        return stream

    monkeypatch.setattr(events, "IDLE_TIMEOUT", 10 * TIMEOUT)
    monkeypatch.setattr(events, "_open", close_first)
    await rig.backend.info()
    rig.backend.on_change(lambda change: None)
    [thread] = [one for one in threading.enumerate() if one.name == "gpu-containers-events"]
    await aside(thread.join, TIMEOUT)
    assert not thread.is_alive()


async def test_podman_is_always_asked() -> None:
    with EventfulEngine(BuildahVersion="1.28").serve() as engine:
        rig = Rig(engine)
        engine.version = {**engine.version, "Components": [{"Name": "Podman Engine"}]}
        await rig.backend.info()
        rig.backend.on_change(lambda change: None)
        await rig.opened()
        for name in (FIRST, SECOND, THIRD):
            engine.change(name, told=False)
            assert await rig.names() == [name]
        rig.backend.close()


async def test_calls_at_once_share_a_question_and_none_ends_it_for_the_others(rig: Rig) -> None:
    await rig.follow()
    go, begun = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        go.wait(TIMEOUT)

    rig.engine.before_list = hold
    rig.engine.tell()
    await rig.heard(EngineChange.IMAGES)
    before = rig.engine.count(LIST)
    asking = [asyncio.ensure_future(rig.names()) for _ in range(5)]
    await aside(begun.wait, TIMEOUT)
    asking[0].cancel()
    go.set()
    told = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(told[0], asyncio.CancelledError)
    assert told[1:] == [[FIRST]] * 4
    assert rig.engine.count(LIST) == before + 1


async def test_a_failure_is_told_to_all_and_not_kept(rig: Rig) -> None:
    await rig.follow()
    row, rig.engine.names = rig.engine.names, None  # type: ignore[assignment]
    rig.engine.tell()
    await rig.heard(EngineChange.IMAGES)
    told = await asyncio.gather(*(rig.names() for _ in range(3)), return_exceptions=True)
    assert all(isinstance(one, GpuContainersError) for one in told)
    rig.engine.names = row
    assert await rig.names() == [FIRST]


async def test_it_does_not_grow_old_for_ever(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may change images behind the engine's back."""
    await rig.follow()
    rig.engine.names = [SECOND]
    assert await rig.names() == [FIRST]
    later = rig.backend._kept_images._clock() + kept.MAX_AGE
    monkeypatch.setattr(rig.backend._kept_images, "_clock", lambda: later)
    assert await rig.names() == [SECOND]


# -- without an engine -------------------------------------------------------------------------


class Asked:
    """Numbers, and a pool in which they are asked for when the test lets them."""

    def __init__(self) -> None:
        self.count = 0
        self.go = threading.Event()
        self.go.set()
        self.begun = threading.Event()
        self.pool = ThreadPoolExecutor(1)
        self.kept = kept.Kept(self._ask, self.pool)

    def _ask(self) -> int:
        self.count += 1
        mine = self.count
        self.begun.set()
        self.go.wait(TIMEOUT)
        return mine


@pytest.fixture
def asked() -> Iterator[Asked]:
    made = Asked()
    yield made
    made.go.set()
    made.pool.shutdown()


async def test_a_pause_gives_nothing_and_loses_nothing(asked: Asked) -> None:
    assert [await asked.kept.get(), await asked.kept.get()] == [1, 2]  # nobody tells yet
    asked.kept.follow()
    assert [await asked.kept.get(), await asked.kept.get()] == [3, 3]
    asked.kept.pause()
    assert [await asked.kept.get(), await asked.kept.get()] == [4, 5]
    asked.kept.follow()
    assert await asked.kept.get() == 5  # what changed in the pause would have been told by now
    asked.kept.lose()
    asked.kept.follow()
    assert [await asked.kept.get(), await asked.kept.get()] == [6, 6]


@pytest.mark.parametrize("happens", ["lose", "changed"])
async def test_a_question_from_before_is_not_kept(asked: Asked, happens: str) -> None:
    asked.kept.follow()
    asked.go.clear()
    asking = asyncio.ensure_future(asked.kept.get())
    await aside(asked.begun.wait, TIMEOUT)
    getattr(asked.kept, happens)()
    later = asyncio.ensure_future(asked.kept.get())  # does not join what began before
    asked.kept.follow()
    asked.go.set()
    assert (await asking, await later) == (1, 2)
    assert await asked.kept.get() in (2, 3)


async def test_a_question_that_was_begun_while_nobody_told(asked: Asked) -> None:
    asked.go.clear()
    asking = asyncio.ensure_future(asked.kept.get())
    await aside(asked.begun.wait, TIMEOUT)
    asked.kept.follow()
    asked.go.set()
    assert await asking == 1
    assert await asked.kept.get() == 2


async def test_who_gives_up_in_the_queue_does_not_cancel_it_for_others(asked: Asked) -> None:
    asked.kept.follow()
    busy = threading.Event()
    asked.pool.submit(busy.wait, TIMEOUT)
    first, second = (asyncio.ensure_future(asked.kept.get()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    busy.set()
    assert await asyncio.wait_for(second, TIMEOUT) == 1


async def test_in_an_interpreter_that_ends_it_is_asked_here(asked: Asked) -> None:
    asked.kept.follow()
    asked.pool.shutdown()
    assert await asked.kept.get() == 1


# -- the real one ------------------------------------------------------------------------------


@pytest.mark.engine
async def test_a_pages_list_costs_a_real_engine_nothing(docker: Bench, engine_host: str) -> None:
    name = docker.name()
    with Proxy(engine_host).serve() as proxy:
        config = Config({"GpuContainers": {"engine_url": proxy.url}})
        services = build_services(config, workspace=str(docker.folder))
        news: asyncio.Queue[EngineChange] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def hear(change: EngineChange) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(news.put_nowait, change)

        async def page() -> set[str]:
            found = await services.images.list()
            rated = await services.inspection.rate_known(found)
            names = {reference for image in found for reference in image.references}
            return names if len(rated) == len(found) else set()

        services.backend.on_change(hear)
        while not await page():  # until each image was looked up once
            pass
        for _ in range(3):  # the containers of other tests come and go
            while proxy.requests:
                proxy.requests.clear()
                await page()
        proxy.requests.clear()
        for _ in range(20):
            assert name not in await page()
        assert [line for line in proxy.requests if "/images/json" in line] == []
        await docker.backend.tag(docker.reference, name)  # another connection, another process
        while name not in await page():
            await asyncio.wait_for(news.get(), TIMEOUT)
        services.close()
