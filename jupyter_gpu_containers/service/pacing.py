"""Work of many at once, one piece a turn of the event loop.

asyncio runs everything that is ready before it looks again at what has come: fifty requests that
come together are one long turn, for which kernels' messages and pages' websockets wait. Whoever
awaits `next_turn` before a piece of work lets them in between.
"""

from __future__ import annotations

import asyncio
from collections import deque
from weakref import WeakKeyDictionary


class Pace:
    """Those who wait for their turn on one event loop, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._taken = False  # somebody has this turn, or those who wait have it

    async def next_turn(self) -> None:
        """Return at once where nobody works in this turn of the loop, else in a later one."""
        loop = asyncio.get_running_loop()
        if self._taken:
            turn = loop.create_future()
            self._waiting.append(turn)
            await turn
        else:
            self._taken = True
            loop.call_soon(self._go_on, loop)

    def _go_on(self, loop: asyncio.AbstractEventLoop, is_used: bool = False) -> None:
        # is_used: whoever was let in by the last turn has worked in this one
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # who was cancelled takes nobody's turn
                turn.set_result(None)
                loop.call_soon(self._go_on, loop, True)
                return
        if is_used:
            loop.call_soon(self._go_on, loop)
        else:
            self._taken = False


_paces: WeakKeyDictionary[asyncio.AbstractEventLoop, Pace] = WeakKeyDictionary()


async def next_turn() -> None:
    """Wait for a turn of the running event loop in which nobody else of those who ask here works.

    First come, first served.
    """
    await _paces.setdefault(asyncio.get_running_loop(), Pace()).next_turn()
