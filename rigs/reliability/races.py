"""Eight processes race for GPUs on a real engine, killed at random: doubles and orphans.

Needs root, for an engine of its own. The rig is `tests/faults/race.py`: two GPUs for one kernel
each and one for two at a time, launches of one to three GPUs, restarts of kernels.
"""

from __future__ import annotations

import subprocess
import sys
import time

from tests.conftest import IMAGES, ROOT
from tests.faults.race import SERVERS, Race, private_engine, race
from tests.faults.race_worker import SHARED

from .figures import Figure

QUICK, LONG = 40, 2000  # wins
NAIVE = 100  # wins of the naive order, --long
SEATS = 4  # of the three GPUs


def measure(long: bool) -> list[Figure]:
    """Race for 2,000 wins, or 40; then in the naive order, when quick until its first double."""
    goal = LONG if long else QUICK
    found = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "engine.py"), "find"],
        capture_output=True,
        text=True,
        check=True,
    )
    with private_engine(IMAGES.debian12, source=found.stdout.strip()) as engine:
        begun = time.monotonic()
        ours = race(engine, IMAGES.debian12, "protocol", wins=goal)
        seconds = time.monotonic() - begun
        naive = race(
            engine,
            IMAGES.debian12,
            "naive",
            wins=NAIVE if long else QUICK,
            until_first_double=not long,
        )
    return figures(ours, naive, goal, seconds)


def figures(ours: Race, naive: Race, goal: int, seconds: float) -> list[Figure]:
    """Say what came of the races."""
    history = ours.history
    for text in (*history.doubles, *history.missed):
        print(text)
    shared = history.most.get(SHARED, 0)
    alone = max((most for gpu, most in history.most.items() if gpu != SHARED), default=0)
    return [
        Figure(
            f"claims won by {SERVERS} processes on a real engine, {ours.deaths} of them killed",
            f"{len(history.doubles)} doubles in {history.wins:,} wins ({history.of_several:,} of "
            f"several GPUs), {history.starts:,} starts, {seconds:.0f} s",
            f"0 in >= {goal:,}",
            not history.doubles and not history.missed and history.wins >= goal,
        ),
        Figure(
            "kernels at a time on a GPU of two slots, and on one of one",
            f"{shared} and {alone} at most",
            "2 and 1",
            (shared, alone) == (2, 1),
        ),
        Figure(
            "orphans after recovery",
            f"{ours.left} containers, {SEATS - ours.seats} of {SEATS} seats on GPUs lost, "
            f"{len(history.never_removed)} never removed",
            "0",
            (ours.left, ours.seats, history.never_removed) == (0, SEATS, set()),
        ),
        Figure(
            "the naive order on the same rig",
            f"{len(naive.history.doubles)} doubles in {naive.history.wins:,} wins",
            "> 0, or the rig finds nothing",
            bool(naive.history.doubles),
        ),
    ]
