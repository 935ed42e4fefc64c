"""Reads an engine's event log as a history of claims: who held which GPU, from when to when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from jupyter_gpu_containers.model.kernel import labels


@dataclass(frozen=True)
class Event:
    """An event of the engine (Docker Engine API, ``GET /events``)."""

    time: int  # nanoseconds
    action: str  # create, start, die, destroy
    container: str
    gpus: frozenset[str]

    @classmethod
    def parse(cls, row: dict[str, object]) -> Event:
        actor = row["Actor"]
        assert isinstance(actor, dict)
        attributes: dict[str, str] = actor["Attributes"]
        return cls(
            time=int(str(row["timeNano"])),
            action=str(row["Action"]),
            container=actor["ID"],
            gpus=frozenset(filter(None, attributes.get(labels.GPUS, "").split(","))),
        )


@dataclass
class History:
    """What the events tell."""

    starts: int = 0
    doubles: list[str] = field(default_factory=list)
    never_removed: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, events: Iterable[Event]) -> History:
        """Go through the events in order; a GPU is held while a container with it runs."""
        history = cls()
        running: dict[str, Event] = {}
        for event in sorted(events, key=lambda event: event.time):
            if event.action == "create":
                history.never_removed.add(event.container)
            elif event.action == "start":
                history.starts += 1
                for other in running.values():
                    history.doubles += [
                        f"{gpu}: {event.container[:12]} started while {other.container[:12]} ran"
                        for gpu in sorted(other.gpus & event.gpus)
                    ]
                running[event.container] = event
            elif event.action == "die":
                running.pop(event.container, None)
            elif event.action == "destroy":
                running.pop(event.container, None)
                history.never_removed.discard(event.container)
        return history
