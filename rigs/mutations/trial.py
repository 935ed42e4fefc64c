"""One fault against the suite: nearest tests first, and a failure must be the fault's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from rigs.mutations.faults import Fault, Gone
from rigs.mutations.programs import Outcome
from rigs.mutations.tree import Tree
from rigs.mutations.verdicts import Result, Verdict

AGAIN = 20  # broken or unsteady tests in one run of a stage, after which something else is wrong


class NothingRuns(Exception):
    """No test begins without any fault either; the text is what they said last."""


@dataclass(frozen=True)
class Stage:
    """Some tests of the suite."""

    name: str
    run: Callable[[Sequence[str]], Outcome]  # without these tests
    run_one: Callable[[str], Outcome]
    begin: Callable[[], Outcome]  # only what comes before the first test


@dataclass
class Trial:
    """Tries faults in a tree, and remembers which tests fail without any."""

    tree: Tree
    broken: list[str] = field(default_factory=list)
    is_code: Callable[[Fault], bool] = lambda fault: True  # whether what it made can be read

    def try_fault(self, fault: Fault, stages: Iterable[Stage]) -> Verdict:
        """Return which test finds a fault; the tree is without it afterwards.

        Raises
        ------
        NothingRuns
            A stage cannot be run at all.
        """
        started = time.monotonic()
        verdict = Verdict(fault.id, "not found")
        try:
            self.tree.put(fault)
        except Gone as exc:
            return Verdict(fault.id, "gone", note=str(exc))
        try:
            if not self.is_code(fault):
                return Verdict(fault.id, "no fault", note="the line cannot be read")
            for stage in stages:
                verdict = self._in_stage(fault, stage)
                if verdict.result != "not found":
                    break
        finally:
            self.tree.restore()
        return verdict.lasting(time.monotonic() - started)

    def _in_stage(self, fault: Fault, stage: Stage) -> Verdict:
        unsteady: list[str] = []
        for _ in range(AGAIN):
            outcome = stage.run([*self.broken, *unsteady])
            if outcome.kind == "passed":
                return Verdict(fault.id, "not found", note=_told(unsteady))
            if outcome.test is None:
                return self._without_name(fault, stage, outcome)
            self.tree.restore()
            if stage.run_one(outcome.test).kind != "passed":
                self.broken.append(outcome.test)
                self.tree.put(fault)
                continue
            self.tree.put(fault)
            if (again := stage.run_one(outcome.test)).kind != "passed":
                how: Result = "time-out" if again.kind == "time-out" else "found"
                return Verdict(fault.id, how, by=outcome.test, stage=stage.name)
            unsteady.append(outcome.test)
        raise NothingRuns(f"{stage.name}: {AGAIN} tests fail without a fault: {self.broken}")

    def _without_name(self, fault: Fault, stage: Stage, outcome: Outcome) -> Verdict:
        """Judge a run that no single test ended: all together took too long, or none began."""
        if outcome.kind == "time-out":
            note = "all tests of the stage together took too long"
            return Verdict(fault.id, "time-out", stage=stage.name, note=note)
        self.tree.restore()
        if stage.begin().kind != "passed":
            raise NothingRuns(f"{stage.name}: {outcome.said}")
        self.tree.put(fault)
        return Verdict(fault.id, "found", stage=stage.name, note=f"no test begins: {outcome.said}")


def _told(unsteady: Sequence[str]) -> str:
    return f"failed once, then passed with the fault: {', '.join(unsteady)}" if unsteady else ""
