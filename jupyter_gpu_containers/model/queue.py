"""Who waits for GPUs, in which order, and who of them may start now; pure functions.

The order is round-robin over users and first come, first served within a user: a request joins the
round after its user's last one, and rounds are served one after the other. So nobody's tenth
request comes before somebody else's first, and a request is overtaken by those of earlier rounds
alone, of which every user has one at most.

Who comes first and finds too few free GPUs is not overtaken for any that it could use: they are
kept until there are enough. Otherwise a request for many would wait for ever behind those for one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from jupyter_gpu_containers.model.gpu.device import GpuRequest


@dataclass(frozen=True)
class Ticket:
    """One request for GPUs, as the queue sees it."""

    id: str  # of its launch
    user: str
    request: GpuRequest
    since: float  # seconds since the epoch
    round: int
    number: int  # counts all who asked, whenever they came to the queue

    @property
    def rank(self) -> tuple[int, int]:
        """What the order goes by."""
        return self.round, self.number


@dataclass(frozen=True)
class QueuePlace:
    """Where a launch stands in the queue, as people see it."""

    position: int  # 1 = next
    length: int
    gpus: int  # how many leaf devices it waits for
    since: float  # seconds since the epoch
    estimate: float | None = None  # seconds until it starts, at most; None: nobody can tell
    holders: tuple[str, ...] = ()  # who has the GPUs that it waits for, in words


def next_round(user: str, waiting: Collection[Ticket], served: Iterable[Ticket] = ()) -> int:
    """Return the round in which a user's next request takes part.

    Parameters
    ----------
    user : str
    waiting : collection of Ticket
    served : iterable of Ticket
        Those that got their GPUs while others of `waiting` waited; older ones do not count.
    """
    present = min((ticket.round for ticket in waiting), default=0)
    own = [ticket.round for ticket in (*waiting, *served) if ticket.user == user]
    return max([present, *(number + 1 for number in own)])


def as_asked(own: Iterable[Ticket]) -> list[Ticket]:
    """Return one user's tickets with their rounds in the order in which they were asked for.

    One whose image had to be looked into first may come late, and is not put back for that.
    """
    by_number = sorted(own, key=lambda ticket: ticket.number)
    rounds = sorted(ticket.round for ticket in by_number)
    return [
        t if t.round == round_ else replace(t, round=round_)
        for t, round_ in zip(by_number, rounds, strict=True)
    ]


def in_order(waiting: Iterable[Ticket]) -> list[Ticket]:
    """Return who is next, then the one after, and so on."""
    return sorted(waiting, key=lambda ticket: ticket.rank)


Granted = Mapping[str, tuple[str, ...]]  # UUIDs by id of ticket


def grant(
    waiting: Iterable[Ticket],
    choose: Callable[[Ticket, Granted, frozenset[str]], tuple[str, ...] | None],
    wants: Callable[[Ticket], Collection[str]],
) -> dict[str, tuple[str, ...]]:
    """Return who may start now, and with which devices.

    Parameters
    ----------
    waiting : iterable of Ticket
        In any order.
    choose : callable
        Given a ticket, what others of this call were granted, and the UUIDs that are kept for those
        before it, returns what it can have now, or None.
    wants : callable
        Every UUID that a ticket could use, however busy.
    """
    granted: dict[str, tuple[str, ...]] = {}
    kept: frozenset[str] = frozenset()
    for ticket in in_order(waiting):
        chosen = choose(ticket, granted, kept)
        if chosen is None:
            kept |= frozenset(wants(ticket))
        else:
            granted[ticket.id] = chosen
    return granted


def starts_by(
    waiting: Sequence[Ticket],
    wants: Callable[[Ticket], Collection[str]],
    free_at: Mapping[str, float],
    run_time: float | None,
) -> dict[str, float]:
    """Return when each of them starts at the latest, where that can be known.

    Every kernel is taken to run as long as it may. One that ends earlier makes nobody wait longer,
    since nobody overtakes.

    Parameters
    ----------
    waiting : sequence of Ticket
        In order.
    wants : callable
        As in `grant`.
    free_at : mapping
        When each device is free at the latest, in seconds since the epoch; those that are left out
        may be held for ever.
    run_time : float, optional
        Most seconds that a kernel may run; None = for ever.

    Returns
    -------
    dict
        Seconds since the epoch by id; who is not in it may wait for any time.
    """
    free = dict(free_at)
    found: dict[str, float] = {}
    for ticket in waiting:
        suitable = sorted(wants(ticket), key=lambda uuid: free.get(uuid, math.inf))
        taken = suitable[: ticket.request.count]
        if len(taken) < ticket.request.count:
            continue  # the machine has too few; it keeps none from others
        start = max((free.get(uuid, math.inf) for uuid in taken), default=math.inf)
        for uuid in suitable:  # nobody behind it gets one of them before it starts
            free[uuid] = max(free.get(uuid, math.inf), start)
        for uuid in taken:
            free[uuid] = math.inf if run_time is None else start + run_time
        if start < math.inf:
            found[ticket.id] = start
    return found
