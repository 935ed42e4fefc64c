"""The table at the end of a run: minutes of each stage, the slowest tests, what set-up has cost.

`./run` writes what it did before pytest into the file that `JGC_SETUP_TIMES` names: a line of
seconds, tab, name for each step. After a run of all tests the seconds of each file stand in
`.run/durations.json`, from which `./run test --changed` knows what fits into three minutes.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

STAGES = ("fast", "packaging", "engine", "browser")
SLOWEST = 20
BESIDE = "(beside pytest)"  # how the name of a step ends that keeps nobody waiting
DURATIONS = Path(__file__).resolve().parent.parent / ".run" / "durations.json"


@dataclass
class Times:
    """What tests took, in seconds; one instance a run, in the process that prints the table.

    Attributes
    ----------
    tests : dict
        By test: seconds of set-up, of the test, of the end of what it used.
    stages : dict
        By test: its stage.
    first, last : dict
        By stage: when its first test began and its last one ended, in seconds since the epoch.
    """

    begun: float = field(default_factory=time.time)
    tests: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    stages: dict[str, str] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)

    def add(self, report: pytest.TestReport) -> None:
        """Take one report of a test's three."""
        stage = stage_of(report)
        self.tests[report.nodeid][report.when] = report.duration
        self.stages[report.nodeid] = stage
        self.first[stage] = min(report.start, self.first.get(stage, report.start))
        self.last[stage] = max(report.stop, self.last.get(stage, report.stop))

    def rows(self) -> list[str]:
        """Return a line for each stage: tests, minutes of the clock, minutes of all workers."""
        lines = [f"{'stage':<12}{'tests':>7}{'from':>8}{'to':>8}{'workers':>9}  minutes"]
        for stage in STAGES:
            found = [name for name, its in self.stages.items() if its == stage]
            if found:
                worked = sum(sum(self.tests[name].values()) for name in found)
                first, last = ((at[stage] - self.begun) / 60 for at in (self.first, self.last))
                lines.append(
                    f"{stage:<12}{len(found):>7}{first:>8.1f}{last:>8.1f}{worked / 60:>9.1f}"
                )
        whole = (time.time() - self.begun) / 60
        lines.append(f"{'all':<12}{len(self.tests):>7}{0:>8.1f}{whole:>8.1f}")
        return lines

    def slowest(self) -> list[str]:
        """Return a line for each of the slowest tests: seconds of set-up, test, end."""
        order = sorted(self.tests.items(), key=lambda item: -sum(item[1].values()))
        return [
            f"{sum(parts.values()):7.1f} s  "
            f"({' + '.join(f'{parts.get(when, 0):.1f}' for when in ('setup', 'call', 'teardown'))})"
            f"  {name}"
            for name, parts in order[:SLOWEST]
        ]

    def of_files(self) -> dict[str, float]:
        """Return the seconds of each file of tests."""
        files: dict[str, float] = defaultdict(float)
        for name, parts in self.tests.items():
            files[name.partition("::")[0]] += sum(parts.values())
        return {name: round(seconds, 2) for name, seconds in sorted(files.items())}


def stage_of(report: pytest.TestReport) -> str:
    """Return the stage of a test: by its markers, which are among its keywords, or its folder."""
    if "ui" in report.keywords:
        return "browser"
    if report.nodeid.startswith("tests/packaging/"):
        return "packaging"
    return "engine" if "engine" in report.keywords else "fast"


def setup_rows(text: str) -> list[str]:
    """Return a line for each step of `./run` that took a second or more."""
    steps = [line.split("\t") for line in text.splitlines()]
    rows = [f"{float(seconds):7.1f} s  {name}" for seconds, name in steps if float(seconds) >= 1]
    whole = sum(float(seconds) for seconds, name in steps if not name.endswith(BESIDE))
    return [*rows, f"{whole:7.1f} s  in all, before pytest"]


_times = Times()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect; in workers as well, where nobody prints it."""
    _times.add(report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table; pytest's own summary comes after it."""
    if len(_times.of_files()) < 2:
        return
    terminalreporter.section("times")
    for line in _times.rows():
        terminalreporter.line(line)
    steps = os.environ.get("JGC_SETUP_TIMES")
    if steps and Path(steps).is_file():
        terminalreporter.line("")
        for line in setup_rows(Path(steps).read_text("utf-8")):
            terminalreporter.line(line)
    terminalreporter.line("")
    terminalreporter.line(f"The {SLOWEST} slowest tests (set-up + test + end):")
    for line in _times.slowest():
        terminalreporter.line(line)
    if _is_whole(terminalreporter.config):
        DURATIONS.parent.mkdir(exist_ok=True)
        DURATIONS.write_text(json.dumps(_times.of_files(), indent=0), "utf-8")


def _is_whole(config: pytest.Config) -> bool:
    """Whether all tests were asked for."""
    option = config.option
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not (
        option.keyword or option.markexpr or option.deselect
    )
