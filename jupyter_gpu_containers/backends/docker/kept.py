"""What the engine said, for as long as its events would tell that something else holds now."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_AGE = 600.0  # seconds; bounds what no event told, such as changes behind the engine's back


class Kept(Generic[T]):
    """An answer that is given again until a change is told; may be used from any thread.

    Nothing is kept while nobody would tell of a change: then each call asks the engine. An answer
    whose question was under way while something changed is not kept either. Calls at the same time
    share one question.

    Parameters
    ----------
    ask : callable
        Asks the engine; blocks.
    executor : Executor
        In whose threads that is done.
    """

    def __init__(
        self,
        ask: Callable[[], T],
        executor: Executor,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._executor = executor
        self._clock = clock
        self._lock = threading.Lock()
        self._followed = False  # whether all changes until now have been told
        self._lost = True  # whether there are some that never will be
        self._turn = 0  # another one after each change
        self._answer: tuple[T, float] | None = None  # with the time until which it may be given
        self._asking: Future[T] | None = None  # begun in this turn

    def follow(self) -> None:
        """Changes are told from now on; of those during a `pause`, all were told or will be."""
        with self._lock:
            if self._lost:
                self._forget()
            self._followed, self._lost = True, False

    def pause(self) -> None:
        """Changes are not told for now, but will be, all of them, after the next `follow`."""
        with self._lock:
            self._followed = False
            self._asking = None

    def lose(self) -> None:
        """Changes are told no more, and those of the meantime never will be."""
        with self._lock:
            self._followed, self._lost = False, True
            self._forget()

    def changed(self) -> None:
        """Something else may hold now."""
        with self._lock:
            self._forget()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Change it ourselves, and need no event to know that."""
        try:
            yield
        finally:
            self.changed()

    async def get(self) -> T:
        """Return what is kept, else ask; raises what asking raises."""
        with self._lock:
            if self._followed and self._answer is not None and self._clock() < self._answer[1]:
                return self._answer[0]
            asking = self._asking
            if asking is None:
                turn = self._turn
                try:
                    asking = self._executor.submit(self._fetch, turn)
                except RuntimeError:  # the interpreter ends: see `runtime.threads.in_thread`
                    asking = None
                if self._followed:
                    self._asking = asking
        if asking is None:
            return self._ask()
        # others may wait for it: who gives up does not cancel it
        return await asyncio.shield(asyncio.wrap_future(asking))

    def _forget(self) -> None:
        self._turn += 1
        self._answer = self._asking = None

    def _fetch(self, turn: int) -> T:
        began = self._clock()
        try:
            answer = self._ask()
        except BaseException:
            with self._lock:
                if turn == self._turn:
                    self._asking = None
            raise
        with self._lock:
            if turn == self._turn:
                self._asking = None
                self._answer = (answer, began + MAX_AGE)  # not given while not followed
        return answer
