"""The queue of a process among others: handing over, lost races, engines away, earlier lives."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_gpu_containers.backends.memory import MemoryStore
from jupyter_gpu_containers.errors import (
    EngineUnreachableError,
    GpusBusyError,
    NotEnoughGpusError,
)
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import GpuRequest, GpuSnapshot, Problem
from jupyter_gpu_containers.model.queue import Ticket
from jupyter_gpu_containers.service.queue import queue as queue_module
from tests.service.queue_hall import *  # noqa: F403
from tests.service.queue_hall import Hall

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
