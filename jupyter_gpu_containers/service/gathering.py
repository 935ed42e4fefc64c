"""One piece of work for all who ask for it at the same time, in whichever event loops they are."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future

from .futures import from_thread


class Gathering:
    """Runs a coroutine function for many callers.

    Each call returns after a run that began later than the call, or raises what that run raised.
    Of those who wait, one runs it; when that one is cancelled, another one does.
    """

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._begun = 0
        self._ended = 0
        self._failure: Exception | None = None  # of the last run
        self._running: Future[None] | None = None
        self._last = float("-inf")

    @property
    def age(self) -> float:
        """Seconds since the last run ended."""
        return time.monotonic() - self._last

    async def __call__(self) -> None:
        """Wait for a run that begins from now on."""
        with self._lock:
            needed = self._begun + 1
        while True:
            with self._lock:
                if self._ended >= needed:
                    if self._failure is not None:
                        raise self._failure
                    return
                others = self._running
                if others is None:
                    self._running = own = Future[None]()
            if others is not None:
                await from_thread(others)
            else:
                await self._run(own)

    async def _run(self, running: Future[None]) -> None:
        failure: Exception | None = None
        ended = False
        number = 0
        try:
            await asyncio.sleep(0)  # who asks in the same step of the event loop comes along
            with self._lock:
                self._begun = number = self._begun + 1
            await self._work()
            ended = True
        except Exception as exc:  # noqa: BLE001 (raised by every caller)
            failure = exc
            ended = True
        finally:  # a cancelled run is no run: those who wait for it begin another one
            with self._lock:
                self._running = None
                if ended:
                    self._ended = number
                    self._failure = failure
                    self._last = time.monotonic()
            running.set_result(None)
