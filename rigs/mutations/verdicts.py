"""What came of the faults: kept in a file as it goes, and told in a table."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from rigs.mutations.faults import Fault

# `gone`: the code no longer has the line; `no fault`: what it makes is not code
Result = Literal["found", "time-out", "not found", "gone", "no fault"]
FOUND = ("found", "time-out")


@dataclass(frozen=True)
class Verdict:
    """What came of one fault."""

    id: str
    result: Result
    by: str | None = None  # node id of the test that found it
    stage: str = ""
    seconds: float = 0.0
    note: str = ""

    def lasting(self, seconds: float) -> Verdict:
        """Return the same, with the time that it took."""
        return replace(self, seconds=round(seconds, 1))


@dataclass
class Report:
    """The verdicts of a run: which code, whose tests, and what stopped counting."""

    commit: str
    suite: str  # the commit of the tests
    whole: bool = False
    engine: bool = True  # whether a container engine answered; else its tests were left out
    tests: list[str] = field(default_factory=list)  # what was asked for; empty: all
    verdicts: list[Verdict] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)  # tests that fail without a fault

    def write(self, path: Path) -> None:
        """Keep the report; a run that is killed meanwhile leaves the one before."""
        draft = path.with_name(f"{path.name}.new")
        draft.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", "utf-8")
        os.replace(draft, path)

    def is_same_run(self, other: Report) -> bool:
        """Whether another report is of the same code and tests."""

        def facts(report: Report) -> tuple[Any, ...]:
            return report.commit, report.suite, report.whole, report.tests

        return facts(self) == facts(other)

    def missed(self) -> list[str]:
        """Return the ids of the faults that were not found."""
        return [verdict.id for verdict in self.verdicts if verdict.result == "not found"]


def read_report(path: Path) -> Report:
    """Read a report that was kept."""
    kept = json.loads(path.read_text("utf-8"))
    return Report(**{**kept, "verdicts": [Verdict(**row) for row in kept["verdicts"]]})


def line(verdict: Verdict) -> str:
    """Return a verdict in a line."""
    what = verdict.result if verdict.result in ("not found", "gone", "no fault") else verdict.stage
    late = "time-out; " if verdict.result == "time-out" else ""
    told = " ".join(filter(None, (verdict.by, verdict.note)))
    return f"{verdict.id}  {verdict.seconds:6.0f} s  {late}{what}: {told}".rstrip(": ")


def table(report: Report, faults: tuple[Fault, ...]) -> str:
    """Return the whole report for people."""
    by_id = {fault.id: fault for fault in faults}
    rows = [f"code {report.commit[:10]}, tests of {report.suite[:10]}", ""]
    for verdict in report.verdicts:
        fault = by_id.get(verdict.id)
        rows.append(line(verdict))
        if fault:
            rows += [f"     {fault.file}:{fault.line} ({fault.kind})"]
            rows += [f"     - {fault.old}", f"     + {fault.new}"]
    tried = [one for one in report.verdicts if one.result not in ("gone", "no fault")]
    found = [one for one in tried if one.result in FOUND]
    late = sum(one.result == "time-out" for one in found)
    rows += ["", f"{len(found)} of {len(tried)} found, {late} of these by a time-out"]
    if len(tried) < len(report.verdicts):
        rows.append(f"{len(report.verdicts) - len(tried)} do not fit the code any more")
    if not report.engine:
        rows.append("No container engine answered: its tests were left out")
    if report.broken:
        rows += ["", "Fail without a fault, and do not count:", *report.broken]
    return "\n".join(rows)
