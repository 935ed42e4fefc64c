"""The queue of a process: who is let in, who waits, who leaves."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from jupyter_gpu_containers.backends.memory import MemoryStore
from jupyter_gpu_containers.errors import (
    GpusBusyError,
    LaunchCancelledError,
    NotEnoughGpusError,
    QueueFullError,
)
from jupyter_gpu_containers.model.kernel.container import Container
from jupyter_gpu_containers.service.queue import queue as queue_module
from tests.service.queue_hall import *  # noqa: F403
from tests.service.queue_hall import Hall

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


async def test_where_nobody_may_wait_free_gpus_are_had_all_the_same(store: MemoryStore) -> None:
    hall = Hall(store, 1, limit=0)
    hall.queue.check_room()
    await hall.run("one")
    with pytest.raises(GpusBusyError, match="Held by"):
        await asyncio.wait_for(hall.ask("two"), 10)
    assert hall.queue.places() == {}
    await hall.close()


# --- leaving --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_poll")
async def test_who_comes_behind_others_waits_before_anybody_has_looked(
    hall: Hall, monkeypatch: pytest.MonkeyPatch, no_poll: None
) -> None:
    await hall.run("one", 2)
    hall.ask("two")
    await hall.waits("two")
    looks = asyncio.Event()
    look = hall.backend.containers

    async def slow(label: str) -> list[Container]:
        await looks.wait()
        return await look(label)

    monkeypatch.setattr(hall.backend, "containers", slow)
    hall.ask("three")
    hall.ask("hasty", patience=0)
    hall.ask("many", 2)  # for something else, which might be free
    hall.ask("early", user="grace")  # whose turn comes before that of three
    await hall.waits("two", "early", "three")
    assert hall.queue.places()["three"].holders == ("one.ipynb (ada)",)
    looks.set()
    await hall.waits("two", "early", "three", "many")
    with pytest.raises(GpusBusyError):
        await hall.tasks["hasty"]


async def test_who_is_behind_others_is_refused_where_no_more_may_wait(store: MemoryStore) -> None:
    hall = Hall(store, limit=2)
    await hall.run("one", 2)
    for name in ("two", "three", "four", "five"):
        hall.ask(name)
    for name in ("four", "five"):
        with pytest.raises(QueueFullError):
            await asyncio.wait_for(hall.tasks[name], 10)
    assert [ticket.id for ticket in hall.queue.waiting()] == ["two", "three"]
    await hall.close()


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
