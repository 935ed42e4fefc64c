"""Who of those that wait can be let in, as the machine is now; and what they wait for, in words."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace

from jupyter_gpu_containers.errors import GpuContainersError, GpusBusyError, NotEnoughGpusError
from jupyter_gpu_containers.model.gpu.device import GpuRequest, suitable_gpus
from jupyter_gpu_containers.model.gpu.slots import holders_of, used_by_others
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container, ContainerStatus
from jupyter_gpu_containers.model.queue import Granted, Ticket, grant
from jupyter_gpu_containers.service.kernel.claims import Claims, Scene
from jupyter_gpu_containers.service.sight import PROMISED


@dataclass(frozen=True)
class Asker:
    """A launch that wants GPUs."""

    id: str
    user: str
    request: GpuRequest
    what: str = ""  # its notebook or environment, in words
    # the container whose GPUs it may take over, as things are now
    handover: Callable[[], str | None] = lambda: None
    number: int | None = None  # of `Queue.next_number`, when it was asked for; None = now


@dataclass(eq=False)
class Waiter:
    """One who has asked and was not let in yet."""

    asker: Asker
    ticket: Ticket
    turn: Future[tuple[str, ...]]
    patient: bool = True  # would wait
    told: bool = False  # was not let in at once: it waits, and everybody can see it
    joined: bool = False  # waits behind one who waits for the same, before anybody has looked
    holders: tuple[str, ...] = ()
    starts_by: float | None = None  # seconds since the epoch
    refusal: GpuContainersError | None = None

    @property
    def estimate(self) -> float | None:
        """Seconds until it starts, at most, to the minute: places are told when they change."""
        if self.starts_by is None:
            return None
        return max(0.0, math.ceil((self.starts_by - time.time()) / 60) * 60.0)


Kept = Mapping[str, tuple[Waiter, tuple[str, ...]]]  # who was let in, and the UUIDs kept for it


def with_promises(claims: Claims, scene: Scene, kept: Kept) -> Scene:
    """Return the scene as it will be when those who were let in have claimed."""
    slots = {gpu.uuid: claims.slots.of(gpu) for gpu in scene.snapshot.gpus}
    promises = (_promise(waiter, uuids, slots) for waiter, uuids in kept.values())
    return replace(scene, holders=(*scene.holders, *promises))


def admit(
    claims: Claims, scene: Scene, waiting: Mapping[str, Waiter]
) -> tuple[dict[str, tuple[str, ...]], dict[str, NotEnoughGpusError]]:
    """Return who is let in and with which devices, and who asks for more than there is."""
    refused: dict[str, NotEnoughGpusError] = {}

    def wants(ticket: Ticket) -> frozenset[str]:
        if ticket.id in refused:
            return frozenset()
        return frozenset(g.uuid for g in suitable_gpus(scene.snapshot, ticket.request))

    def choose(ticket: Ticket, granted: Granted, kept: frozenset[str]) -> tuple[str, ...] | None:
        waiter = waiting[ticket.id]
        handover = waiter.asker.handover()
        wanted = wants(ticket)
        if wanted and wanted <= kept and handover is None:
            waiter.refusal = None
            return None
        now = with_promises(claims, scene, {key: (waiting[key], granted[key]) for key in granted})
        try:
            gpus = claims.choose(now, ticket.request, handover=handover, withheld=kept)
        except NotEnoughGpusError as exc:
            # a driver that does not answer has not taken the GPUs away for good
            if not (waiter.told and scene.snapshot.problem):
                refused[ticket.id] = exc
            return None
        except GpusBusyError as exc:
            waiter.refusal = exc
            return None
        return tuple(gpu.uuid for gpu in gpus)

    return grant([waiter.ticket for waiter in waiting.values()], choose, wants), refused


def name_holders(
    scene: Scene, waiting: Iterable[Waiter], tell: Callable[[Iterable[Container]], list[str]]
) -> None:
    """Note for everybody who has what it waits for."""
    holders = holders_of(scene.holders)
    words: dict[GpuRequest, tuple[str, ...]] = {}
    for waiter in waiting:
        request = waiter.asker.request
        if request not in words:
            found: dict[str, Container] = {}  # in order, each once
            others: list[str] = []
            for gpu in suitable_gpus(scene.snapshot, request):
                having = holders.get(gpu.uuid, [])
                found.update((container.id, container) for container in having)
                if used_by_others(gpu, having):
                    others.append(f"another process (GPU {gpu.index})")
            words[request] = (*dict.fromkeys(tell(found.values())), *others)
        waiter.holders = words[request]


def _promise(waiter: Waiter, uuids: Iterable[str], slots: Mapping[str, int]) -> Container:
    """Return the container that there will be, as far as it keeps others from its GPUs."""
    uuids = tuple(uuids)
    return Container(
        id=f"{PROMISED}{waiter.asker.id}",
        name=waiter.asker.what,
        status=ContainerStatus.CREATED,
        image="",
        labels=labels.make_labels(
            purpose="kernel",
            owner="",
            user=waiter.asker.user,
            gpus=uuids,
            slots=[slots.get(uuid, 1) for uuid in uuids],
            display_name=waiter.asker.what,
        ),
    )
