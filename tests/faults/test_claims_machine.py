"""Two servers claim, hand over, release, crash and reconcile in any order: no GPU lost or doubled.

The rules are interleaved at every step of the protocol: each request to the engine waits until the
machine lets it through, answers it, refuses it, or loses the answer. One machine has two GPUs of
one slot each; the other one GPUs that are shared and MIG instances, for servers of unlike settings.
"""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jupyter_gpu_containers.backends.memory import MemoryBackend, MemoryStore
from jupyter_gpu_containers.errors import GpuContainersError
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuRequest
from jupyter_gpu_containers.model.gpu.slots import GpuSlots
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container, ContainerSpec
from jupyter_gpu_containers.service.kernel import claims as claims_module
from jupyter_gpu_containers.service.kernel.claims import Claim, Claims, MakeSpec
from jupyter_gpu_containers.service.recovery import reconcile
from tests.faults.scenarios import away

SERVERS = 6  # that live during one example, two at a time
IMAGE = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"
ANSWER, REFUSE, LOSE = "answer", "refuse", "lose the answer"


class SteppedBackend(MemoryBackend):
    """Every request waits for its turn, which says how it ends."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store=store)
        self.turns: list[asyncio.Future[str]] = []
        self.free = False  # True: everything is answered at once

    def free_all(self) -> None:
        """Answer what waits and whatever comes."""
        self.free = True
        for turn in list(self.turns):
            turn.set_result(ANSWER)

    async def _turn(self) -> str:
        if self.free:
            return ANSWER
        turn: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.turns.append(turn)
        try:
            return await turn
        finally:
            if turn in self.turns:
                self.turns.remove(turn)

    async def containers(self, label: str) -> list[Container]:
        """List, in its turn."""
        if await self._turn() != ANSWER:
            raise away()
        return await super().containers(label)

    async def create(self, spec: ContainerSpec) -> str:
        """Create, in its turn."""
        how = await self._turn()
        if how == REFUSE:
            raise away()
        container_id = await super().create(spec)
        if how == LOSE:
            raise away()
        return container_id

    async def remove(self, container_id: str) -> None:
        """Remove, in its turn; without a thread, so that an example can be repeated."""
        how = await self._turn()
        if how == REFUSE:
            raise away()
        self._remove(container_id)
        if how == LOSE:
            raise away()


@dataclass
class Server:
    """One process that claims."""

    owner: str
    backend: SteppedBackend
    claims: Claims
    slots: GpuSlots
    claiming: dict[asyncio.Task[Claim], str | None] = field(default_factory=dict)  # handed over
    held: dict[str, Claim] = field(default_factory=dict)  # by container id
    heirs: dict[str, str] = field(default_factory=dict)  # old container: new container
    releasing: set[asyncio.Task[None]] = field(default_factory=set)

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
            )
            user = f"{os.getuid()}:{os.getgid()}"
            return ContainerSpec(IMAGE, ("sleep", "9"), name, user, "/", text, gpus=uuids)

        return make

    def idle(self) -> list[str]:
        """Return the containers that nothing is being done with."""
        return [key for key in self.held if key not in self.claiming.values()]


class ClaimsMachine(RuleBasedStateMachine):
    """The rules; two servers at a time share an engine."""

    inventory = FixedInventory([{"count": 2}])
    slots = (GpuSlots(),)  # of the first server, the second, … and again
    requests = (GpuRequest(1), GpuRequest(2))

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.store = MemoryStore()
        self.dead: set[str] = set()
        self.graves: list[Server] = []
        self.born = 0
        self.servers = [self._new_server() for _ in range(2)]
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(claims_module, "BACKOFF", 0.0)
        self.patch.setattr(reconcile.owner, "is_dead", lambda text, *, running: text in self.dead)

    def _new_server(self) -> Server:
        self.born += 1
        backend = SteppedBackend(self.store)
        slots = self.slots[self.born % len(self.slots)]
        rng = random.Random(self.born)
        claims = Claims(backend, self.inventory, slots=slots, rng=rng)
        return Server(f"server {self.born}", backend, claims, slots)

    def _settle(self) -> None:
        """Let every task go on until it waits for a turn; then read the answers."""

        async def settle() -> None:
            for _ in range(30):
                await asyncio.sleep(0)

        self.loop.run_until_complete(settle())
        for server in self.servers:
            self._read(server)

    def _read(self, server: Server) -> None:
        for task, handover in list(server.claiming.items()):
            if not task.done():
                continue
            del server.claiming[task]
            if not task.cancelled() and not isinstance(task.exception(), GpuContainersError):
                claim = task.result()
                server.held[claim.container_id] = claim
                if handover in server.held:
                    server.heirs[handover] = claim.container_id
        for task in [task for task in server.releasing if task.done()]:
            server.releasing.discard(task)
            assert isinstance(task.exception(), GpuContainersError | None)

    def _begin(self, server: Server, request: GpuRequest, handover: str | None) -> None:
        work = server.claims.claim(request, server.spec(), handover=handover)
        server.claiming[self.loop.create_task(work)] = handover
        self._settle()

    # --- rules --------------------------------------------------------------------------------

    @rule(which=st.integers(0, 1), pick=st.integers(0, 9))
    def claim(self, which: int, pick: int) -> None:
        """A server begins to claim GPUs."""
        if len(self.servers[which].claiming) < 2:
            self._begin(self.servers[which], self.requests[pick % len(self.requests)], None)

    @rule(which=st.integers(0, 1), pick=st.integers(0, 9))
    def hand_over(self, which: int, pick: int) -> None:
        """A server begins to replace one of its kernels."""
        server = self.servers[which]
        candidates = [key for key in server.idle() if key not in server.heirs]
        if candidates:
            old = candidates[pick % len(candidates)]
            gpus = server.held[old].gpus
            self._begin(server, GpuRequest(len(gpus), profile=gpus[0].mig_profile), old)

    @rule(which=st.integers(0, 1), turn=st.integers(0, 3))
    def answer(self, which: int, turn: int) -> None:
        """The engine answers a request."""
        self._turn(which, turn, ANSWER)

    @rule(which=st.integers(0, 1), turn=st.integers(0, 3), how=st.sampled_from([REFUSE, LOSE]))
    def fail(self, which: int, turn: int, how: str) -> None:
        """The engine does not answer a request, whether or not it does what was asked."""
        self._turn(which, turn, how)

    def _turn(self, which: int, turn: int, how: str) -> None:
        turns = self.servers[which].backend.turns
        if turns:
            turns.pop(turn % len(turns)).set_result(how)
            self._settle()

    @rule(which=st.integers(0, 1))
    def answer_all(self, which: int) -> None:
        """The engine answers a server quickly, whatever it asks."""
        for _ in range(20):
            self._turn(which, 0, ANSWER)

    @rule(which=st.integers(0, 1), pick=st.integers(0, 9))
    def claim_at_once(self, which: int, pick: int) -> None:
        """A server claims GPUs, and the engine answers quickly."""
        self.claim(which, pick)
        self.answer_all(which)

    @rule(which=st.integers(0, 1), pick=st.integers(0, 9))
    def release(self, which: int, pick: int) -> None:
        """A kernel is shut down."""
        server = self.servers[which]
        if idle := server.idle():
            key = idle[pick % len(idle)]
            del server.held[key]
            server.heirs = {o: n for o, n in server.heirs.items() if key not in (o, n)}
            server.releasing.add(self.loop.create_task(server.claims.release(key)))
            self._settle()

    @rule(which=st.integers(0, 1))
    def cancel(self, which: int) -> None:
        """Users give their launches up."""
        for task in self.servers[which].claiming:
            task.cancel()
        self._settle()

    @precondition(lambda self: self.born < SERVERS)
    @rule(which=st.integers(0, 1))
    def crash(self, which: int) -> None:
        """A server is killed: nothing goes on of what it did; another one takes its place."""
        server = self.servers[which]
        self.graves.append(server)
        self.dead.add(server.owner)
        self.servers[which] = self._new_server()

    @invariant()
    def nobody_shares_beyond_the_slots(self) -> None:
        """A GPU has at most as many holders as the strictest of them allows.

        Of claims that were returned; a kernel whose heir holds the GPU, too, does not count.
        """
        allowed: dict[str, list[int]] = {}
        for server in self.servers:
            for claim in server.held.values():
                heir = server.held.get(server.heirs.get(claim.container_id, ""))
                for gpu in claim.gpus:
                    if heir is None or gpu not in heir.gpus:
                        allowed.setdefault(gpu.uuid, []).append(server.slots.of(gpu))
        assert not [uuid for uuid, slots in allowed.items() if len(slots) > min(slots)]

    @invariant()
    def what_is_held_is_there(self) -> None:
        """Nobody removes the container of a living server's kernel."""
        for server in self.servers:
            assert server.held.keys() <= self.store.records.keys()

    def teardown(self) -> None:
        """In the end everything is released and reconciled, and all GPUs can be had again."""
        try:
            self.loop.run_until_complete(self._end())
        finally:
            self.patch.undo()
            self.loop.close()

    async def _end(self) -> None:
        for server in self.servers:
            server.backend.free_all()
        for server in self.servers:
            answers = await asyncio.gather(*server.claiming, return_exceptions=True)
            await asyncio.gather(*server.releasing, return_exceptions=True)
            held = [a for a in answers if isinstance(a, Claim)]
            for claim in (*server.held.values(), *held):
                await server.claims.release(claim.container_id)
        for server in self.servers:
            await server.claims.reconcile()
        assert self.store.records == {}
        everything = tuple(gpu.uuid for gpu in (await self.inventory.snapshot()).gpus)
        first = self.servers[0]
        claim: Any = await first.claims.claim(GpuRequest(uuids=everything), first.spec())
        assert {gpu.uuid for gpu in claim.gpus} == set(everything)
        for grave in self.graves:  # only now: what the dead did not finish, nobody finished
            grave.backend.free_all()
            await asyncio.gather(*grave.claiming, *grave.releasing, return_exceptions=True)


ClaimsMachine.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestClaims = ClaimsMachine.TestCase


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


SharingMachine.TestCase.settings = ClaimsMachine.TestCase.settings
TestSharing = SharingMachine.TestCase
