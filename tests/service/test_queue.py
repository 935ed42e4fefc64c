"""The queue of a process: who is let in, who waits, and what becomes of them."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend, MemoryStore
from jupyter_gpu_containers.errors import (
    EngineUnreachableError,
    GpusBusyError,
    LaunchCancelledError,
    NotEnoughGpusError,
    QueueFullError,
)
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model import labels
from jupyter_gpu_containers.model.container import Container, ContainerSpec
from jupyter_gpu_containers.model.gpu import Gpu, GpuRequest, GpuSnapshot, Problem
from jupyter_gpu_containers.model.gpu_slots import GpuSlots
from jupyter_gpu_containers.model.queue import Ticket
from jupyter_gpu_containers.service import claims as claims_module
from jupyter_gpu_containers.service import queue as queue_module
from jupyter_gpu_containers.service.admission import Asker
from jupyter_gpu_containers.service.claims import Claim, Claims
from jupyter_gpu_containers.service.owner import Owner
from jupyter_gpu_containers.service.queue import Queue

IMAGE = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"
ME = str(Owner.current())


class SometimesAway(MemoryBackend):
    """An engine that can be away."""

    away = False

    async def containers(self, label: str) -> list[Container]:
        """List, if the engine is there."""
        if self.away:
            raise EngineUnreachableError("The engine does not answer.", "Start it.")
        return await super().containers(label)


class Machine(FixedInventory):
    """GPUs that can go away."""

    gone: GpuSnapshot | None = None

    async def snapshot(self) -> GpuSnapshot:
        """Return what there is."""
        return self.gone or await super().snapshot()


class Hall:
    """A queue over a number of GPUs, and what asks and claims."""

    def __init__(
        self, store: MemoryStore, gpus: int = 2, *, limit: int = 50, slots: int = 1
    ) -> None:
        self.backend = SometimesAway(store=store)
        self.inventory = Machine([{"count": gpus}])
        self.claims = Claims(
            self.backend,
            self.inventory,
            slots=GpuSlots({"*": slots}),
            rng=random.Random(1),
        )
        self.queue = Queue(self.claims, limit=limit)
        self.running: dict[str, Claim] = {}
        self.tasks: dict[str, asyncio.Task[tuple[str, ...]]] = {}
        self._changed = asyncio.Event()
        self.queue.on_change(lambda: self._changed.set())

    def asker(self, name: str, count: int = 1, user: str = "ada") -> Asker:
        return Asker(name, user, GpuRequest(count), f"{name}.ipynb")

    def ask(
        self,
        name: str,
        count: int = 1,
        user: str = "ada",
        *,
        handover: Callable[[], str | None] = lambda: None,
        ticket: Ticket | None = None,
        patience: float | None = None,
    ) -> asyncio.Task[tuple[str, ...]]:
        asker = Asker(name, user, GpuRequest(count), f"{name}.ipynb", handover)
        turn = self.queue.turn(asker, patience=patience, ticket=ticket)
        self.tasks[name] = asyncio.ensure_future(turn)
        return self.tasks[name]

    async def claim(self, name: str, *, handover: str | None = None) -> Claim:
        """Wait for the turn of who has asked, and claim."""
        uuids = await asyncio.wait_for(self.tasks[name], 10)
        claim = await self.claims.claim(GpuRequest(uuids=uuids), make_spec(name), handover=handover)
        self.queue.done(name)
        self.running[name] = claim
        return claim

    async def run(self, name: str, count: int = 1, user: str = "ada") -> Claim:
        """Ask and claim."""
        self.ask(name, count, user)
        return await self.claim(name)

    async def end(self, name: str) -> None:
        """Remove a container."""
        await self.claims.release(self.running.pop(name).container_id)

    async def waits(self, *names: str) -> None:
        """Wait until these wait, in this order."""

        async def until() -> None:
            while [ticket.id for ticket in self.queue.waiting()] != list(names):
                self._changed.clear()
                await self._changed.wait()

        await asyncio.wait_for(until(), 10)

    async def close(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


def make_spec(name: str) -> Callable[[tuple[Gpu, ...], str], ContainerSpec]:
    def make(gpus: tuple[Gpu, ...], container: str) -> ContainerSpec:
        uuids = tuple(gpu.uuid for gpu in gpus)
        return ContainerSpec(
            image=IMAGE,
            command=("sleep", "1000"),
            name=container,
            user=f"{os.getuid()}:{os.getgid()}",
            working_dir="/",
            labels=labels.make_labels(
                purpose="kernel", owner=ME, user="ada", gpus=uuids, notebook=f"{name}.ipynb"
            ),
            gpus=uuids,
        )

    return make


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_module, "BACKOFF", 0.001)


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    store = MemoryStore()
    yield store
    store.kill_all()


@pytest.fixture
def hall(store: MemoryStore, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Hall]:
    hall = Hall(store)
    yield hall
    jp_asyncio_loop.run_until_complete(hall.close())


@pytest.fixture
def no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is told wakes anybody."""
    monkeypatch.setattr(queue_module, "POLL", 3600.0)


# --- let in, or not -------------------------------------------------------------------------------


async def test_who_finds_a_free_gpu_does_not_wait(hall: Hall) -> None:
    one, two = await hall.run("one"), await hall.run("two")
    assert one.gpus != two.gpus
    assert hall.queue.places() == {}


async def test_what_is_kept_is_nobody_elses(hall: Hall) -> None:
    """Both were let in before either has claimed."""
    first, second = await hall.ask("one"), await hall.ask("two")
    assert len({*first, *second}) == 2
    assert hall.queue.kept("one") == first
    hall.ask("three")
    await hall.waits("three")


async def test_slots_are_kept_like_gpus(store: MemoryStore) -> None:
    """Two kernels may share each of two GPUs: four are let in before any of them has claimed."""
    hall = Hall(store, slots=2)
    kept = [await hall.ask(name) for name in ("one", "two", "three", "four")]
    assert sorted(kept) == sorted([*kept[:2], *kept[:2]])
    hall.ask("five")
    await hall.waits("five")
    await hall.close()


async def test_places_and_holders(hall: Hall) -> None:
    await hall.run("one", 2)
    hall.ask("two")
    await hall.waits("two")
    hall.ask("three", user="grace")
    await hall.waits("two", "three")
    place = hall.queue.places()["three"]
    assert (place.position, place.length) == (2, 2)
    assert place.holders == ("one.ipynb (ada)",)


async def test_users_take_turns(hall: Hall) -> None:
    await hall.run("busy", 2)
    for name in ("a1", "a2"):
        hall.ask(name)
        await hall.queue._look()
    await hall.waits("a1", "a2")
    hall.ask("g1", user="grace")
    await hall.waits("a1", "g1", "a2")


async def test_who_asked_first_but_comes_late_is_not_put_back(hall: Hall) -> None:
    """Its image was looked into meanwhile. Others of its own user were not before it."""
    await hall.run("busy", 2)
    number = hall.queue.next_number()
    for name in ("a2", "a3"):
        hall.ask(name)
    await hall.waits("a2", "a3")
    hall.ask("g1", user="grace")
    await hall.waits("a2", "g1", "a3")
    asker = replace(hall.asker("a1"), number=number)
    hall.tasks["a1"] = asyncio.ensure_future(hall.queue.turn(asker))
    await hall.waits("a1", "g1", "a2", "a3")


@pytest.mark.usefixtures("no_poll")
async def test_a_release_wakes_the_next(hall: Hall) -> None:
    await hall.run("one")
    await hall.run("two")
    hall.ask("three")
    await hall.waits("three")
    hall.ask("four")
    await hall.waits("three", "four")
    gone = hall.running["one"].gpus
    await hall.end("one")
    assert (await hall.claim("three")).gpus == gone
    await hall.waits("four")


async def test_what_another_server_frees_is_found(
    hall: Hall, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "POLL", 0.01)
    await hall.run("mine")
    other = Hall(store)
    await other.run("theirs")
    hall.ask("waits")
    await hall.waits("waits")
    await other.end("theirs")
    await hall.claim("waits")


@pytest.mark.usefixtures("no_poll")
async def test_many_are_not_overtaken_by_ones(hall: Hall) -> None:
    await hall.run("one")
    await hall.run("two")
    hall.ask("both", 2)
    await hall.waits("both")
    hall.ask("small", user="grace")
    await hall.waits("both", "small")
    await hall.end("one")  # enough for "small", which is not before "both"
    await hall.queue._look()
    await hall.waits("both", "small")
    await hall.end("two")
    assert len((await hall.claim("both")).gpus) == 2
    await hall.waits("small")


async def test_who_would_not_wait_is_refused(hall: Hall) -> None:
    await hall.run("one", 2)
    with pytest.raises(GpusBusyError, match=r"none of 2 is free\. Held by one\.ipynb \(ada\)"):
        await hall.ask("two", patience=0)
    assert hall.queue.waiting() == []


async def test_who_would_not_wait_does_not_overtake(hall: Hall) -> None:
    """One GPU is free, but kept for who needs two."""
    await hall.run("one")
    hall.ask("both", 2)
    await hall.waits("both")
    with pytest.raises(GpusBusyError, match="others wait"):
        await hall.ask("small", patience=0)
    await hall.waits("both")


async def test_patience_ends(hall: Hall) -> None:
    await hall.run("one", 2)
    with pytest.raises(GpusBusyError):
        await hall.ask("two", patience=0.01)
    assert hall.queue.places() == {}


async def test_more_than_there_are(hall: Hall) -> None:
    with pytest.raises(NotEnoughGpusError):
        await hall.ask("three", 3)
    assert hall.queue.places() == {}


async def test_only_so_many_may_wait(store: MemoryStore) -> None:
    hall = Hall(store, 1, limit=2)
    await hall.run("one")
    for name in ("two", "three"):
        hall.ask(name)
    await hall.waits("two", "three")
    assert hall.queue.full
    with pytest.raises(QueueFullError, match="2 launches wait"):
        await hall.ask("four")
    await hall.waits("two", "three")
    await hall.end("one")
    await hall.claim("two")
    hall.ask("five")  # there is room again
    await hall.waits("three", "five")
    await hall.close()


# --- leaving --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_poll")
async def test_leaving_lets_the_next_move_up(hall: Hall) -> None:
    await hall.run("one")
    waits = hall.ask("both", 2)
    await hall.waits("both")
    hall.ask("small")
    await hall.waits("both", "small")
    assert hall.queue.leave("both", LaunchCancelledError("The launch was cancelled."))
    with pytest.raises(LaunchCancelledError):
        await waits
    await hall.claim("small")  # what was kept for "both" is free
    assert not hall.queue.leave("both", LaunchCancelledError("Once more."))


@pytest.mark.usefixtures("no_poll")
async def test_a_wait_that_is_cancelled_leaves_nothing(hall: Hall) -> None:
    await hall.run("one")
    waits = hall.ask("both", 2)
    await hall.waits("both")
    hall.ask("small")
    await hall.waits("both", "small")
    waits.cancel()
    await hall.claim("small")
    assert hall.queue.places() == {}
    assert hall.queue.ticket("both") is None


@pytest.mark.usefixtures("no_poll")
async def test_who_was_let_in_and_gives_up_makes_room(hall: Hall) -> None:
    await hall.ask("both", 2)
    hall.ask("next")
    await hall.waits("next")
    hall.queue.done("both")  # failed before it had claimed
    await hall.claim("next")


async def test_going_on_without_gpus(hall: Hall) -> None:
    await hall.run("one", 2)
    waits = hall.ask("two")
    await hall.waits("two")
    assert hall.queue.excuse("two")
    assert await waits == ()
    assert not hall.queue.excuse("two")
    assert hall.queue.places() == {}


async def test_a_look_that_is_cancelled_is_taken_over(hall: Hall) -> None:
    """The first to look does so for all."""
    looked = asyncio.Event()
    go_on = asyncio.Event()
    look = hall.claims.look

    async def slowly():  # type: ignore[no-untyped-def]
        looked.set()
        await go_on.wait()
        return await look()

    hall.claims.look = slowly  # type: ignore[method-assign]
    first = hall.ask("first")
    await looked.wait()
    second = hall.ask("second")
    await asyncio.sleep(0)
    first.cancel()
    go_on.set()
    assert len(await asyncio.wait_for(second, 10)) == 1
    assert hall.queue.kept("first") is None


# --- handing over ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_poll")
async def test_a_notebook_that_moves_does_not_wait_for_what_it_has(hall: Hall) -> None:
    old = await hall.run("old", 2)
    hall.ask("waits", user="grace")
    await hall.waits("waits")
    hall.ask("new", 1, handover=lambda: old.container_id)
    new = await hall.claim("new", handover=old.container_id)
    assert set(new.gpus) < set(old.gpus)
    await hall.waits("waits")
    await hall.end("old")
    assert {(await hall.claim("waits")).gpus, new.gpus} == {(gpu,) for gpu in old.gpus}


@pytest.mark.usefixtures("no_poll")
async def test_a_notebook_that_moves_does_not_overtake_for_more(hall: Hall) -> None:
    old = await hall.run("old")
    other = await hall.run("other")
    hall.ask("waits", user="grace")
    await hall.waits("waits")
    hall.ask("new", 2, handover=lambda: old.container_id)
    await hall.waits("waits", "new")
    await hall.end("other")
    assert (await hall.claim("waits")).gpus == other.gpus
    await hall.waits("new")
    await hall.end("waits")
    new = await hall.claim("new", handover=old.container_id)
    assert set(new.gpus) == {*old.gpus, *other.gpus}


@pytest.mark.usefixtures("no_poll")
async def test_what_it_has_is_not_kept_for_others(hall: Hall) -> None:
    """Who is first in line keeps free GPUs back, but not those that the notebook holds itself."""
    old = await hall.run("old")
    hall.ask("both", 2, user="grace")
    await hall.waits("both")
    hall.ask("new", 1, handover=lambda: old.container_id)
    assert (await hall.claim("new", handover=old.container_id)).gpus == old.gpus


# --- others on the same engine --------------------------------------------------------------------


@pytest.mark.usefixtures("no_poll")
async def test_who_loses_a_race_has_its_place_again(hall: Hall, store: MemoryStore) -> None:
    await hall.run("busy")
    hall.ask("first")
    await asyncio.wait_for(hall.tasks["first"], 10)
    hall.ask("second", user="grace")
    await hall.waits("second")
    other = Hall(store)
    await other.run("theirs")  # it knows nothing of our queue
    with pytest.raises(GpusBusyError):
        await hall.claim("first")
    assert hall.queue.recall("first")
    assert not hall.queue.recall("first")
    hall.ask("first")
    await hall.waits("first", "second")
    await hall.end("busy")
    await hall.claim("first")


async def test_an_engine_that_is_away_lets_nobody_in(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "POLL", 0.01)
    await hall.run("one", 2)
    hall.ask("two")
    await hall.waits("two")
    hall.backend.away = True
    with pytest.raises(EngineUnreachableError):
        await hall.ask("three")
    with pytest.raises(EngineUnreachableError):
        await hall.queue._look()
    assert [ticket.id for ticket in hall.queue.waiting()] == ["two"]
    hall.backend.away = False
    await hall.end("one")
    await hall.claim("two")


async def test_a_driver_that_does_not_answer_ends_no_wait(hall: Hall) -> None:
    await hall.run("one", 2)
    hall.ask("two")
    await hall.waits("two")
    hall.inventory.gone = GpuSnapshot(problem=Problem("nvml", "The driver does not answer."))
    await hall.queue._look()
    await hall.waits("two")


async def test_a_gpu_that_is_gone_for_good_ends_the_wait(hall: Hall) -> None:
    await hall.run("one")
    waits = hall.ask("both", 2)
    await hall.waits("both")
    hall.inventory.gone = GpuSnapshot((await FixedInventory([{}]).snapshot()).gpus)
    hall.queue.stir()
    with pytest.raises(NotEnoughGpusError, match="2 GPUs were asked for, but this machine has 1"):
        await asyncio.wait_for(waits, 10)


# --- from an earlier process ----------------------------------------------------------------------


async def test_a_place_is_kept_over_a_restart(hall: Hall) -> None:
    await hall.run("one", 2)
    tickets = [
        Ticket("late", "ada", GpuRequest(1), 2.0, 4, 12),
        Ticket("early", "ada", GpuRequest(1), 1.0, 3, 11),
    ]
    for ticket in tickets:
        hall.ask(ticket.id, ticket=ticket)
    await hall.waits("early", "late")
    assert hall.queue.places()["early"].since == 1.0
    hall.ask("new", user="grace")
    await hall.waits("early", "new", "late")
    assert hall.queue.waiting()[1].number == 13


async def test_a_place_is_kept_though_the_engine_is_away(hall: Hall) -> None:
    hall.backend.away = True
    hall.ask("early", ticket=Ticket("early", "ada", GpuRequest(1), 1.0, 3, 11))
    await hall.waits("early")
    hall.backend.away = False
    hall.queue.stir()
    await hall.claim("early")


def test_two_event_loops(store: MemoryStore) -> None:
    """jupyter_client's blocking managers make loops at will: one may end while another waits."""
    hall = Hall(store, 1)

    async def first() -> None:
        hall._changed = asyncio.Event()
        await hall.run("one")

    async def second() -> tuple[str, ...]:
        return await hall.queue.turn(hall.asker("two"), patience=5)

    asyncio.run(first())
    waiting = asyncio.run(_both(second(), hall))
    assert len(waiting) == 1


async def _both(turn, hall: Hall) -> tuple[str, ...]:  # type: ignore[no-untyped-def]
    task = asyncio.ensure_future(turn)
    hall._changed = asyncio.Event()
    await hall.waits("two")
    await asyncio.to_thread(lambda: asyncio.run(hall.end("one")))  # in a third loop and thread
    return await asyncio.wait_for(task, 10)
