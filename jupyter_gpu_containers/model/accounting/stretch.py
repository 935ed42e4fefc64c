"""A stretch of time in which a container held a GPU, and what is known of its use; a line on disk.

A claim's stretches follow each other. Each says all about itself, so that those before it may be
lost, and where two tell of the same time, it counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from enum import Enum
from math import isfinite
from typing import Any


class Event(str, Enum):
    """Why a stretch was written down."""

    BEGIN = "begin"  # the claim began, or was found again: nothing was measured yet
    NOTE = "note"  # now and then
    END = "end"  # it is over


@dataclass(frozen=True)
class Holding:
    """Who held what: one GPU or MIG instance, by one container."""

    container: str  # id
    gpu: str  # UUID
    index: int | None  # of the GPU at that time, for people
    name: str  # its product name
    kernel: str  # id
    user: str  # login name
    notebook: str = ""
    environment: str = ""
    image: str = ""  # reference
    waiting: bool = False  # the container waits for its kernel to come


@dataclass(frozen=True)
class Stretch:
    """What is known of a holding for a time."""

    holding: Holding
    begin: float  # seconds since the epoch
    end: float
    event: Event = Event.NOTE
    sampled: float = 0.0  # seconds of it for which utilisation is known
    used: float = 0.0  # of these, seconds times utilisation
    energy: float | None = None  # joules; None where the driver told of no moment of it
    metered: float = 0.0  # seconds of it for which energy is known

    @property
    def held(self) -> float:
        """Seconds."""
        return self.end - self.begin

    def within(self, begin: float, end: float) -> Stretch | None:
        """Return the part of it in a window, with its share of all sums; None where there is none.

        What lasted no time at all is in the window or not.
        """
        first, last = max(self.begin, begin), min(self.end, end)
        if last < first:
            return None
        share = (last - first) / self.held if self.held > 0 else 1.0
        if share == 1.0:
            return self
        return replace(
            self,
            begin=first,
            end=last,
            sampled=self.sampled * share,
            used=self.used * share,
            energy=None if self.energy is None else self.energy * share,
            metered=self.metered * share,
        )


def once(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """Yield stretches without what another one of the same claim has told before."""
    told: dict[tuple[str, str], float] = {}
    for stretch in sorted(stretches, key=lambda each: (each.end, each.begin)):
        key = (stretch.holding.container, stretch.holding.gpu)
        rest = stretch.within(told.get(key, stretch.begin), stretch.end)
        if rest is not None:
            told[key] = rest.end
            yield rest


def to_record(stretch: Stretch) -> dict[str, Any]:
    """Return a stretch as JSON."""
    holding, energy = stretch.holding, stretch.energy
    return {
        "event": stretch.event.value,
        "from": _text(stretch.begin),
        "to": _text(stretch.end),
        "sampled_s": round(stretch.sampled, 3),
        "used_s": round(stretch.used, 3),
        "energy_j": None if energy is None else round(energy, 3),
        "metered_s": round(stretch.metered, 3),
        "gpu": holding.gpu,
        "index": holding.index,
        "name": holding.name,
        "user": holding.user,
        "kernel": holding.kernel,
        "notebook": holding.notebook or None,
        "environment": holding.environment or None,
        "image": holding.image or None,
        "container": holding.container,
        "waiting": holding.waiting,
    }


def of_record(record: Mapping[str, Any], user: str | None = None) -> Stretch:
    """Return what `to_record` has written.

    Parameters
    ----------
    record : mapping
    user : str, optional
        Whose it is, whatever the record says.

    Raises
    ------
    ValueError
        It is none, or makes no sense.
    """
    try:
        index, energy = record["index"], record["energy_j"]
        stretch = Stretch(
            Holding(
                container=str(record["container"]),
                gpu=str(record["gpu"]),
                index=None if index is None else int(index),
                name=str(record["name"]),
                kernel=str(record["kernel"]),
                user=str(record["user"]) if user is None else user,
                notebook=str(record["notebook"] or ""),
                environment=str(record["environment"] or ""),
                image=str(record["image"] or ""),
                waiting=record.get("waiting") is True,  # older lines do not say it
            ),
            begin=_seconds(record["from"]),
            end=_seconds(record["to"]),
            event=Event(record["event"]),
            sampled=float(record["sampled_s"]),
            used=float(record["used_s"]),
            energy=None if energy is None else float(energy),
            metered=float(record["metered_s"]),
        )
    except (KeyError, TypeError, AttributeError, OverflowError) as exc:
        raise ValueError(f"no record of GPU use: {exc!r}") from exc
    sums = (stretch.held, stretch.sampled, stretch.used, stretch.energy or 0.0, stretch.metered)
    if not all(isfinite(number) and number >= 0 for number in sums):
        raise ValueError("a record of GPU use has a number that cannot be")
    if max(stretch.sampled, stretch.metered) > stretch.held + 1 or stretch.used > stretch.sampled:
        raise ValueError("a record of GPU use whose numbers contradict each other")
    return stretch


def _text(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
