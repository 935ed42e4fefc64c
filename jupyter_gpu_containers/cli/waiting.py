"""Launches that wait for GPUs, as the servers of this user have written them down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_data_dir

from jupyter_gpu_containers.errors import UnavailableError
from jupyter_gpu_containers.model.queue import in_order
from jupyter_gpu_containers.service.queue.file import KnownQueue, forget_launch, known_queues
from jupyter_gpu_containers.web.serializers import time_text

from .kernels import SHORTEST
from .servers import leave_queue
from .tables import moment

TITLES = ("PLACE", "LAUNCH", "ENVIRONMENT", "WAITS FOR", "SINCE", "USER", "NOTEBOOK")


@dataclass(frozen=True)
class WaitingRow:
    """A launch in the queue of a server."""

    queue: KnownQueue
    id: str
    position: int  # in that queue; 1 = next
    length: int
    display_name: str
    gpus: int
    since: float  # seconds since the epoch
    user: str
    notebook: str

    @property
    def called(self) -> str:
        """A name for people."""
        return f"{self.display_name} ({self.notebook or self.id[:8]})"

    def as_dict(self) -> dict[str, Any]:
        """Return what --json prints."""
        return {
            "id": self.id,
            "position": self.position,
            "length": self.length,
            "display_name": self.display_name,
            "gpus": self.gpus,
            "since": time_text(self.since),
            "user": self.user,
            "notebook": self.notebook,
            "server_alive": self.queue.alive,
        }

    def cells(self) -> tuple[str, ...]:
        """Return the row for people."""
        place = f"{self.position} of {self.length}"
        return (
            place if self.queue.alive else f"{place}, no server",
            self.id[:8],
            self.display_name,
            "1 GPU" if self.gpus == 1 else f"{self.gpus} GPUs",
            moment(self.since),
            self.user,
            self.notebook,
        )

    def leave(self) -> None:
        """Leave the queue; blocking.

        Raises
        ------
        UnavailableError
            Its server is there, and does not do it.
        """
        if not self.queue.alive:
            forget_launch(self.queue, self.id)
        elif not leave_queue(self.id, self.queue.owner):
            raise UnavailableError(
                f"The server in which {self.called} waits cannot be reached.",
                "Leave the queue in JupyterLab.",
            )


def waiting_rows() -> list[WaitingRow]:
    """List who waits in the servers of this user, those that are gone included, in order."""
    rows = []
    for queue in known_queues(Path(jupyter_data_dir(), "gpu_containers")):
        entries = {entry.ticket.id: entry for entry in queue.launches}
        for position, ticket in enumerate(in_order(each.ticket for each in queue.launches), 1):
            launch = entries[ticket.id].launch
            rows.append(
                WaitingRow(
                    queue,
                    launch.id,
                    position,
                    len(entries),
                    launch.display_name,
                    ticket.request.count,
                    ticket.since,
                    ticket.user,
                    launch.path,
                )
            )
    return rows


def split_targets(
    rows: Sequence[WaitingRow], targets: Sequence[str]
) -> tuple[list[WaitingRow], list[str]]:
    """Return the launches that were meant, by their ids or beginnings of these, and the rest."""
    chosen: dict[str, WaitingRow] = {}
    rest = []
    for target in targets:
        long_enough = len(target) >= SHORTEST
        found = [r for r in rows if r.id == target or (long_enough and r.id.startswith(target))]
        if len(found) == 1:
            chosen[found[0].id] = found[0]
        else:
            rest.append(target)
    return list(chosen.values()), rest
