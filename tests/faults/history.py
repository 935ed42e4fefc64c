"""Reads an engine's event log as a history of claims: who held which GPU, from when to when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from jupyter_gpu_containers.model.kernel import labels


@dataclass(frozen=True)
class Event:
    """An event of the engine (Docker Engine API, ``GET /events``)."""

    time: int  # nanoseconds
    action: str  # create, start, die, destroy
    container: str
    # the GPUs that the container claims, and for how many each of them was when it did
    gpus: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, row: dict[str, object]) -> Event:
        actor = row["Actor"]
        assert isinstance(actor, dict)
        text: dict[str, str] = actor["Attributes"]
        uuids = list(filter(None, text.get(labels.GPUS, "").split(",")))
        slots = list(filter(None, text.get(labels.SLOTS, "").split(","))) or ["1"] * len(uuids)
        return cls(
            time=int(str(row["timeNano"])),
            action=str(row["Action"]),
            container=actor["ID"],
            gpus={uuid: int(number) for uuid, number in zip(uuids, slots, strict=True)},
        )


@dataclass
class History:
    """What the events tell."""

    starts: int = 0
    wins: int = 0  # containers that were started at all: a restart is no new claim
    of_several: int = 0  # those of them with several GPUs
    most: dict[str, int] = field(default_factory=dict)  # by GPU: its most holders at a time
    doubles: list[str] = field(default_factory=list)
    never_removed: set[str] = field(default_factory=set)
    missed: list[str] = field(default_factory=list)  # ends without a beginning: events are lost

    @classmethod
    def read(cls, events: Iterable[Event]) -> History:
        """Go through the events in order; a GPU is held while a container with it runs.

        Of those who share a GPU, each was promised by its label how many they are at most.
        """
        history = cls()
        running: dict[str, Event] = {}
        won: set[str] = set()
        for event in sorted(events, key=lambda event: event.time):
            if event.action == "create":
                history.never_removed.add(event.container)
            elif event.action == "start":
                running[event.container] = event
                history.starts += 1
                if event.container not in won:
                    won.add(event.container)
                    history.of_several += len(event.gpus) > 1
                for gpu in sorted(event.gpus):
                    history._look(gpu, event, [one for one in running.values() if gpu in one.gpus])
            elif event.action == "die":
                if running.pop(event.container, None) is None:
                    history.missed.append(f"the start of {event.container[:12]}")
            elif event.action == "destroy":
                running.pop(event.container, None)
                if event.container not in history.never_removed:
                    history.missed.append(f"the creation of {event.container[:12]}")
                history.never_removed.discard(event.container)
        history.wins = len(won)
        return history

    def _look(self, gpu: str, started: Event, holders: list[Event]) -> None:
        """Judge a GPU on which a container was started."""
        self.most[gpu] = max(self.most.get(gpu, 0), len(holders))
        slots = min(holder.gpus[gpu] for holder in holders)
        if len(holders) > slots:
            others = [one.container[:12] for one in holders if one is not started]
            self.doubles.append(
                f"{gpu} of {slots}: {started.container[:12]} started while "
                f"{' and '.join(others)} ran"
            )
