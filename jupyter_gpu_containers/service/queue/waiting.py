"""Launches that wait for GPUs: their places are told, kept on disk, and taken up again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from jupyter_gpu_containers.errors import LaunchCancelledError
from jupyter_gpu_containers.model.gpu.device import GpuRequest
from jupyter_gpu_containers.model.kernel.launch import Launch, LaunchRequest
from jupyter_gpu_containers.model.queue import QueuePlace, Ticket

from .admission import Asker
from .file import QueueFile, WaitingLaunch
from .queue import Queue

# Seconds between two rounds of telling who waits that its place is another one, each an event for
# all pages. Who is new is told at once.
TELL_INTERVAL = 0.25


class Book(Protocol):
    """What is known of launches, as far as waiting needs it."""

    def find(self, launch_id: str) -> Launch | None:
        """Return a launch; None where there is none."""

    def wait(self, launch_id: str, place: QueuePlace) -> None:
        """Note that a launch waits, and its place."""


@dataclass(frozen=True)
class _Asked:
    """What must be known to take up a launch that waits after a restart of the server."""

    request: LaunchRequest
    user: str
    number: int | None  # in the order of asking


class WaitingRoom:
    """Takes launches through the queue.

    Parameters
    ----------
    handover : callable
        Given a kernel's id, returns its container's, whose GPUs the launch may take over.
    user : str
        Who asks, where nobody says.
    """

    def __init__(
        self,
        queue: Queue,
        book: Book,
        handover: Callable[[str], str | None],
        user: str,
        *,
        log: logging.Logger | None = None,
    ) -> None:
        self._queue = queue
        self._book = book
        self._handover = handover
        self._user = user
        self._log = log or logging.getLogger(__name__)
        self._asked: dict[str, _Asked] = {}
        self._tickets: dict[str, Ticket] = {}  # of an earlier process, by launch
        self._telling: asyncio.Task[None] | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._news = False  # something has changed since the last round began
        self._places: dict[str, QueuePlace] | None = None  # those of now, where they are known
        self._file: QueueFile | None = None
        queue.on_change(self._changed)

    # --- going through the queue --------------------------------------------------------------

    def check_room(self) -> None:
        """Raise `QueueFullError` where as many wait as may."""
        self._queue.check_room()

    def ask(self, launch_id: str, request: LaunchRequest, user: str) -> None:
        """Note what a launch was asked for; from now on its wait survives this process."""
        self._asked[launch_id] = _Asked(request, user or self._user, self._queue.next_number())

    async def turn(
        self, launch_id: str, wanted: GpuRequest, *, replaces: str | None, patience: float | None
    ) -> GpuRequest:
        """Return what a launch is to claim, when it may.

        Who was let in before and has not claimed yet gets the same answer again.

        Raises
        ------
        NotEnoughGpusError, GpusBusyError, QueueFullError, UnavailableError
            As `Queue.turn`.
        LaunchCancelledError
            After `leave`.
        """
        if wanted.count == 0:
            return wanted
        kept = self._queue.kept(launch_id)
        if kept is None:
            launch, asked = self._book.find(launch_id), self._asked.get(launch_id)
            asker = Asker(
                launch_id,
                asked.user if asked else self._user,
                wanted,
                (launch.path or launch.display_name) if launch else "",
                lambda: self._handover(replaces) if replaces else None,
                asked.number if asked else None,
            )
            ticket = self._tickets.pop(launch_id, None)
            kept = await self._queue.turn(asker, patience=patience, ticket=ticket)
        return GpuRequest(len(kept), kept)

    def lost(self, launch_id: str) -> bool:
        """Note that somebody else was faster; tells whether the launch was let in.

        The next `turn` has its old place.
        """
        return self._queue.recall(launch_id)

    def done(self, launch_id: str) -> None:
        """Note that a launch has claimed its GPUs, or will not."""
        self._queue.done(launch_id)
        if self._asked.pop(launch_id, None) is not None:
            self._save()

    def leave(self, launch_id: str) -> bool:
        """End a wait; False where the launch does not wait."""
        error = LaunchCancelledError("The launch was cancelled.")
        return self._queue.leave(launch_id, error)

    def excuse(self, launch_id: str) -> bool:
        """Let a launch go on without GPUs; False where it does not wait."""
        return self._queue.excuse(launch_id)

    def empty(self) -> None:
        """End every wait."""
        for ticket in self._queue.waiting():
            self.leave(ticket.id)

    # --- places -------------------------------------------------------------------------------

    def _changed(self) -> None:
        self._news, self._places = True, None
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # told by the next one who looks
            return
        if self._telling is not None and not self._telling.done() and self._is_of(loop):
            return
        if self._file is None and not self._queue.waiting():
            return
        pause = self._pause is not None and self._pause.when() > loop.time() and self._is_of(loop)
        if not pause or any(map(self._is_new, self._places_now())):
            self._telling = loop.create_task(self._tell(only_new=pause))

    def _is_of(self, loop: asyncio.AbstractEventLoop) -> bool:
        return self._telling is not None and self._telling.get_loop() is loop

    async def _tell(self, *, only_new: bool) -> None:
        while True:
            if not only_new:
                self._news, self._places = False, None
                await self._tell_places(lambda launch_id: True)
                loop = asyncio.get_running_loop()
                self._pause = loop.call_later(TELL_INTERVAL, self._after_pause)
            while await self._tell_places(self._is_new):
                pass  # who came meanwhile
            if self._pause is not None or not self._news:
                break
            only_new = False  # the pause has ended meanwhile
        self._save()

    async def _tell_places(self, concerned: Callable[[str], bool]) -> int:
        """Tell each its place, one in a turn of the event loop: there may be many, and pages.

        Returns how many were told.
        """
        told = 0
        for launch_id in filter(concerned, list(self._places_now())):
            place = self._places_now().get(launch_id)
            launch = self._book.find(launch_id)
            if place is not None and launch is not None and launch.queue != place:
                self._book.wait(launch_id, place)
                told += 1
                await asyncio.sleep(0)
        return told

    def _places_now(self) -> dict[str, QueuePlace]:
        if self._places is None:
            self._places = self._queue.places()
        return self._places

    def _is_new(self, launch_id: str) -> bool:
        """Whether nobody has heard of its place yet."""
        launch = self._book.find(launch_id)
        return launch is not None and launch.queue is None and not launch.phase.final

    def _after_pause(self) -> None:
        self._pause = None
        if self._news:
            self._changed()

    # --- over a restart -----------------------------------------------------------------------

    def keep_in(self, file: QueueFile) -> list[WaitingLaunch]:
        """Keep who waits in a file from now on; return who waited when it was written last."""
        self._file = file
        found = file.read()
        for entry in found:
            self._asked[entry.launch.id] = _Asked(entry.request, entry.ticket.user, None)
            self._tickets[entry.launch.id] = entry.ticket
        return found

    def forget(self, launch_id: str) -> None:
        """Note that a launch of an earlier process cannot be taken up."""
        self._tickets.pop(launch_id, None)
        self._asked.pop(launch_id, None)
        self._save()

    async def close(self) -> set[str]:
        """Write down who waits, and return the launches that the next process takes up.

        What happens to them from now on is not written any more.
        """
        if self._pause is not None:
            self._pause.cancel()
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)
        file, kept = self._file, {entry.launch.id for entry in self._entries()}
        if file is None:
            return set()
        self._save()
        self._file = None
        await file.close()
        return kept

    def _ticket(self, launch_id: str) -> Ticket | None:
        return self._queue.ticket(launch_id) or self._tickets.get(launch_id)

    def _save(self) -> None:
        if self._file is not None:
            self._file.write(self._entries())

    def _entries(self) -> list[WaitingLaunch]:
        entries = []
        for launch_id, asked in self._asked.items():
            ticket, launch = self._ticket(launch_id), self._book.find(launch_id)
            if ticket is not None and launch is not None:
                entries.append(WaitingLaunch(launch, asked.request, ticket))
        return entries
