"""What GPUs were used for in a time, by kernel, notebook or user; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.duration import parse_duration
from jupyter_gpu_containers.model.policy import Show

from .stretch import Event, Holding, Stretch, once

OTHERS = Holding("", "", None, "", "", "")  # what is told of who must not be known


class By(str, Enum):
    """What a row stands for."""

    KERNEL = "kernel"
    NOTEBOOK = "notebook"  # of a user; kernels without one are together
    USER = "user"


@dataclass(frozen=True)
class Sums:
    """What was added up of some stretches."""

    held: float = 0.0  # seconds times GPUs
    sampled: float = 0.0  # of these, seconds for which utilisation is known
    used: float = 0.0  # of these, seconds times utilisation
    energy: float | None = None  # joules, of the seconds in `metered`; None = nobody knows of any
    metered: float = 0.0

    @property
    def idle_share(self) -> float | None:
        """How much of the time that is known nothing was computed, 0 to 1; None = none is known."""
        return max(0.0, 1 - self.used / self.sampled) if self.sampled > 0 else None

    @property
    def sampled_share(self) -> float:
        """How much of the time is known, 0 to 1."""
        return min(1.0, self.sampled / self.held) if self.held > 0 else 0.0

    @property
    def metered_share(self) -> float:
        """For how much of the time energy is known, 0 to 1."""
        return min(1.0, self.metered / self.held) if self.held > 0 else 0.0

    def plus(self, stretch: Stretch) -> Sums:
        """Return the sums with one more stretch."""
        energy = self.energy
        if stretch.energy is not None:
            energy = (energy or 0.0) + stretch.energy
        return Sums(
            self.held + stretch.held,
            self.sampled + stretch.sampled,
            self.used + stretch.used,
            energy,
            self.metered + stretch.metered,
        )


@dataclass(frozen=True)
class Row:
    """One kernel, notebook or user, or all containers of a user that wait for kernels to come.

    "" is told of what differs within the row, or is not known.
    """

    user: str
    notebook: str
    kernel: str
    environment: str
    image: str
    gpus: tuple[tuple[str, int | None], ...]  # UUIDs with the index that each had last
    kernels: int
    first: float  # seconds since the epoch: of what is in the row, in the window
    last: float
    running: bool  # one of them holds its GPUs still, as far as is known
    sums: Sums
    waiting: bool = False


@dataclass(frozen=True)
class Report:
    """Rows, the most GPU time first."""

    since: float  # seconds since the epoch
    until: float
    by: By
    rows: tuple[Row, ...]
    total: Sums


def make_report(
    stretches: Iterable[Stretch], since: float, until: float, by: By, *, fresh: float = 900.0
) -> Report:
    """Add up what lies between two moments.

    Parameters
    ----------
    stretches : iterable of Stretch
        In any order; what two of them tell counts once.
    since, until : float
        Seconds since the epoch.
    by : By
    fresh : float
        Seconds before `until` in which a claim that goes on has been written down.
    """
    rows: dict[tuple[bool | str, ...], list[Stretch]] = {}
    total = Sums()
    for stretch in once(stretches):
        part = stretch.within(since, until)
        if part is None or (part.held == 0 and part.event is Event.NOTE):
            continue
        holding = part.holding
        key = (holding.user,) if holding.waiting else _KEYS[by](holding)
        rows.setdefault((holding.waiting, *key), []).append(part)
        total = total.plus(part)
    found = [_row(parts, by, until - fresh) for parts in rows.values()]
    found.sort(key=lambda row: (-row.sums.held, row.user, row.notebook, row.kernel, row.waiting))
    return Report(since, until, by, tuple(found), total)


def visible(stretches: Iterable[Stretch], show: Show, user: str) -> list[Stretch]:
    """Return what a user may be told; of others all, only how much, or nothing."""
    if show is Show.ALL:
        return list(stretches)
    found = []
    for stretch in stretches:
        if stretch.holding.user == user:
            found.append(stretch)
        elif show is Show.COUNTS:
            found.append(replace(stretch, holding=_anonymous(stretch.holding)))
    return found


def parse_since(text: str, now: datetime) -> float:
    """Return the moment that is meant by ``7d``, ``12h``, ``2026-11-16`` or a time of a day.

    Parameters
    ----------
    text : str
    now : datetime
        With its time zone, which days and times without one are of.

    Returns
    -------
    float
        Seconds since the epoch.

    Raises
    ------
    InvalidRequestError
        It is no such text, or not in the past.
    """
    text = text.strip()[:40]
    try:
        if text[-1:].lower() in {"s", "m", "h", "d"}:
            moment = now - timedelta(seconds=parse_duration(text))
        else:
            moment = datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] == "Z" else text)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=now.tzinfo)
        seconds = moment.timestamp()
    except (ValueError, OverflowError, InvalidRequestError):
        raise InvalidRequestError(
            f"“{text}” is neither a time to go back nor a date.",
            "Write 12h, 7d, 2026-11-16 or 2026-11-16T08:00.",
            code="since_invalid",
        ) from None
    if seconds > now.timestamp():
        raise InvalidRequestError(
            f"“{text}” is not in the past.", "Name the day to begin with.", code="since_invalid"
        )
    return seconds


_KEYS: dict[By, Callable[[Holding], tuple[str, ...]]] = {
    By.KERNEL: lambda holding: (holding.user, holding.kernel),
    By.NOTEBOOK: lambda holding: (holding.user, holding.notebook),
    By.USER: lambda holding: (holding.user,),
}


def _row(parts: list[Stretch], by: By, fresh_from: float) -> Row:
    sums = Sums()
    gpus: dict[str, int | None] = {}
    latest: dict[tuple[str, str], Stretch] = {}
    for part in parts:  # in the order of their ends
        sums = sums.plus(part)
        if part.holding.gpu and (part.holding.index is not None or part.holding.gpu not in gpus):
            gpus[part.holding.gpu] = part.holding.index
        latest[part.holding.container, part.holding.gpu] = part
    holdings = [part.holding for part in parts]
    waiting = holdings[0].waiting
    ordered = sorted(gpus.items(), key=lambda gpu: (gpu[1] is None, gpu[1] or 0, gpu[0]))
    return Row(
        user=holdings[-1].user,
        notebook=holdings[-1].notebook if by is not By.USER else "",
        kernel=holdings[-1].kernel if by is By.KERNEL and not waiting else "",
        environment=_common(holding.environment for holding in holdings),
        image=_common(holding.image for holding in holdings),
        gpus=tuple(ordered),
        kernels=0 if waiting else len({each.kernel or each.container for each in holdings}),
        first=min(part.begin for part in parts),
        last=max(part.end for part in parts),
        running=any(
            part.event is not Event.END and part.end >= fresh_from for part in latest.values()
        ),
        sums=sums,
        waiting=waiting,
    )


def _common(texts: Iterable[str]) -> str:
    found = set(texts) - {""}
    return found.pop() if len(found) == 1 else ""


def _anonymous(holding: Holding) -> Holding:
    """Return what tells nothing but that somebody held a GPU; still, two claims are two."""
    return replace(OTHERS, container=holding.container, gpu=holding.gpu, waiting=holding.waiting)
