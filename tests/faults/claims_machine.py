"""Servers claim, hand over, release, crash, come back and reconcile in any order, on one engine.

The rules are interleaved at every step of the protocol: each request waits until the machine says
how it goes on (`stepped_engine`). `ClaimsMachine` has two GPUs of one slot each; `SharingMachine`
has GPUs that are shared and MIG instances, and servers of unlike settings.

A server is killed with all it does. The next one of its name takes over which of its kernels run,
as `service/recovery/reattach.py` does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
from collections import Counter
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jupyter_gpu_containers.backends.memory import MemoryStore
from jupyter_gpu_containers.backends.memory.store import Record
from jupyter_gpu_containers.errors import GpuContainersError, UnavailableError
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuRequest
from jupyter_gpu_containers.model.gpu.slots import GpuSlots
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import (
    ContainerSpec,
    ContainerStatus,
)
from jupyter_gpu_containers.service.kernel import claims as claims_module
from jupyter_gpu_containers.service.kernel.claims import Claim, Claims, MakeSpec
from jupyter_gpu_containers.service.recovery import reconcile
from jupyter_gpu_containers.service.recovery.reconcile import Reconciler
from jupyter_gpu_containers.service.recovery.server_id import ServerState

from .stepped_engine import Call, SteppedBackend, Turn, Wire

GRACE = 900.0  # seconds
LIVES = 8  # of servers during one example, two at a time
IMAGE = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"
WHICH, PICK = st.integers(0, 1), st.integers(0, 9)


class DoubleError(AssertionError):
    """A GPU has more holders than slots."""


class LostError(AssertionError):
    """Nobody has a GPU, and it cannot be had; or a kernel was taken away from a living server."""


@dataclass
class Server:
    """One life of a server."""

    name: str  # the same in its next life
    owner: str
    backend: SteppedBackend
    claims: Claims
    slots: GpuSlots
    claiming: dict[asyncio.Task[Claim], str | None] = field(default_factory=dict)  # handed over
    held: set[str] = field(default_factory=set)  # containers, by id
    records: dict[str, bool] = field(default_factory=dict)  # those begun; True: they have answered
    pending: dict[str, bool] = field(default_factory=dict)  # records of its former life
    found: set[str] = field(default_factory=set)  # what it took over of them
    working: set[asyncio.Task[Any]] = field(default_factory=set)

    def spec(self) -> MakeSpec:
        """Return what makes the specs of this server's containers."""

        def make(gpus: tuple[Gpu, ...], name: str) -> ContainerSpec:
            uuids = tuple(gpu.uuid for gpu in gpus)
            text = labels.make_labels(
                purpose="kernel",
                owner=self.owner,
                user="ada",
                gpus=uuids,
                slots=[self.slots.of(gpu) for gpu in gpus],
                server=self.name,
            )
            user = f"{os.getuid()}:{os.getgid()}"
            return ContainerSpec(IMAGE, ("sleep", "9"), name, user, "/", text, gpus=uuids)

        return make

    async def shut_down(self, container_id: str) -> None:
        """End a kernel; what the engine does not confirm is left to reconciliation."""
        self.held.discard(container_id)
        self.found.discard(container_id)
        with contextlib.suppress(UnavailableError):
            await self.claims.release(container_id)
        self.records.pop(container_id, None)

    async def start(self, container_id: str) -> None:
        """Start a kernel, which is on record before."""
        self.records.setdefault(container_id, False)
        await self.backend.start(container_id)
        if container_id in self.records:
            self.records[container_id] = True

    async def recover(self) -> None:
        """Take over the kernels that run; remove what else is on record."""
        while self.pending:
            with contextlib.suppress(UnavailableError):
                await self._recover()

    async def _recover(self) -> None:
        found = await self.backend.containers(labels.VERSION)
        statuses = {container.id: container.status for container in found}
        for key, answered in list(self.pending.items()):
            if answered and statuses.get(key) is ContainerStatus.RUNNING:
                self.held.add(key)
                self.found.add(key)
                self.records[key] = True
            elif key in statuses:
                await self.claims.release(key)
            del self.pending[key]


class ClaimsMachine(RuleBasedStateMachine):
    """The rules; two servers at a time share an engine."""

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
        self.born = 0
        self.begun = False  # its first step is over
        self.failed = False
        self.clock = 0.0
        self.servers: list[Server | None] = [None, None]
        for place in range(2):
            self._be_born(place)
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(claims_module, "BACKOFF", 0.0)
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
        claims = self.order(backend, self.inventory, slots=slots, rng=rng, reconciler=reconciler)
        server = Server(name, f"life {self.born}", backend, claims, slots)
        server.pending = self.left.pop(name, {})
        reconciler.server = name
        reconciler.drives = lambda container: container.id in {*server.held, *server.pending}
        self.servers[place] = server
        return server

    def _settle(self) -> None:
        """Let every task go on until it waits for a turn; then read the answers."""

        async def settle() -> None:
            await asyncio.sleep(0)
            while self.loop._ready:  # type: ignore[attr-defined]  # noqa: ASYNC110  others than this
                await asyncio.sleep(0)

        self.loop.run_until_complete(settle())
        for server in self._living():
            self._read(server)

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

    # --- rules: what people and servers do ----------------------------------------------------

    @precondition(lambda self: self._living())
    @rule(which=WHICH, pick=PICK)
    def claim(self, which: int, pick: int) -> None:
        """A server begins to claim GPUs."""
        living = self._living()
        server = living[which % len(living)]
        if len(server.claiming) < 2:
            self._begin(server, self.requests[pick % len(self.requests)], None)

    @precondition(lambda self: self._living())
    @rule(which=WHICH, pick=PICK)
    def claim_at_once(self, which: int, pick: int) -> None:
        """A server claims GPUs, and the engine answers quickly."""
        self.claim(which, pick)
        self.answer_all()

    @precondition(lambda self: self._replaceable())
    @rule(pick=PICK)
    def hand_over(self, pick: int) -> None:
        """A server begins to replace one of its kernels."""
        kernels = self._replaceable()
        server, old = kernels[pick % len(kernels)]
        gpus = [gpu for gpu in self._gpus() if gpu.uuid in self.store.records[old].spec.gpus]
        self._begin(server, GpuRequest(len(gpus), profile=gpus[0].mig_profile), old)

    @precondition(lambda self: self._idle())
    @rule(pick=PICK)
    def start(self, pick: int) -> None:
        """A kernel is started, or started again."""
        kernels = self._idle()
        server, key = kernels[pick % len(kernels)]
        self._work(server, server.start(key))

    @precondition(lambda self: self._idle())
    @rule(pick=PICK)
    def release(self, pick: int) -> None:
        """A kernel is shut down."""
        kernels = self._idle()
        server, key = kernels[pick % len(kernels)]
        self.seen["releases"] += 1
        self._work(server, server.shut_down(key))

    @precondition(lambda self: self._living())
    @rule(which=WHICH)
    def reconcile(self, which: int) -> None:
        """Half a minute is over."""
        living = self._living()
        server = living[which % len(living)]
        if len(server.working) < 3:
            self._work(server, server.claims.reconcile())

    @precondition(lambda self: any(server.claiming for server in self._living()))
    @rule()
    def cancel(self) -> None:
        """Users give their launches up."""
        for server in self._living():
            for task in server.claiming:
                task.cancel()
        self._settle()

    @precondition(lambda self: self._running())
    @rule(pick=PICK)
    def end(self, pick: int) -> None:
        """The process of a container ends."""
        running = self._running()
        record = running[pick % len(running)]
        record.status = ContainerStatus.EXITED
        self.ended.add(record.id)

    # --- rules: what the engine does, and what fails ------------------------------------------

    @precondition(lambda self: self._waiting())
    @rule(pick=PICK)
    def answer(self, pick: int) -> None:
        """The engine does what was asked, and answers."""
        self._turn(pick, Turn.ANSWER)

    @precondition(lambda self: self._waiting())
    @rule(pick=PICK)
    def answer_late(self, pick: int) -> None:
        """The engine does what was asked; the answer is on its way."""
        self._turn(pick, Turn.LATE)

    @precondition(lambda self: self._waiting())
    @rule()
    def answer_all(self) -> None:
        """The engine answers quickly, whatever is asked."""
        for _ in range(10):
            if self._waiting():
                self._turn(0, Turn.ANSWER)

    @precondition(lambda self: self._waiting())
    @rule(pick=PICK, how=st.sampled_from([Turn.REFUSE, Turn.LOSE, Turn.OVERDUE]))
    def fail(self, pick: int, how: Turn) -> None:
        """The engine does not answer a request, whether or not it does what was asked."""
        self._turn(pick, how)

    @precondition(lambda self: any(call.changes for _, call in self._waiting()))
    @rule(pick=PICK, how=st.sampled_from([Turn.TWICE, Turn.SECOND]))
    def repeat(self, pick: int, how: Turn) -> None:
        """A request reaches the engine twice."""
        waiting = self._waiting()
        changes = [number for number, (_, call) in enumerate(waiting) if call.changes]
        self.seen["repeated"] += 1
        self._turn(changes[pick % len(changes)], how)

    @precondition(lambda self: self.wire.strays)
    @rule(pick=PICK)
    def arrive(self, pick: int) -> None:
        """A request reaches the engine that nobody waits for any more."""
        self.wire.arrive(pick % len(self.wire.strays))
        self.seen["strays"] += 1

    @precondition(lambda self: self._living() and self.born < LIVES)
    @rule(which=WHICH, sent=st.booleans())
    def crash(self, which: int, sent: bool) -> None:
        """A server is killed: nothing goes on of what it did."""
        living = self._living()
        server = living[which % len(living)]
        server.backend.die(sent=sent)
        self.graves.append(server)
        self.dead.add(server.owner)
        self.left[server.name] = server.records | server.pending
        self.servers[self.servers.index(server)] = None
        self.seen["crashes"] += 1

    @precondition(lambda self: None in self.servers)
    @rule()
    def restart(self) -> None:
        """A server that was killed is started again."""
        server = self._be_born(self.servers.index(None))
        self.seen["restarts"] += 1
        self._work(server, server.recover())

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
            # one that ended while nobody was there may have been on its way out
            missing = server.held - self.store.records.keys() - (server.found & self.ended)
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


class SharingMachine(ClaimsMachine):
    """Slots, sizes of MIG instances and several GPUs at once, and servers of unlike settings."""

    inventory = FixedInventory([{"uuid": "GPU-0"}, {"uuid": "GPU-1", "mig": ["1g.10gb"] * 2}])
    slots = (GpuSlots(), GpuSlots.parse({"0": 2, "1": 2}), GpuSlots.parse({"0": 3, "1": 2}))
    requests = (
        GpuRequest(1),
        GpuRequest(1),
        GpuRequest(1, profile="1g.10gb"),
        GpuRequest(2, profile="1g.10gb"),
    )


class Unchecked(Claims):
    """The obvious order: who finds a GPU free takes it, and does not look again."""

    async def _is_mine(
        self, container_id: str, gpus: tuple[Gpu, ...], handover: str | None
    ) -> bool:
        return True


class Forgetful(Claims):
    """An order that takes a request for not done because it was not answered."""

    async def _undo(self, creating: asyncio.Future[str], name: str) -> None:
        creating.add_done_callback(lambda done: done.exception())
