"""What this process's kernels make of their GPUs: measured, and written into the ledger.

Launches tell who holds what, and containers that wait for a kernel; looks at the GPUs tell what is
made of it. A thread of its own, which is
there only while GPUs are held, writes; a start that has GPUs does no more for this than note it in
memory, and one without GPUs nothing. Where nobody looks at the GPUs, the thread does, rarely.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from jupyter_gpu_containers.model.accounting.meter import Meter, sample_of
from jupyter_gpu_containers.model.accounting.stretch import Event, Holding, Stretch
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuSnapshot
from jupyter_gpu_containers.model.gpu.slots import GpuSlots
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container, ContainerStatus
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.ports import GpuInventory
from jupyter_gpu_containers.service.operations.audit import held_since

from .ledger import Ledger

FIRST = 1.0  # seconds from a claim to the first line and look: the start has the processor alone
LATE = 1.5  # intervals without a look after which nobody else looks
CLOSING = 1.0  # seconds for the thread to end in
OLD = 2.5  # intervals between two looks after which nobody knows what was between them


@dataclass
class _Claim:
    """A GPU that a kernel of this process holds, or a container that waits for one."""

    holding: Holding
    told: float  # until when it stands in the ledger, in seconds since the epoch
    slots: int
    found: bool  # False: of a former life's kernel, whose container nobody has seen yet
    meter: Meter = field(default_factory=Meter)
    sampled: float = 0.0  # seconds, of what was read from the meter
    used: float = 0.0
    ended: float | None = None

    @property
    def utilization(self) -> float | None:
        """The mean since this process knows of it, 0 to 1; None where nothing is known."""
        sampled = self.sampled + self.meter.sampled
        return min(1.0, (self.used + self.meter.used) / sampled) if sampled > 0 else None


@dataclass(frozen=True)
class Waiting:
    """A container that waits for a kernel."""

    container: str  # id
    gpus: tuple[str, ...]  # UUIDs
    kernel: str  # id, of the kernel that will take it
    environment: str
    image: str  # reference


class Accounting:
    """Follows launches and looks at the GPUs; may be told from any thread.

    Parameters
    ----------
    ledger : Ledger or None
        None: nothing is written, and nobody looks for it.
    inventory : GpuInventory
    user : str
        Login name of the account that kernels run as.
    slots : GpuSlots
    look_every : float
        Seconds between two looks, where nobody else looks; 0: do not look for this.
    note_every : float
        Seconds after which what was measured is written down: what a process that is killed
        takes along.
    clock, steady : callable
        Seconds since the epoch, and on a clock that nobody sets.
    """

    def __init__(
        self,
        ledger: Ledger | None,
        inventory: GpuInventory,
        user: str,
        *,
        slots: GpuSlots | None = None,
        look_every: float = 30.0,
        note_every: float = 300.0,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        log: logging.Logger | None = None,
    ) -> None:
        self.ledger = ledger
        self.note_every = note_every
        self._inventory = inventory
        self._user = user
        self._slots = slots or GpuSlots()
        self._look_every = look_every
        self._clock = clock
        self._steady = steady
        self._log = log or logging.getLogger(__name__)
        self._changed = threading.Condition()
        self._writing = threading.Lock()  # taken before the condition's: lines keep their order
        self._thread: threading.Thread | None = None
        # all of the following with the condition's lock held
        # by launch, or container that waits, and GPU
        self._claims: dict[str, dict[str, _Claim]] = {}
        self._ending: list[_Claim] = []  # not yet looked at for the last time
        self._out: list[Stretch] = []  # to be written
        self._gpus: dict[str, Gpu] = {}  # as they were seen last
        self._looked = self._noted = self._begun = steady()

    # --- what others tell ---------------------------------------------------------------------

    def follow(self, launch: Launch) -> None:
        """Take in a launch's state, as a listener of launches."""
        container = launch.container_id
        holds = launch.gpus if launch.phase in (Phase.STARTING, Phase.RUNNING) else ()
        if (not holds or container is None) and launch.id not in self._claims:
            return
        with self._changed:
            claims, now = self._claims.setdefault(launch.id, {}), self._clock()
            for uuid, claim in list(claims.items()):
                if uuid in holds and claim.holding.container == container:
                    claim.holding = replace(claim.holding, notebook=launch.path)
                    continue
                del claims[uuid]
                if claim.found:  # else its container may have been gone for long
                    claim.ended = now
                    self._ending.append(claim)
            if container is not None:
                for uuid in holds:
                    if uuid not in claims:
                        claims[uuid] = self._begin(launch, container, uuid, now)
            if not claims:
                del self._claims[launch.id]
            self._wake()

    def found(self, launch_id: str) -> None:
        """Take in that a kernel of this server's former life was there all the time."""
        with self._changed:
            for claim in self._claims.get(launch_id, {}).values():
                if not claim.found:
                    claim.found = True
                    self._begun = self._steady()
                    self._tell(claim, Event.BEGIN, self._clock())
            self._wake()

    def waits(self, waiting: Waiting) -> None:
        """Take in that a container waits, with its GPUs, for a kernel."""
        if not waiting.gpus:
            return
        with self._changed:
            now = self._clock()
            self._claims[waiting.container] = {
                uuid: self._claim(self._waiting(waiting, uuid), now) for uuid in waiting.gpus
            }
            for claim in self._claims[waiting.container].values():
                self._tell(claim, Event.BEGIN, now)
            self._begun = self._steady()
            self._wake()

    def waits_no_more(self, container: str) -> None:
        """Take in that a container is a kernel's now, or gone; nothing where it held no GPU."""
        with self._changed:
            for claim in self._claims.pop(container, {}).values():
                claim.ended = self._clock()
                self._ending.append(claim)
            self._wake()

    def left_behind(self, container: Container, *, waiting: bool = False) -> None:
        """Take in that what a process left that was killed has been removed just now.

        It held its GPUs all that time; what that process wrote of it counts once.
        """
        text, gpus = container.labels, labels.gpus_of(container)
        if container.status is not ContainerStatus.RUNNING:  # since when, nobody knows
            return
        if not gpus or text.get(labels.USER, "") != self._user:  # whose ledger this is not
            return
        with self._changed:
            now = self._clock()
            for uuid in sorted(gpus):
                holding = replace(
                    self._holding(container.id, uuid, text.get(labels.KERNEL, "")),
                    notebook="" if waiting else text.get(labels.NOTEBOOK, ""),
                    environment=text.get(labels.ENVIRONMENT, ""),
                    waiting=waiting,
                )
                self._out.append(Stretch(holding, min(container.created, now), now, Event.END))
            self._begun = self._steady()
            self._wake()

    def looked(self, snapshot: GpuSnapshot) -> None:
        """Take in a look at the GPUs, whoever it was for."""
        with self._changed:
            self._looked = now = self._steady()
            if snapshot.stale:
                return
            self._gpus = {gpu.uuid: gpu for gpu in snapshot.gpus}
            for claim in [*self._all(), *self._ending]:
                gpu = self._gpus.get(claim.holding.gpu)
                if gpu is not None and claim.found:
                    sample = sample_of(gpu, claim.holding.container, claim.slots, now)
                    claim.meter = claim.meter.after(sample, OLD * self._look_every or OLD * 30.0)

    # --- what is known now --------------------------------------------------------------------

    def utilization(self, container: str, gpu: str) -> float | None:
        """Return a claim's mean utilisation so far, 0 to 1; None where it is not known here."""
        with self._changed:
            for claim in self._all():
                if claim.holding.container == container and claim.holding.gpu == gpu:
                    return claim.utilization
        return None

    def current(self) -> list[Stretch]:
        """Return what is not in the ledger yet; it goes there later."""
        with self._changed:
            now = self._clock()
            open_now = [*self._all(), *self._ending]
            return [*self._out, *(_stretch(c, Event.NOTE, now) for c in open_now if c.found)]

    def close(self, *, over: bool = True) -> None:
        """Write down what was measured, and end the thread.

        Parameters
        ----------
        over : bool
            What kernels there are end with this process, and nobody told so.
        """
        with self._changed:
            now = self._clock()
            for claim in [each for each in self._all() if each.found]:
                if over:
                    claim.ended = now
                    self._ending.append(claim)
                else:
                    self._tell(claim, Event.NOTE, now)
            self._claims.clear()
            self._finish()
            thread = self._thread
            self._changed.notify_all()
        self._write()
        if thread is not None:  # it may be about to write; a driver that hangs is not waited for
            thread.join(CLOSING)

    # --- with the lock held -------------------------------------------------------------------

    def _all(self) -> Iterator[_Claim]:
        return (claim for claims in self._claims.values() for claim in claims.values())

    def _holding(self, container: str, uuid: str, kernel: str) -> Holding:
        gpu = self._gpus.get(uuid)
        index, name = (gpu.index, gpu.name) if gpu is not None else (None, "")
        return Holding(container, uuid, index, name, kernel, self._user)

    def _waiting(self, waiting: Waiting, uuid: str) -> Holding:
        return replace(
            self._holding(waiting.container, uuid, waiting.kernel),
            environment=waiting.environment,
            image=waiting.image,
            waiting=True,
        )

    def _claim(self, holding: Holding, told: float, *, found: bool = True) -> _Claim:
        gpu = self._gpus.get(holding.gpu)
        slots = self._slots.of(gpu) if gpu is not None else 1
        return _Claim(holding, told, slots, found)

    def _begin(self, launch: Launch, container: str, uuid: str, now: float) -> _Claim:
        holding = replace(
            self._holding(container, uuid, launch.id),
            notebook=launch.path,
            environment=launch.environment,
            image=launch.image,
        )
        since = held_since(launch) if launch.recovered else None
        claim = self._claim(
            holding,
            now if since is None else min(since, now),
            found=not launch.recovered or launch.phase is Phase.STARTING,
        )
        if claim.found:
            self._begun = self._steady()
            self._tell(claim, Event.BEGIN, now)
        return claim

    def _tell(self, claim: _Claim, event: Event, now: float) -> None:
        """Put what was measured since the last time among what is to be written."""
        stretch = _stretch(claim, event, now)
        claim.sampled += claim.meter.sampled
        claim.used += claim.meter.used
        claim.meter, claim.told = claim.meter.read(), now
        self._out.append(stretch)

    def _finish(self) -> None:
        for claim in self._ending:
            assert claim.ended is not None
            self._tell(claim, Event.END, claim.ended)
        self._ending.clear()

    def _wake(self) -> None:
        if self.ledger is None:
            self._ending.clear()
            self._out.clear()
        elif self._thread is not None:
            self._changed.notify_all()
        elif self._out or self._ending or self._claims:
            self._noted = self._steady()
            self._thread = threading.Thread(
                target=self._work, name="gpu-containers-accounting", daemon=True
            )
            self._thread.start()

    def _look_due(self) -> float | None:
        """Return when to look at the GPUs; None = not for this."""
        if self._look_every <= 0 or not self._claims:
            return None
        due = self._looked + LATE * self._look_every
        if self._looked <= self._begun:
            due = min(due, self._begun + min(FIRST, self._look_every))
        return due

    def _due(self) -> float | None:
        """Return when there is something to do; None = nothing any more."""
        if self._ending:
            return self._steady()
        due = [self._begun + FIRST] if self._out else []
        if self._claims:
            due.append(self._noted + self.note_every)
        if (look := self._look_due()) is not None:
            due.append(look)
        return min(due, default=None)

    # --- the thread ---------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._changed:
                due = self._due()
                if due is None:
                    self._thread = None
                    return
                now, look = self._steady(), self._look_due()
                if now < due:
                    self._changed.wait(due - now)
                    continue
                ending = bool(self._ending) and self._look_every > 0
            if ending or (look is not None and now >= look):
                self._look()
            with self._changed:
                if now >= self._noted + self.note_every:
                    self._noted = now
                    for claim in self._all():
                        if claim.found:
                            self._tell(claim, Event.NOTE, self._clock())
                self._finish()
            self._write()

    def _write(self) -> None:
        with self._writing:
            with self._changed:
                out, self._out = self._out, []
            if self.ledger is not None:
                self.ledger.write(out)

    def _look(self) -> None:
        """Look at the GPUs; `looked` is told of it."""
        try:
            asyncio.run(self._inventory.snapshot())
        except Exception:  # noqa: BLE001  a bug in one look must not end all
            self._log.exception("looking at the GPUs that kernels hold failed")
            with self._changed:
                self._looked = self._steady()


def _stretch(claim: _Claim, event: Event, now: float) -> Stretch:
    """Return what was measured since it was told of last; no more than there was time for."""
    meter, begin = claim.meter, claim.told
    end = max(begin, now if claim.ended is None else min(now, claim.ended))
    most = end - begin
    known = min(1.0, most / meter.sampled) if meter.sampled > 0 else 1.0
    return Stretch(
        claim.holding,
        begin,
        end,
        event,
        sampled=meter.sampled * known,
        used=meter.used * known,
        energy=meter.energy,
        metered=min(meter.metered, most),
    )
