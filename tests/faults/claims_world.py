"""What the claims machine acts in: servers, an engine, time, and what must hold between them."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from collections.abc import Coroutine, Iterable
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant

from jupyter_gpu_containers.backends.memory import MemoryStore
from jupyter_gpu_containers.backends.memory.store import Record
from jupyter_gpu_containers.errors import GpuContainersError
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuRequest
from jupyter_gpu_containers.model.gpu.slots import GpuSlots
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerStatus
from jupyter_gpu_containers.service.kernel.claims import Claim, Claims
from jupyter_gpu_containers.service.recovery import reconcile
from jupyter_gpu_containers.service.recovery.reconcile import Reconciler
from jupyter_gpu_containers.service.recovery.server_id import ServerState

from .claims_server import Server
from .stepped_engine import Call, SteppedBackend, Turn, Wire

GRACE = 900.0  # seconds


class DoubleError(AssertionError):
    """A GPU has more holders than slots."""


class LostError(AssertionError):
    """Nobody has a GPU, and it cannot be had; or a kernel was taken away from a living server."""


class ClaimsWorld(RuleBasedStateMachine):
    """Two servers at a time that share an engine; a subclass has the rules."""

    inventory = FixedInventory([{"count": 2}])
    slots: ClassVar[tuple[GpuSlots, ...]] = (GpuSlots(),)  # of the lives, in turn
    requests: ClassVar[tuple[GpuRequest, ...]] = (GpuRequest(1), GpuRequest(2))
    order: ClassVar[type[Claims]] = Claims
    seen: ClassVar[Counter[str]] = Counter()  # what has happened in all examples so far

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.store = MemoryStore()
        self.wire = Wire()
        self.dead: set[str] = set()
        self.graves: list[Server] = []
        self.left: dict[str, dict[str, bool]] = {}  # by server: its records when it died
        self.heirs: dict[str, str] = {}  # old container: new container
        self.ended: set[str] = set()  # containers whose process ended by itself
        self.shut: set[str] = set()  # containers whose removal somebody asked for
        self.born = 0
        self.begun = False  # its first step is over
        self.failed = False
        self.clock = 0.0
        self.servers: list[Server | None] = [None, None]
        for place in range(2):
            self._be_born(place)
        self.patch = pytest.MonkeyPatch()
        # no time passes but at the end: when the grace is over, is no matter of claims
        self.patch.setattr(reconcile, "time", SimpleNamespace(monotonic=lambda: self.clock))
        self.patch.setattr(reconcile.owner, "is_dead", lambda text, *, running: text in self.dead)

    # --- servers ------------------------------------------------------------------------------

    def state(self, name: str) -> ServerState | None:
        """Tell the reconcilers whether a server lives, as `Servers` does."""
        return ServerState(alive=any(server.name == name for server in self._living()))

    def _living(self) -> list[Server]:
        return [server for server in self.servers if server is not None]

    def _be_born(self, place: int) -> Server:
        self.born += 1
        name, backend = f"server {place}", SteppedBackend(self.store, self.wire)
        slots = self.slots[self.born % len(self.slots)]
        reconciler = Reconciler(backend, servers=self, grace=GRACE)  # type: ignore[arg-type]
        rng = random.Random(self.born)
        claims = self.order(
            backend, self.inventory, slots=slots, rng=rng, reconciler=reconciler, backoff=0.0
        )
        server = Server(name, f"life {self.born}", backend, claims, slots)
        server.pending = self.left.pop(name, {})
        reconciler.server = name
        reconciler.drives = lambda container: container.id in {*server.held, *server.pending}
        self.servers[place] = server
        return server

    def _settle(self) -> None:
        """Let every task go on until it waits for a turn; then read the answers."""
        self.loop.run_until_complete(self._quiet())
        for server in self._living():
            self._read(server)

    async def _quiet(self) -> None:
        await asyncio.sleep(0)
        while self.loop._ready:  # type: ignore[attr-defined]  # noqa: ASYNC110  others than this
            await asyncio.sleep(0)

    def _read(self, server: Server) -> None:
        for task, handover in list(server.claiming.items()):
            if not task.done():
                continue
            del server.claiming[task]
            if not task.cancelled() and not isinstance(task.exception(), GpuContainersError):
                new = task.result().container_id
                server.held.add(new)
                self.seen["claims won"] += 1
                if handover in server.held:
                    self.heirs[handover] = new
        for task in [task for task in server.working if task.done()]:
            server.working.discard(task)
            assert isinstance(task.exception(), GpuContainersError | None)

    def _work(self, server: Server, work: Coroutine[Any, Any, Any]) -> None:
        server.working.add(self.loop.create_task(work))
        self._settle()

    def _begin(self, server: Server, request: GpuRequest, handover: str | None) -> None:
        work = server.claims.claim(request, server.spec(), handover=handover)
        server.claiming[self.loop.create_task(work)] = handover
        self._settle()

    def _turn(self, pick: int, how: Turn) -> None:
        waiting = self._waiting()
        backend, call = waiting[pick % len(waiting)]
        backend.turn(call, how)
        self.seen[how.name.lower()] += 1
        self._settle()

    # what a rule may be about; each is in an order that does not depend on ids, which are random

    def _waiting(self) -> list[tuple[SteppedBackend, Call]]:
        return [(s.backend, call) for s in self._living() for call in s.backend.calls]

    def _idle(self) -> list[tuple[Server, str]]:
        """Return the containers of living servers that nothing is being done with."""
        return [
            (server, key)
            for server in self._living()
            for key in self.store.records
            if key in server.held and key not in server.claiming.values()
        ]

    def _replaceable(self) -> list[tuple[Server, str]]:
        return [
            (server, key)
            for server, key in self._idle()
            if self.heirs.get(key) not in self.store.records
        ]

    def _running(self) -> list[Record]:
        return [record for record in self.store.records.values() if _runs(record)]

    # --- what must hold -----------------------------------------------------------------------

    @invariant()
    def nobody_shares_beyond_the_slots(self) -> None:
        """A GPU has at most as many holders as the strictest of them allows.

        Who holds: containers that run, whoever drives them, and claims that were won. A kernel
        whose heir holds the GPU, too, does not count.
        """
        held = {key for server in self._living() for key in server.held}
        holders = {
            key: record.as_container()
            for key, record in self.store.records.items()
            if key in held or _runs(record)
        }
        allowed: dict[str, list[int]] = {}
        for key, container in holders.items():
            heir = holders.get(self.heirs.get(key, ""))
            for uuid in labels.gpus_of(container) - (labels.gpus_of(heir) if heir else set()):
                allowed.setdefault(uuid, []).append(labels.slots_of(container).get(uuid, 1))
        for uuid, slots in allowed.items():
            if len(slots) > min(slots):
                self.failed = True
                raise DoubleError(f"{uuid} has {len(slots)} holders")

    @invariant()
    def what_is_held_is_there(self) -> None:
        """Nobody removes the container of a living server's kernel."""
        self.seen["steps"] += self.begun
        self.begun = True
        for server in self._living():
            # one that ended, or was shut down when its server died, may have been on its way out
            leaving = server.found & (self.ended | self.shut)
            missing = server.held - self.store.records.keys() - leaving
            if missing:
                self.failed = True
                raise LostError(f"{server.name} misses {missing}")

    def _gpus(self) -> tuple[Gpu, ...]:
        return self.loop.run_until_complete(self.inventory.snapshot()).gpus

    def teardown(self) -> None:
        """In the end everything is released and reconciled, and all GPUs can be had again."""
        try:
            if not self.failed:
                self.loop.run_until_complete(self._end())
            # Hypothesis leaves some in the middle, when it has drawn the same before
            self.seen["sequences"] += sys.exc_info()[0] is None
        finally:
            self.loop.run_until_complete(self._bury())
            self.patch.undo()
            self.loop.close()

    async def _end(self) -> None:
        for place, server in enumerate(self.servers):
            if server is None:
                born = self._be_born(place)
                born.working.add(self.loop.create_task(born.recover()))
        for server in self._living():
            server.backend.free_all()
        await self._quiet()  # also what goes on after a second cancelling
        for server in self._living():
            answers = await asyncio.gather(*server.claiming, return_exceptions=True)
            await asyncio.gather(*server.working, return_exceptions=True)
            won = [answer.container_id for answer in answers if isinstance(answer, Claim)]
            for container_id in (*server.held, *won):
                await server.claims.release(container_id)
        while self.wire.strays:  # the latest that they can come
            self.wire.arrive(0)
        for server in self._living():
            await server.claims.reconcile()
        # One that was shut down, which the engine did not do before the server died, is on nobody's
        # record any more: it cannot be told from one whose server comes back, and is waited for.
        self._must_be_gone(record for record in self.store.records.values() if not _runs(record))
        self.clock += GRACE + 1
        for server in self._living():
            await server.claims.reconcile()
        self._must_be_gone(self.store.records.values())
        everything = tuple(gpu.uuid for gpu in (await self.inventory.snapshot()).gpus)
        first = self._living()[0]
        claim = await first.claims.claim(GpuRequest(uuids=everything), first.spec())
        assert {gpu.uuid for gpu in claim.gpus} == set(everything)

    async def _bury(self) -> None:
        """Only now: what the dead did not finish, nobody finished."""
        for server in (*self.graves, *self._living()):
            server.backend.free_all()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*tasks, return_exceptions=True)

    @staticmethod
    def _must_be_gone(records: Iterable[Record]) -> None:
        if left := [_said(record) for record in records]:
            raise LostError(f"nobody removes {' and '.join(left)}")


def _runs(record: Record) -> bool:
    return record.status is ContainerStatus.RUNNING


def _said(record: Record) -> str:
    container = record.as_container()
    return f"{container.status.value} of {container.labels[labels.OWNER]}"
