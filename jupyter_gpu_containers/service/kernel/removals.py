"""Removals of containers whose kernels have ended, which nobody need wait for.

Who shuts a kernel down wants it to end; taking the container apart is the engine's work after that.
A server's loop goes on meanwhile, so it does that in the background. What depends on a removal
waits for it: a claim finds the container among those that are being released, limits count when it
is gone, and a server does not end before. A program that may end at any moment (papermill, console)
waits as it always did.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any


class Removals:
    """Removals in progress, by kernel.

    Attributes
    ----------
    background : bool
        Whether the loop goes on for as long as it takes; a server says so while it runs.
    """

    def __init__(self, log: logging.Logger | None = None) -> None:
        self.background = False
        self._log = log or logging.getLogger(__name__)
        self._going: dict[str, asyncio.Task[None]] = {}

    async def begin(self, kernel_id: str, removal: Coroutine[Any, Any, None]) -> None:
        """Have a removal done; return when it is, or at once where that is in the background."""
        if not self.background:
            await removal
            return
        await self.settled(kernel_id)
        task = asyncio.ensure_future(removal)
        self._going[kernel_id] = task
        task.add_done_callback(lambda done: self._ended(kernel_id, done))
        await asyncio.sleep(0)  # it has begun: from now on a claim knows what is being removed

    def _ended(self, kernel_id: str, task: asyncio.Task[None]) -> None:
        if self._going.get(kernel_id) is task:
            del self._going[kernel_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("after kernel %s: %s", kernel_id, error, exc_info=error)

    async def settled(self, *kernel_ids: str) -> None:
        """Wait for the end of the removals that are in progress now.

        Parameters
        ----------
        *kernel_ids : str
            Of these kernels only; by default of all.
        """
        going = [
            task
            for kernel_id, task in self._going.items()
            if not kernel_ids or kernel_id in kernel_ids
        ]
        if going:
            await asyncio.wait(going)

    async def close(self) -> None:
        """Wait for what is in progress; what comes from now on is waited for by who asks."""
        self.background = False
        await self.settled()
