"""Work of many at once: one piece a turn of the event loop, in order, and others get in between."""

from __future__ import annotations

import asyncio
import socket

from jupyter_gpu_containers.service.pacing import next_turn

MANY = 20


class Turns:
    """Counts the turns of the running loop, as something does that wants to run in each of them."""

    def __init__(self) -> None:
        self.number = 0
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_soon(self._count)

    def _count(self) -> None:
        self.number += 1
        self._next = self._loop.call_soon(self._count)

    def stop(self) -> None:
        self._next.cancel()


async def test_one_works_in_a_turn_in_the_order_of_asking() -> None:
    turns = Turns()
    worked: list[tuple[int, int]] = []

    async def work(name: int) -> None:
        await next_turn()
        worked.append((name, turns.number))

    await asyncio.gather(*map(work, range(MANY)))
    turns.stop()
    assert [name for name, _ in worked] == list(range(MANY))
    assert len({turn for _, turn in worked}) == MANY


async def test_without_it_all_work_in_one_turn() -> None:
    """What the other tests count can fail."""
    turns = Turns()
    worked: list[int] = []

    async def work() -> None:
        worked.append(turns.number)

    await asyncio.gather(*(work() for _ in range(MANY)))
    turns.stop()
    assert len(set(worked)) == 1


async def test_who_comes_alone_does_not_wait() -> None:
    turns = Turns()
    await next_turn()
    assert turns.number == 0
    turns.stop()


async def test_who_comes_in_the_turn_of_the_last_of_those_who_waited_works_in_a_later_one() -> None:
    turns = Turns()
    worked: list[int] = []

    async def work() -> None:
        await next_turn()
        worked.append(turns.number)

    async def come_late() -> None:
        for _ in range(2):  # turns, in the second of which the second one works
            await asyncio.sleep(0)
        await work()

    await asyncio.gather(work(), work(), come_late())
    turns.stop()
    assert len(set(worked)) == len(worked) == 3


async def test_who_asks_again_is_behind_those_who_wait_already() -> None:
    asked: list[str] = []
    worked: list[str] = []

    async def work(name: str) -> None:
        for _ in range(3):
            asked.append(name)
            await next_turn()
            worked.append(name)

    await asyncio.gather(work("a"), work("b"), work("c"))
    assert worked == asked
    assert set(worked[:4]) == {"a", "b", "c"}


async def test_who_gives_up_takes_nobodys_turn() -> None:
    turns = Turns()
    worked: list[tuple[int, int]] = []

    async def work(name: int) -> None:
        await next_turn()
        worked.append((name, turns.number))

    tasks = [asyncio.ensure_future(work(name)) for name in range(MANY)]
    await asyncio.sleep(0)  # all have asked
    for task in tasks[1:-1]:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    turns.stop()
    assert [name for name, _ in worked] == [0, MANY - 1]
    assert all(isinstance(each, asyncio.CancelledError) for each in done[1:-1])
    assert worked[1][1] - worked[0][1] <= 2


def test_those_who_were_left_on_a_loop_that_has_ended_keep_nobody_waiting() -> None:
    async def leave() -> None:
        left = [asyncio.ensure_future(next_turn()) for _ in range(MANY)]
        await asyncio.sleep(0)
        assert not left[-1].done()

    async def come() -> None:
        await asyncio.wait_for(asyncio.gather(*(next_turn() for _ in range(MANY))), 10)

    asyncio.run(leave())
    asyncio.run(come())


async def test_a_message_that_comes_meanwhile_waits_for_one_piece_and_not_for_all() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        loop = asyncio.get_running_loop()
        worked: list[str] = []

        async def work(name: int) -> None:
            await next_turn()
            worked.append("piece")
            if name == 0:
                theirs.send(b"message")

        loop.add_reader(ours, lambda: worked.append(ours.recv(100).decode()))
        await asyncio.gather(*map(work, range(MANY)))
        loop.remove_reader(ours)
    assert worked.index("message") <= 2
    assert worked.count("piece") == MANY
