"""What a server found wrong when it looked last; it looks again while somebody asks."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence

from .findings import Finding, Level

FINE_FOR = 600.0  # seconds for which a machine on which nothing was wrong is not looked at again
WRONG_FOR = 15.0  # seconds; somebody may be mending it

Look = Callable[[], Awaitable[Sequence[Finding]]]


class Doctor:
    """Keeps what was found; asking it costs nothing, and never waits.

    Parameters
    ----------
    clock : callable
        Gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._look: Look | None = None
        self._tell: Callable[[], None] = lambda: None
        self._looking: asyncio.Task[None] | None = None
        self._looked: float | None = None
        self._found: tuple[Finding, ...] = ()

    def begin(self, look: Look, tell: Callable[[], None]) -> None:
        """Look in this way from now on; call ``tell`` when something else was found."""
        self._look, self._tell = look, tell

    def known(self) -> tuple[Finding, ...]:
        """Return the problems that were found last; look again, after this, where that is long ago.

        Belongs to the loop in which it is called.
        """
        fresh = WRONG_FOR if self._found else FINE_FOR
        busy = self._looking is not None and not self._looking.done()
        old = self._looked is None or self._clock() - self._looked >= fresh
        if self._look is not None and old and not busy:
            self._looking = asyncio.get_running_loop().create_task(self._again(self._look))
        return self._found

    async def _again(self, look: Look) -> None:
        found = tuple(finding for finding in await look() if finding.level is Level.PROBLEM)
        self._looked = self._clock()
        if found != self._found:
            self._found = found
            self._tell()

    async def close(self) -> None:
        """Look no more."""
        self._look = None
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
