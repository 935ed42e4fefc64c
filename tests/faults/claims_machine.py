"""Servers claim, hand over, release, crash, come back and reconcile in any order, on one engine.

The rules are interleaved at every step of the protocol: each request waits until the machine says
how it goes on (`stepped_engine`). `ClaimsMachine` has two GPUs of one slot each; `SharingMachine`
has GPUs that are shared and MIG instances, and servers of unlike settings.

A server is killed with all it does. The next one of its name takes over which of its kernels run,
as `service/recovery/reattach.py` does.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import GpuRequest
from jupyter_gpu_containers.model.gpu.slots import GpuSlots
from jupyter_gpu_containers.model.kernel.container import ContainerStatus

from .claims_world import ClaimsWorld
from .stepped_engine import Turn

LIVES = 8  # of servers during one example, two at a time
WHICH, PICK = st.integers(0, 1), st.integers(0, 9)


class ClaimsMachine(ClaimsWorld):
    """The rules; two servers at a time share an engine."""

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
        self.shut.add(key)
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
