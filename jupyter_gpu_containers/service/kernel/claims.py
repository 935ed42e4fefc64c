"""GPU claims: a container that carries GPUs in its label, in any state, *is* the claim.

The protocol, without a ledger or a lock between processes:

1. list all our containers, choose GPUs that none of them carries, or fewer than may share them,
2. create the container, which carries the chosen ones,
3. list again; if too many others carry one of them, remove mine and try again later,
4. start it by its id.

Of two that chose the same GPU, the one that created later must see the other in step 3: the
engine shows a container to everybody before `create` returns. A claim ends only when the engine
confirmed the removal. An engine that does not answer frees nothing.
"""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from jupyter_gpu_containers.errors import GpuContainersError, GpusBusyError
from jupyter_gpu_containers.model.gpu.choice import select_gpus
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuRequest, GpuSnapshot
from jupyter_gpu_containers.model.gpu.foreign import ForeignContainer, uuids_of
from jupyter_gpu_containers.model.gpu.slots import GpuSlots, holders_of, slot_use, used_by_others
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container, ContainerSpec, ContainerStatus
from jupyter_gpu_containers.model.policy import Show
from jupyter_gpu_containers.ports import ContainerBackend, GpuInventory
from jupyter_gpu_containers.service.recovery.crashpoints import reached
from jupyter_gpu_containers.service.recovery.reconcile import Reconciler, Swept
from jupyter_gpu_containers.service.sight import Sight

ATTEMPTS = 30
NAMED = 4  # holders that are named to who finds no free GPU
BACKOFF = 0.1  # seconds

MakeSpec = Callable[[tuple[Gpu, ...], str], ContainerSpec]


@dataclass(frozen=True)
class Claim:
    """A created container and the GPUs that it holds until it is removed."""

    container_id: str
    gpus: tuple[Gpu, ...]


@dataclass(frozen=True)
class Scene:
    """The GPUs and the containers that have some, ours and others', at one moment."""

    holders: tuple[Container, ...]
    snapshot: GpuSnapshot
    foreign: tuple[ForeignContainer, ...] = ()


class Claims:
    """Allocates leaf devices (whole GPUs, MIG instances) to containers.

    Parameters
    ----------
    slots : GpuSlots, optional
        How many containers may hold one device; by default one each.
    reconciler : Reconciler, optional
        What removes containers, and tells those of others from ours.
    monitoring : sequence of str
        Patterns of names of others' containers whose GPUs count as free all the same.
    sight : Sight, optional
        What people are told of who has the GPUs; by default everything.
    backoff : float
        Seconds, times the number of the attempt, times a random number below 1: how long a claim
        waits after another one that wanted the same GPUs.
    """

    def __init__(
        self,
        backend: ContainerBackend,
        inventory: GpuInventory,
        *,
        slots: GpuSlots | None = None,
        reconciler: Reconciler | None = None,
        monitoring: Sequence[str] = (),
        sight: Sight | None = None,
        log: logging.Logger | None = None,
        rng: random.Random | None = None,
        backoff: float = BACKOFF,
    ) -> None:
        self._backend = backend
        self._inventory = inventory
        self.slots = slots or GpuSlots()
        self._log = log or logging.getLogger(__name__)
        self.sight = sight or Sight()
        self._random = rng or random.Random()
        self.backoff = backoff
        self._monitoring = tuple(monitoring)
        self.reconciler = reconciler or Reconciler(backend, log=log)
        self._listeners: list[Callable[[], None]] = []

    def on_release(self, listener: Callable[[], None]) -> None:
        """Call the listener after each removal that the engine confirmed to this process."""
        self._listeners.append(listener)

    async def look(self) -> Scene:
        """Return what can be had and who has it, after removing what dead processes left.

        Raises
        ------
        UnavailableError
            Nobody knows; nothing is free then.
        """
        holders = tuple(await self._holders())
        foreign = await self.foreign()
        return Scene(holders, await self._inventory.snapshot(), foreign)

    async def foreign(self) -> tuple[ForeignContainer, ...]:
        """Return containers of others that have GPUs, without those that only watch them.

        Raises
        ------
        UnavailableError
            Nobody knows.
        """
        found = await self._backend.foreign_gpu_containers()
        return tuple(
            c for c in found if not any(fnmatchcase(c.name, name) for name in self._monitoring)
        )

    async def are_sound(self, gpus: Collection[Gpu]) -> bool:
        """Tell whether GPUs that are claimed are still there, and well."""
        known = {gpu.uuid: gpu for gpu in (await self._inventory.snapshot()).gpus}
        return all(gpu.uuid in known and known[gpu.uuid].problem is None for gpu in gpus)

    async def claim(
        self, request: GpuRequest, make_spec: MakeSpec, *, handover: str | None = None
    ) -> Claim:
        """Choose GPUs and create the container that holds them; it is not started.

        Parameters
        ----------
        request : GpuRequest
        make_spec : callable
            Given the GPUs and a fresh container name, returns what to create.
        handover : str, optional
            Id of a container whose GPUs may be shared until it is removed: the kernel that this
            one replaces.

        Raises
        ------
        NotEnoughGpusError, GpusBusyError
        UnavailableError
            Nothing was claimed, or what was created could not be removed and counts as busy.
        """
        if request.count == 0:
            return Claim(await self._create(make_spec, ()), ())
        for attempt in range(ATTEMPTS):
            scene = await self.look()
            try:
                gpus = self.choose(scene, request, handover=handover, attempt=attempt)
            except GpusBusyError:
                if not self._contended(scene.holders) or attempt == ATTEMPTS - 1:
                    raise
            else:
                reached("claim.chosen")
                container_id = await self._create(make_spec, gpus)
                if await self._is_mine(container_id, gpus, handover):
                    return Claim(container_id, gpus)
            await asyncio.sleep(self.backoff * (attempt + 1) * self._random.random())
        raise GpusBusyError(
            "Other servers were claiming the same GPUs again and again.", "Try again in a moment."
        )

    async def release(self, container_id: str) -> None:
        """Remove the container; its GPUs are free when this returns.

        Raises
        ------
        UnavailableError
            The engine did not confirm it. The claim stands; `reconcile` tries again.
        """
        await self.reconciler.release(container_id)
        for listener in self._listeners:
            listener()

    async def reconcile(self) -> Swept:
        """Remove containers that nobody drives any more; see `Reconciler.sweep`."""
        swept = await self.reconciler.sweep()
        if swept.removed:
            for listener in self._listeners:
                listener()
        return swept

    async def _holders(self) -> list[Container]:
        standing = (await self.reconcile()).standing
        return [container for container in standing if labels.gpus_of(container)]

    def choose(
        self,
        scene: Scene,
        request: GpuRequest,
        *,
        handover: str | None = None,
        withheld: Collection[str] = (),
        attempt: int = 0,
    ) -> tuple[Gpu, ...]:
        """Choose GPUs for a request; nothing is claimed.

        Parameters
        ----------
        handover : str, optional
            As in `claim`.
        withheld : collection of str
            UUIDs that are kept for others, however free they are.
        attempt : int
            0 takes the obvious GPUs, later ones avoid the crowd.

        Raises
        ------
        NotEnoughGpusError, GpusBusyError
        """
        holders, snapshot = scene.holders, scene.snapshot
        mine = [uuid for c in holders if c.id == handover for uuid in labels.gpus_of(c)]
        everybody = holders_of(holders)
        others = holders_of(c for c in holders if c.id != handover)
        foreign = {g.uuid for g in snapshot.gpus if used_by_others(g, everybody.get(g.uuid, []))}
        for container in scene.foreign:
            foreign |= uuids_of(container, snapshot.gpus)
        order = list(range(len(snapshot.gpus)))
        if attempt:
            self._random.shuffle(order)
        try:
            return select_gpus(
                snapshot,
                foreign | set(withheld),
                request,
                use={
                    g.uuid: slot_use(g, self.slots, others.get(g.uuid, [])) for g in snapshot.gpus
                },
                handover=mine,
                shuffle=order,
            )
        except GpusBusyError as exc:
            names = self.sight.words(c for c in holders if c.id != handover)
            if self.sight.show is Show.ALL:
                names += [f"the container {c.name}, which is not ours" for c in scene.foreign]
            raise GpusBusyError(exc.message + _held_by(names), exc.hint) from None

    def _contended(self, holders: Collection[Container]) -> bool:
        """Whether a holder is only created: it may yet back off."""
        return any(
            c.status is ContainerStatus.CREATED and c.id not in self.reconciler.doomed
            for c in holders
        )

    async def _is_mine(
        self, container_id: str, gpus: tuple[Gpu, ...], handover: str | None
    ) -> bool:
        """Step 3 of the protocol; removes the container where it lost or the engine failed."""
        won = False
        try:
            found = await self._backend.containers(labels.VERSION)
            others = holders_of(c for c in found if c.id not in (container_id, handover))
            won = all(slot_use(gpu, self.slots, others.get(gpu.uuid, [])).free for gpu in gpus)
        finally:
            reached("claim.checked")
            if not won:
                await asyncio.shield(self.release(container_id))
        return won

    async def _create(self, make_spec: MakeSpec, gpus: tuple[Gpu, ...]) -> str:
        """Create; where the answer is lost or the caller gives up, nothing stays behind."""
        spec = self.reconciler.signer.signed(make_spec(gpus, f"jupyter-kernel-{uuid.uuid4().hex}"))
        reached("claim.create")
        creating = asyncio.ensure_future(self._backend.create(spec))
        try:
            created = await asyncio.shield(creating)
            self.reconciler.created(created, spec.name)
            reached("claim.created")
            return created
        except (asyncio.CancelledError, GpuContainersError):
            await asyncio.shield(self._undo(creating, spec.name))
            raise

    async def _undo(self, creating: asyncio.Future[str], name: str) -> None:
        try:
            created = await creating
            self.reconciler.created(created, name)
            await self.release(created)
        except GpuContainersError as exc:  # it may exist all the same; `reconcile` looks for it
            self._log.debug("%s: %s", name, exc)
            self.reconciler.doomed.add(name)
            try:
                await self._backend.remove(name)
            except GpuContainersError as later:
                self._log.warning("could not remove %s yet: %s", name, later)


def _held_by(names: list[str]) -> str:
    """Say who has the GPUs, as far as it is us."""
    if not names:
        return ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f" Held by {', '.join(names[:NAMED])}{more}."
