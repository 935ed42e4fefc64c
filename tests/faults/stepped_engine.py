"""An engine whose every step is decided from outside: when it works, and what is heard of it.

A request to it waits until somebody says how it goes on. The engine may do it and answer at once;
do it and answer later; do it, and the answer is lost; not do it; do it only when nobody waits any
more; or do it twice, since a request was sent again on its way. What is still on its way when its
sender dies may arrive, too.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from jupyter_gpu_containers.backends.memory import MemoryBackend, MemoryStore
from jupyter_gpu_containers.errors import ContainerNotFoundError, GpuContainersError
from jupyter_gpu_containers.model.kernel.container import (
    Container,
    ContainerSpec,
    ContainerStatus,
)

from .scenarios import away

T = TypeVar("T")


class Turn(Enum):
    """How a request goes on."""

    ANSWER = "it is done, unless it was before, and the answer arrives"
    LATE = "it is done, and the answer waits for another turn"
    LOSE = "it is done, and the answer is lost"
    REFUSE = "it is not done, and nobody answers"
    OVERDUE = "nobody answers; it is done when the sender no longer waits"
    TWICE = "it is done, the answer arrives, and later it is done once more"
    SECOND = "it is done twice at once, and the second answer arrives"


@dataclass(eq=False)
class Call:
    """A request whose sender waits."""

    work: Callable[[], Any]
    changes: bool  # whether the engine is another one afterwards
    answer: asyncio.Future[Any]
    outcome: Callable[[], Any] | None = None  # returns or raises what the engine answered

    def do(self) -> None:
        """Have the engine do it now."""
        try:
            result = self.work()
        except GpuContainersError as exc:
            self.outcome = _raiser(exc)
        else:
            self.outcome = lambda: result


def _raiser(exc: Exception) -> Callable[[], Any]:
    def outcome() -> Any:
        raise exc

    return outcome


class Wire:
    """What is between all servers and the engine."""

    def __init__(self) -> None:
        self.strays: list[Callable[[], Any]] = []  # requests that nobody waits for any more

    def arrive(self, number: int) -> None:
        """Let one of the strays reach the engine; what it answers, nobody hears."""
        # mostly it is refused: there is such a container, or there is none any more
        with contextlib.suppress(GpuContainersError):
            self.strays.pop(number)()


class SteppedBackend(MemoryBackend):
    """A server's connection to the engine."""

    def __init__(self, store: MemoryStore, wire: Wire) -> None:
        super().__init__(store=store)
        self.calls: list[Call] = []
        self._wire = wire
        self._free = False

    def free_all(self) -> None:
        """Answer what waits and whatever comes."""
        self._free = True
        for call in list(self.calls):
            self.turn(call, Turn.ANSWER)

    def die(self, *, sent: bool) -> None:
        """Nobody waits any more; what was asked for may have been sent."""
        if sent:
            self._wire.strays += [
                call.work for call in self.calls if call.changes and not call.outcome
            ]

    def turn(self, call: Call, how: Turn) -> None:
        """Go on with a request that waits."""
        if how is Turn.OVERDUE and call.changes and call.outcome is None:
            self._wire.strays.append(call.work)
        elif how not in (Turn.REFUSE, Turn.OVERDUE) and call.outcome is None:
            call.do()
        if how is Turn.TWICE and call.changes:
            self._wire.strays.append(call.work)
        if how is Turn.SECOND and call.changes:
            call.do()
        if how is Turn.LATE:
            return
        self.calls.remove(call)
        if how in (Turn.LOSE, Turn.REFUSE, Turn.OVERDUE):
            call.answer.set_exception(away())
            return
        assert call.outcome is not None
        try:
            call.answer.set_result(call.outcome())
        except GpuContainersError as exc:
            call.answer.set_exception(exc)

    async def _ask(self, work: Callable[[], T], *, changes: bool) -> T:
        if self._free:
            return work()
        call = Call(work, changes, asyncio.get_running_loop().create_future())
        self.calls.append(call)
        try:
            answer: T = await call.answer
        finally:
            if call in self.calls:  # the sender was cancelled
                self.calls.remove(call)
        return answer

    async def containers(self, label: str) -> list[Container]:
        """List, in its turn."""
        return await self._ask(
            lambda: _at_once(super(SteppedBackend, self).containers(label)), changes=False
        )

    async def create(self, spec: ContainerSpec) -> str:
        """Create, in its turn."""
        return await self._ask(
            lambda: _at_once(super(SteppedBackend, self).create(spec)), changes=True
        )

    async def start(self, container_id: str) -> None:
        """Start, in its turn."""
        await self._ask(lambda: self._run(container_id), changes=True)

    async def remove(self, container_id: str) -> None:
        """Remove, in its turn; without a thread, so that an example can be repeated."""
        await self._ask(lambda: self._remove(container_id), changes=True)

    def _run(self, container_id: str) -> None:
        """Note that it runs; what runs in it is no matter here."""
        record = self._store.find(container_id)
        if record is None:
            raise ContainerNotFoundError(f"There is no container {container_id[:12]}.", "")
        record.status = ContainerStatus.RUNNING


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    work.close()
    raise AssertionError("it waits")
