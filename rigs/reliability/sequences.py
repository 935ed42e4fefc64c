"""Random sequences of claims, crashes and lost answers on the memory backend: doubles and losses.

The rules and what must hold stand in `tests/faults/claims_machine.py`. Half of the sequences are of
two GPUs, half of shared ones and MIG instances. The same rules must find broken orders out.
"""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import ClassVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from jupyter_gpu_containers.service.kernel.claims import Claims
from tests.faults.broken_orders import Forgetful, Unchecked
from tests.faults.claims_machine import ClaimsMachine, SharingMachine
from tests.faults.claims_world import DoubleError, LostError

from .figures import Figure

QUICK, LONG = 400, 10_000  # sequences
PACK = 50  # sequences of one seed
STEPS = 50  # of a sequence at most
INVARIANTS = ("nobody_shares_beyond_the_slots()", "what_is_held_is_there()")
CONTROL = 4000  # sequences after which a broken order must have been found out


@dataclass
class Tally:
    """What has happened in some sequences."""

    doubles: int = 0  # sequences that ended with one
    lost: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)  # what went wrong, with the steps to it

    def add(self, other: Tally) -> None:
        """Add up."""
        self.doubles += other.doubles
        self.lost += other.lost
        self.seen += other.seen
        self.told += other.told

    @property
    def sequences(self) -> int:
        """How many sequences were run to their end."""
        return self.seen["sequences"]


def measure(long: bool) -> list[Figure]:
    """Run 10,000 sequences, or 400, and as many of broken orders as it takes."""
    goal = LONG if long else QUICK
    # fresh interpreters: nothing is inherited from the threads of this one
    with ProcessPoolExecutor(
        os.cpu_count(), mp_context=get_context("spawn"), initializer=_quiet
    ) as pool:
        begun = time.monotonic()
        found = Tally()
        machines = itertools.cycle([ClaimsMachine, SharingMachine])
        for tally in pool.map(pack, machines, range(goal // PACK)):
            found.add(tally)
        seconds = time.monotonic() - begun
        return [
            *figures(found, goal, seconds),
            control(pool, "the same without the second look (step 3)", Unchecked),
            control(pool, "the same without removing what was not answered for", Forgetful),
        ]


def figures(found: Tally, goal: int, seconds: float) -> list[Figure]:
    """Say what was found, and that everything happened that is to be survived."""
    for text in found.told:
        print(text)
    seen = found.seen
    return [
        Figure(
            f"{found.sequences:,} random sequences on the memory backend",
            f"{found.doubles} with a GPU given twice, {found.lost} with a GPU or a kernel lost; "
            f"{seen['steps']:,} steps in {seconds:.0f} s",
            f"0 and 0 of >= {goal:,}",
            found.doubles == found.lost == 0 and found.sequences >= goal,
        ),
        _happened(
            "what people and servers did in them",
            seen,
            ("claims won", "claims won"),
            ("releases", "released"),
            ("crashes", "servers killed"),
            ("restarts", "started again"),
        ),
        _happened(
            "what became of requests to the engine",
            seen,
            ("answer", "answered"),
            ("late", "answered late"),
            ("lose", "done, and the answer lost"),
            ("refuse", "lost"),
            ("overdue", "given up, and done later or never"),
            ("repeated", "sent twice"),
            ("strays", "done when nobody waited any more"),
        ),
    ]


def _happened(name: str, seen: Counter[str], *words: tuple[str, str]) -> Figure:
    text = ", ".join(f"{seen[key]:,} {word}" for key, word in words)
    return Figure(name, text, "each of them", all(seen[key] for key, _ in words))


def pack(machine: type[ClaimsMachine], number: int, order: type[Claims] = Claims) -> Tally:
    """Run the sequences of one seed; an unlucky one ends them."""

    class Machine(machine):  # type: ignore[valid-type,misc]
        seen: ClassVar[Counter[str]] = Counter()

    Machine.order = order
    tally = Tally(seen=Machine.seen)
    try:
        run_state_machine_as_test(
            seed(number)(Machine),
            settings=settings(
                max_examples=PACK,
                stateful_step_count=STEPS,
                phases=[Phase.generate],
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    except DoubleError as exc:
        tally.doubles += 1
        tally.told.append(_told(machine, number, exc))
    except LostError as exc:
        tally.lost += 1
        tally.told.append(_told(machine, number, exc))
    return tally


def _told(machine: type[ClaimsMachine], number: int, exc: AssertionError) -> str:
    notes: Sequence[str] = getattr(exc, "__notes__", ())
    steps = [line for line in "\n".join(notes).splitlines() if not line.endswith(INVARIANTS)]
    return "\n".join([f"{machine.__name__}, seed {number}: {exc}", *steps])


def control(pool: ProcessPoolExecutor, name: str, order: type[Claims]) -> Figure:
    """Run a broken order, beginning with the same seeds, until it is found out."""
    total = Tally()
    for number in range(CONTROL // PACK):
        total.add(pool.submit(pack, ClaimsMachine, number, order).result())
        if total.told:
            break
    what = "a GPU given twice" if total.doubles else "a GPU lost" if total.lost else "nothing"
    return Figure(
        name,
        f"{what} in sequence {total.sequences:,}",
        "found out",
        bool(total.told),
    )


def _quiet() -> None:
    """Say nothing of every container that a dead server left."""
    logging.getLogger("jupyter_gpu_containers").setLevel(logging.CRITICAL)
    # nor of a removal that failed when nobody waited for it any more: the next pass does it
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
