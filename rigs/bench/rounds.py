"""Interleaved rounds on a machine that others use too, and the statistics of their samples."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

Sample = dict[str, float]  # what one round of a case measured, by name: seconds, bytes or a count
Case = Callable[[], Awaitable[Sample]]

WINDOW = 0.2  # seconds over which the machine's load is looked at
BUSY = 0.3  # share of the processors in use by which a moment does not count as quiet
TRIES = 3  # how often a disturbed sample is taken anew


@dataclass
class Gate:
    """Waits for quiet moments and remembers how well that went.

    Parameters
    ----------
    patience : float
        Seconds to wait for a quiet moment before measuring all the same.
    """

    patience: float = 10.0
    waited: float = 0.0  # seconds
    repeated: int = 0  # samples thrown away, since the machine was busy right after them
    disturbed: int = 0  # samples that were kept all the same

    async def quiet(self) -> bool:
        """Wait for a quiet moment; tell whether one came within our patience."""
        began = perf_counter()
        while busy := await is_busy():
            if perf_counter() - began > self.patience:
                break
        self.waited += perf_counter() - began
        return not busy

    def report(self) -> dict[str, float]:
        """Return what a reader should know about the load."""
        return {
            "seconds_waited": round(self.waited, 1),
            "samples_repeated": self.repeated,
            "samples_disturbed": self.disturbed,
            "load_average": round(os.getloadavg()[0], 2),
        }


async def is_busy() -> bool:
    """Look at the machine for a moment: does anybody compute?"""
    before = _ticks()
    await asyncio.sleep(WINDOW)
    busy, total = (after - then for after, then in zip(_ticks(), before, strict=True))
    return busy > BUSY * total


def _ticks() -> tuple[int, int]:
    """Processor time in use and altogether, since boot: first line of proc_stat(5)."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    user, nice, system, idle, iowait, irq, softirq, steal = map(int, fields)
    busy = user + nice + system + irq + softirq + steal
    return busy, busy + idle + iowait


@dataclass
class Samples:
    """All samples of all cases of one interleaved run."""

    cases: dict[str, list[Sample]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)  # by case: why it failed last


async def interleave(
    cases: Mapping[str, Case],
    rounds: int,
    gate: Gate,
    *,
    warm: int = 1,
    settle: float = 0.3,
    every: Mapping[str, int] | None = None,
) -> Samples:
    """Run every case once a round, in another order each time.

    Parameters
    ----------
    rounds : int
        Samples per case.
    warm : int
        Rounds before those, whose samples are dropped: caches fill.
    settle : float
        Seconds after each sample in which what it left to the background comes to its end.
    every : mapping
        Cases that are so slow that only every third round, say, has a sample of theirs; and none
        of theirs is dropped.
    """
    samples = Samples({name: [] for name in cases})
    rng = random.Random(1)
    for number in range(-warm, rounds):
        order = list(cases)
        rng.shuffle(order)
        for name in order:
            seldom = (every or {}).get(name, 1)
            if number % seldom or (number < 0 and seldom > 1):
                continue
            sample = await _sample(name, cases[name], gate, samples, settle)
            if sample is not None and number >= 0:
                samples.cases[name].append(sample)
        print(f"  round {number + 1}/{rounds}", file=sys.stderr, flush=True)
    return samples


async def _sample(
    name: str, case: Case, gate: Gate, samples: Samples, settle: float
) -> Sample | None:
    for attempt in range(TRIES):
        quiet = await gate.quiet()
        try:
            sample = await case()
        except Exception as exc:  # noqa: BLE001  a case that fails is reported, not hidden
            samples.errors.append(f"{name}: {exc!r}"[:300])
            samples.failures[name] = (str(exc) or repr(exc))[:300]
            return None
        await asyncio.sleep(settle)
        if not quiet:
            break  # the next moment will not be better
        if not await is_busy():
            return sample
        gate.repeated += attempt < TRIES - 1
    gate.disturbed += 1
    return sample


def median(values: list[float]) -> float:
    """Return the median; NaN where nothing was measured."""
    return statistics.median(values) if values else float("nan")


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a share of the values lie, by linear interpolation."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    position = (len(ordered) - 1) * share
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
