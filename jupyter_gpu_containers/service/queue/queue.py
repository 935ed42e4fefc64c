"""The queue for GPUs of this process: who starts now, who waits, at which place, and for whom.

Who is let in has GPUs kept until its container claims them, so that launches of one process never
claim against each other. All others are found by the claim protocol alone: several servers on one
engine do not share a queue. A launch that loses a race against one of them takes its old place.

Waiting is bound to no event loop and to no task of its own: each who waits looks at the machine
after a release and every two seconds, and the first to look does so for all.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import replace

from jupyter_gpu_containers.errors import (
    GpuContainersError,
    GpusBusyError,
    NotEnoughGpusError,
    QueueFullError,
    UnavailableError,
)
from jupyter_gpu_containers.model.gpu.device import GpuRequest
from jupyter_gpu_containers.model.queue import (
    QueuePlace,
    Ticket,
    as_asked,
    in_order,
    next_round,
)
from jupyter_gpu_containers.service.futures import from_thread
from jupyter_gpu_containers.service.gathering import Gathering
from jupyter_gpu_containers.service.kernel.claims import Claims, Scene

from .admission import Asker, Waiter, admit, name_holders, with_promises
from .forecast import Forecast

POLL = 2.0  # seconds between two looks while somebody waits and nothing is heard


class Queue:
    """Lets launches in, in the order of `model.queue`.

    Parameters
    ----------
    limit : int
        How many may wait; with 0 who finds too few free GPUs is refused.
    forecast : Forecast, optional
        Tells how long people wait at most; by default nobody knows.
    """

    def __init__(
        self,
        claims: Claims,
        *,
        limit: int = 50,
        forecast: Forecast | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        self._claims = claims
        self._limit = limit
        self._forecast = forecast
        self._log = log or logging.getLogger(__name__)
        self._lock = threading.RLock()
        self._waiting: dict[str, Waiter] = {}
        self._granted: dict[str, tuple[Waiter, tuple[str, ...]]] = {}
        self._recalled: dict[str, Ticket] = {}  # of those who lost what was kept for them
        self._served: list[Ticket] = []
        self._number = 0
        self._alarm: Future[None] = Future()
        self._look = Gathering(self._look_and_grant)
        self._listeners: list[Callable[[], None]] = []
        # gives up what only might be used by somebody; tells whether there was anything
        self.reclaim: Callable[[], Awaitable[bool]] | None = None
        claims.on_release(self.stir)

    # --- what others see ----------------------------------------------------------------------

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call the listener when places may have changed, on the loop of whoever caused it."""
        self._listeners.append(listener)

    @property
    def full(self) -> bool:
        """Whether as many wait as may."""
        return len(self._told()) >= self._limit

    @property
    def busy(self) -> bool:
        """Whether anybody waits, or was let in and has not claimed yet."""
        with self._lock:
            return bool(self._waiting or self._granted)

    def waiting(self) -> list[Ticket]:
        """Return those who wait, the next one first."""
        with self._lock:
            return in_order(waiter.ticket for waiter in self._told())

    def places(self) -> dict[str, QueuePlace]:
        """Return the place of everybody who waits, by id."""
        with self._lock:
            order = self.waiting()
            return {
                ticket.id: QueuePlace(
                    position,
                    len(order),
                    ticket.request.count,
                    ticket.since,
                    self._waiting[ticket.id].estimate,
                    holders=self._waiting[ticket.id].holders,
                )
                for position, ticket in enumerate(order, 1)
            }

    def ticket(self, launch_id: str) -> Ticket | None:
        """Return the ticket of one who waits, or was let in and has not claimed yet."""
        with self._lock:
            waiter = self._waiting.get(launch_id)
            if waiter is None and launch_id in self._granted:
                waiter = self._granted[launch_id][0]
            return waiter.ticket if waiter else self._recalled.get(launch_id)

    def kept(self, launch_id: str) -> tuple[str, ...] | None:
        """Return the UUIDs that are kept for a launch; None where it was not let in."""
        with self._lock:
            return self._granted[launch_id][1] if launch_id in self._granted else None

    # --- going through it ---------------------------------------------------------------------

    async def turn(
        self, asker: Asker, *, patience: float | None = None, ticket: Ticket | None = None
    ) -> tuple[str, ...]:
        """Wait until a launch may claim, and return the UUIDs that are kept for it.

        They are kept until `done`. When this raises, or is cancelled, nothing is left of it.

        Parameters
        ----------
        asker : Asker
            After `recall` it gets its place back.
        patience : float, optional
            Seconds to wait; 0 = not at all, None = for ever.
        ticket : Ticket, optional
            Of an earlier process, to take its place again.

        Raises
        ------
        NotEnoughGpusError
            The machine has too few.
        GpusBusyError
            There are too few free ones, and patience has run out.
        QueueFullError
        UnavailableError
            Nobody knows which are free. Who waits already goes on waiting then.
        """
        waiter = self._enter(asker, ticket, patient=patience is None or patience > 0)
        try:
            uuids = await self._admitted(waiter, patience)
        except BaseException:
            self._drop(waiter)
            raise
        return uuids

    def next_number(self) -> int:
        """Return a number for who asks now, but comes to the queue only later."""
        with self._lock:
            self._number += 1
            return self._number - 1

    def leave(self, launch_id: str, error: GpuContainersError) -> bool:
        """End a wait with an error; False where the launch does not wait."""
        with self._lock:
            waiter = self._waiting.pop(launch_id, None)
        if waiter is None:
            return False
        waiter.turn.set_exception(error)
        self._tell()
        self.stir()
        return True

    def excuse(self, launch_id: str) -> bool:
        """Let one who waits go on without any GPU; False where the launch does not wait."""
        with self._lock:
            waiter = self._waiting.pop(launch_id, None)
        if waiter is None:
            return False
        waiter.turn.set_result(())
        self._tell()
        self.stir()
        return True

    def done(self, launch_id: str) -> None:
        """Note that a launch has claimed what was kept for it, or will not."""
        with self._lock:
            self._recalled.pop(launch_id, None)
            if self._granted.pop(launch_id, None) is None:
                return
        self.stir()

    def recall(self, launch_id: str) -> bool:
        """Note that somebody else took what was kept for a launch; False where nothing was.

        Until `done` its ticket is remembered for its next `turn`.
        """
        with self._lock:
            if launch_id not in self._granted:
                return False
            waiter, _ = self._granted.pop(launch_id)
            self._recalled[launch_id] = waiter.ticket
        self.stir()
        return True

    def check_room(self) -> None:
        """Raise `QueueFullError` where as many wait as may; where nobody may, GPUs may be free."""
        if self._limit and self.full:
            raise QueueFullError(
                f"{self._limit} launches wait for a GPU already; no more may.",
                "Try again later, or start on CPU.",
            )

    def stir(self) -> None:
        """Have those who wait look at the machine, from any thread."""
        with self._lock:
            alarm, self._alarm = self._alarm, Future()
        alarm.set_result(None)

    # --- inside -------------------------------------------------------------------------------

    def _told(self) -> list[Waiter]:
        with self._lock:
            return [waiter for waiter in self._waiting.values() if waiter.told]

    def _enter(self, asker: Asker, ticket: Ticket | None, *, patient: bool) -> Waiter:
        with self._lock:
            ticket = self._recalled.pop(asker.id, None) or ticket
            again = ticket is not None
            if ticket is not None:
                ticket = replace(ticket, request=asker.request)
            else:
                number = self.next_number() if asker.number is None else asker.number
                waiting = [waiter.ticket for waiter in self._waiting.values()]
                round_ = next_round(asker.user, waiting, self._served)
                ticket = Ticket(asker.id, asker.user, asker.request, time.time(), round_, number)
            self._number = max(self._number, ticket.number + 1)
            waiter = Waiter(asker, ticket, Future(), patient, told=again)
            waiter.turn.set_running_or_notify_cancel()  # nobody else may cancel it
            self._waiting[asker.id] = waiter
            own = [w.ticket for w in self._waiting.values() if w.ticket.user == ticket.user]
            for each in as_asked(own):
                self._waiting[each.id].ticket = each
            joined = self._join()
        if again or joined:
            self._tell()
        return waiter

    def _join(self) -> bool:
        """Have those wait who are behind one that waits for the same; tells whether there are any.

        No look lets them in before that one, and of many at once each would wait for a look.
        """
        waiting_for: dict[GpuRequest, Waiter] = {}
        room = self._limit - len(self._told())
        joined = False
        for ticket in in_order(waiter.ticket for waiter in self._waiting.values()):
            waiter = self._waiting[ticket.id]
            before = waiting_for.get(ticket.request)
            if waiter.told:
                waiting_for.setdefault(ticket.request, waiter)
            elif before and waiter.patient and room > 0 and waiter.asker.handover() is None:
                waiter.told = waiter.joined = True
                waiter.holders = before.holders
                joined, room = True, room - 1
        return joined

    async def _admitted(self, waiter: Waiter, patience: float | None) -> tuple[str, ...]:
        deadline = None if patience is None else time.monotonic() + patience
        alarm = self._alarm  # what changes from now on is not missed
        try:
            await self._look()
            if not waiter.turn.done() and self.reclaim is not None and await self.reclaim():
                await self._look()
        except UnavailableError as exc:
            if waiter.joined or not waiter.told:
                raise
            self._log.debug("queue: %s", exc)
        if not waiter.turn.done():
            if not self._limit or (patience is not None and patience <= 0):
                raise self._refusal(waiter)
            if not waiter.told:
                with self._lock:
                    self.check_room()
                    waiter.told = True
                    self._join()
                self._tell()
            await self._wait(waiter, deadline, alarm)
        return waiter.turn.result()

    async def _wait(self, waiter: Waiter, deadline: float | None, alarm: Future[None]) -> None:
        turn = asyncio.ensure_future(from_thread(waiter.turn))
        alarmed = asyncio.ensure_future(from_thread(alarm))
        try:
            while not waiter.turn.done():
                left = POLL if deadline is None else min(POLL, deadline - time.monotonic())
                await asyncio.wait(
                    {turn, alarmed}, timeout=max(0.0, left), return_when=asyncio.FIRST_COMPLETED
                )
                if waiter.turn.done():
                    return
                if deadline is not None and time.monotonic() >= deadline:
                    raise self._refusal(waiter)
                if alarmed.done():
                    alarmed = asyncio.ensure_future(from_thread(self._alarm))
                elif self._look.age < POLL:
                    continue
                try:
                    await self._look()
                except UnavailableError as exc:  # it frees nothing; everybody keeps its place
                    self._log.debug("queue: %s", exc)
        finally:
            for task in (turn, alarmed):
                task.cancel()
            await asyncio.gather(turn, alarmed, return_exceptions=True)

    def _drop(self, waiter: Waiter) -> None:
        with self._lock:
            waits = self._waiting.get(waiter.asker.id) is waiter
            if waits:
                del self._waiting[waiter.asker.id]
            granted = self._granted.get(waiter.asker.id)
            if granted is not None and granted[0] is waiter:
                del self._granted[waiter.asker.id]
        if waiter.told and waits:
            self._tell()
        self.stir()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def _refusal(self, waiter: Waiter) -> GpuContainersError:
        return waiter.refusal or GpusBusyError(
            f"{waiter.asker.request.words} asked for, but others wait for those that are free.",
            "Wait in line, or start on CPU.",
        )

    async def _look_and_grant(self) -> None:
        with self._lock:
            # one that claims while we look may be in neither what we see nor what is kept then
            before = dict(self._granted)
        scene = await self._claims.look()
        with self._lock:
            scene = with_promises(self._claims, scene, {**before, **self._granted})
            granted, refused = admit(self._claims, scene, self._waiting)
            settled = self._settle(granted, refused)
            name_holders(scene, self._waiting.values(), self._claims.sight.words)
            self._estimate(scene)
        for waiter, outcome in settled:
            if isinstance(outcome, GpuContainersError):
                waiter.turn.set_exception(outcome)
            else:
                waiter.turn.set_result(outcome)
        self._tell()

    def _estimate(self, scene: Scene) -> None:
        """Note when each of those that wait starts at the latest."""
        starts: dict[str, float] = {}
        if self._forecast is not None:
            order = in_order(waiter.ticket for waiter in self._waiting.values())
            starts = self._forecast.starts(self._claims.slots, scene, order)
        for waiter in self._waiting.values():
            waiter.starts_by = starts.get(waiter.ticket.id)

    def _settle(
        self, granted: dict[str, tuple[str, ...]], refused: dict[str, NotEnoughGpusError]
    ) -> list[tuple[Waiter, tuple[str, ...] | GpuContainersError]]:
        settled: list[tuple[Waiter, tuple[str, ...] | GpuContainersError]] = []
        for launch_id, uuids in granted.items():
            waiter = self._waiting.pop(launch_id)
            self._granted[launch_id] = waiter, uuids
            self._served.append(waiter.ticket)
            settled.append((waiter, uuids))
        settled += [(self._waiting.pop(launch_id), exc) for launch_id, exc in refused.items()]
        first = min((w.ticket.round for w in self._waiting.values()), default=None)
        # older ones count no more: whoever comes now joins the present round
        self._served = [t for t in self._served if first is not None and t.round >= first]
        return settled
