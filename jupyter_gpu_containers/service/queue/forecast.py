"""When those who wait for GPUs start at the latest, where kernels may run for a limited time."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

from jupyter_gpu_containers.model.gpu.device import suitable_gpus
from jupyter_gpu_containers.model.gpu.foreign import uuids_of
from jupyter_gpu_containers.model.gpu.slots import GpuSlots, holders_of, used_by_others
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container
from jupyter_gpu_containers.model.queue import Ticket, starts_by
from jupyter_gpu_containers.service.kernel.claims import Scene
from jupyter_gpu_containers.service.recovery.signing import Signer
from jupyter_gpu_containers.service.sight import PROMISED


class Forecast:
    """Knows when the kernels of this server end at the latest, and of nobody else's.

    Parameters
    ----------
    run_time : float
        Most seconds that a kernel runs.
    start_timeout : float
        Most seconds from a container's start to its kernel's first answer.
    owner : str
        Identity of this process.
    signer : Signer, optional
        Tells its containers from those that only say so.
    server : callable, optional
        Returns the name of this process's server, whose former life's kernels are its own, too.
    """

    def __init__(
        self,
        run_time: float,
        start_timeout: float,
        owner: str,
        signer: Signer | None = None,
        server: Callable[[], str] = str,
    ) -> None:
        self._held = run_time + start_timeout
        self._owner = owner
        self._signer = signer or Signer()
        self._server = server

    def starts(self, slots: GpuSlots, scene: Scene, waiting: Sequence[Ticket]) -> dict[str, float]:
        """Return seconds since the epoch by ticket; who is not in it may wait for any time.

        Parameters
        ----------
        slots : GpuSlots
        scene : Scene
            With those that were let in and have not claimed yet.
        waiting : sequence of Ticket
            In order.
        """

        def wants(ticket: Ticket) -> frozenset[str]:
            return frozenset(gpu.uuid for gpu in suitable_gpus(scene.snapshot, ticket.request))

        gpus, holders = scene.snapshot.gpus, holders_of(scene.holders)
        foreign = {uuid for container in scene.foreign for uuid in uuids_of(container, gpus)}
        free_at = {}
        for gpu in gpus:
            having = holders.get(gpu.uuid, [])
            if gpu.problem is not None or gpu.uuid in foreign or used_by_others(gpu, having):
                continue
            # of a GPU that is shared nobody can say who takes the slot that is free first
            ends = self._ends(having) if slots.of(gpu) == 1 else None
            if ends is not None:
                free_at[gpu.uuid] = ends
        return starts_by(waiting, wants, free_at, self._held)

    def _ends(self, containers: Collection[Container]) -> float | None:
        """Return when all of them are gone at the latest; None where nobody knows."""
        now = time.time()
        latest = now
        for container in containers:
            if container.id.startswith(PROMISED):
                latest = max(latest, now + self._held)
            elif self._is_own(container):
                latest = max(latest, container.created + self._held)
            else:
                return None
        return latest

    def _is_own(self, container: Container) -> bool:
        text, server = container.labels, self._server()
        driven = text.get(labels.OWNER) == self._owner or (
            bool(server) and text.get(labels.SERVER) == server
        )
        return driven and self._signer.is_ours(container)
