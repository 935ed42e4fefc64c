"""Steps of a transfer on their way from an engine's thread to the event loop."""

from __future__ import annotations

import asyncio
from collections import deque

from jupyter_gpu_containers.model.job import Step


class News:
    """Belongs to the loop that runs when it is made; steps come from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._steps: deque[Step] = deque()
        self._something = self._loop.create_future()
        self._told = False

    def tell(self, step: Step) -> None:
        """Take a step in, from any thread; the loop is woken once for many."""
        self._steps.append(step)
        if not self._told and not self._loop.is_closed():
            self._told = True
            try:
                self._loop.call_soon_threadsafe(self.wake)
            except RuntimeError:  # closed between the two lines; nobody listens any more
                return

    def wake(self) -> None:
        """End the wait, from the loop."""
        if not self._something.done():
            self._something.set_result(None)

    async def wait(self, timeout: float) -> None:
        """Wait for a step, at most so many seconds."""
        await asyncio.wait({self._something}, timeout=timeout)

    def take(self) -> tuple[Step, ...]:
        """Return the steps since the last call."""
        if self._something.done():
            self._something = self._loop.create_future()
        self._told = False
        steps: deque[Step] = deque()
        while self._steps:
            steps.append(self._steps.popleft())
        return tuple(steps)
