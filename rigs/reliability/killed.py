"""Kernel starts whose server is killed: at each named point, and at random moments."""

from __future__ import annotations

import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from jupyter_gpu_containers.service.recovery.crashpoints import POINTS
from tests import servers
from tests.doubles.engine import HookEngine
from tests.doubles.nvml import fake_driver, uuid_of
from tests.rooms import ENGINE_IMAGE, Room
from tests.servers import Server

from .figures import Figure
from .lives import Lives, Tally

GPUS = 8
RECOVERED_IN = 5.0  # seconds, 95th percentile
AT_ONCE = 4  # starts of a life
SHUTDOWN = (
    *("kernel.abandon", "release.begin", "release.removed", "kernel.abandoned"),
    *("seat.leave", "seat.left", "record.removed", "provisioner.cleared"),
)
RECOVERY = (  # with kernels that answer
    *("reattach.begun", "reattach.found", "reattach.answered"),
    *("seat.adopt", "kernel.adopted", "provisioner.loaded"),
)
ENDED = ("reattach.failed", "reattach.removed")  # with one whose container has ended
HALF = "reattach.dropped"  # with one that was being started
STRANGE = "sweep.removed"  # with one that ended, and of which no record is left
# of containers that wait, which are off here, and of restarts: tests/faults/test_crashpoints.py
OFF = tuple(point for point in POINTS if point.startswith(("spare.", "restart.")))
START = tuple(
    point for point in POINTS if point not in (*SHUTDOWN, *RECOVERY, *ENDED, *OFF, HALF, STRANGE)
)
ALL = tuple(point for point in POINTS if point not in OFF)
QUICK = ("seat.folder", "kernel.started", "seat.left", "reattach.answered")
STARTS, QUICK_STARTS = 200, 16


def measure(long: bool) -> list[Figure]:
    """Kill servers until so many kernels were started, and return what was left behind."""
    servers.START = servers.PATIENCE = 180.0  # seconds: other work of the machine is no failure
    with tempfile.TemporaryDirectory() as folder, _private(Path(folder)) as lives:
        before = lives.engine_lists()
        run(lives, ALL if long else QUICK, STARTS if long else QUICK_STARTS)
        return figures(lives.tally, before == lives.engine_lists(), len(ALL if long else QUICK))


def run(lives: Lives, points: Sequence[str], starts: int) -> None:
    """Go through the points, then kill at random; the last server ends in order."""
    rng = random.Random(starts)
    server = lives.begin()
    for number, point in enumerate(points):
        server = _at_point(lives, server, point, number)
        _tell(lives, point)
    while lives.tally.starts < starts:
        server = _at_random(lives, server, min(5, starts - lives.tally.starts), rng)
        _tell(lives, "at random")
    for start in list(lives.starts.values()):
        lives.end(server, start)
    states = {gpu["state"] for gpu in server.ask("GET", "/gpu-containers/gpus")["gpus"]}
    if states != {"free"}:
        lives.tally.wrong.append(f"GPUs are {', '.join(sorted(states))} in the end")
    if (code := server.terminate()) != 0:
        lives.tally.wrong.append(f"the last server ended with {code}")
    lives.tally.left |= lives.census().left_beside(frozenset())


def figures(tally: Tally, same_lists: bool, points: int) -> list[Figure]:
    """Say what became of the kernels, and what stayed."""
    for line in (*tally.wrong, *sorted(tally.left)):
        print(line, file=sys.stderr)
    reasons = ", ".join(f"{code} {number}" for code, number in sorted(tally.removed.items()))
    fifty, ninety_five = percentile(tally.seconds, 0.5), percentile(tally.seconds, 0.95)
    return [
        Figure(
            f"{tally.starts} kernel starts, {tally.deaths} deaths of their servers",
            f"at {len(tally.reached)} named points, at {tally.at_random} random moments, "
            f"{tally.deaths - len(tally.reached) - tally.at_random} to be recovered at a point",
            f"{points} points",
            len(tally.reached) == points,
        ),
        Figure(
            "what became of their kernels",
            f"{tally.taken_over} times taken over and answered, {tally.resumed} times started by "
            f"the next server, removed with a reason: {reasons or 'none'}; "
            f"{tally.finished} had been ended, {tally.unheard} were asked of nobody; "
            f"{len(tally.wrong)} anything else",
            "0 anything else",
            not tally.wrong,
        ),
        Figure(
            "containers, GPU claims, socket directories, homes, records, drafts left after a "
            "recovery",
            f"{len(tally.left)}",
            "0",
            not tally.left,
        ),
        Figure(
            "the engine's containers, networks and volumes",
            "as before" if same_lists else "not as before",
            "as before",
            same_lists,
        ),
        Figure(
            f"recovery of what the former server left, {len(tally.seconds)} times",
            f"p50 {fifty:.2f} s, p95 {ninety_five:.2f} s, longest {max(tally.seconds):.2f} s",
            f"p95 < {RECOVERED_IN:g} s",
            ninety_five < RECOVERED_IN,
        ),
    ]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that so many of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


# --- one life ---------------------------------------------------------------------------------


def _at_point(lives: Lives, server: Server, point: str, number: int) -> Server:
    """Let a server die at a point; return the next one, which has recovered."""
    if point in START:
        _keep(lives, server, 1)  # something to find in a sweep, and to be taken over again
        armed = f"{point}:{1 + number % 2}"
        lives.arm(server, armed)
        _start(lives, server, AT_ONCE)
        lives.bury(server, armed)
    elif point in SHUTDOWN:
        _keep(lives, server, 0)
        _start(lives, server, 3)
        lives.arm(server, point)
        lives.end(server, next(iter(lives.starts.values())))
        lives.bury(server, point)
    else:
        _keep(lives, server, 1)
        if point == HALF:
            lives.arm(server, "kernel.started:2")
            _start(lives, server, 3)
            lives.bury(server, "kernel.started")
        else:
            _start(lives, server, 3)
            lives.bury(server)
        last = list(lives.starts.values())[-1]
        if point in (*ENDED, STRANGE):
            lives.kill_container(last)
        if point == STRANGE:
            lives.forget_record(last)
        lives.die_in_recovery(point)
    return _next(lives)


def _at_random(lives: Lives, server: Server, count: int, rng: random.Random) -> Server:
    """Kill a server while some kernels start, others run, and others end."""
    _keep(lives, server, 1)
    after, ends = rng.uniform(0, 3.0 * count), [rng.random() < 0.3 for _ in range(count)]
    done = threading.Event()

    def kill() -> None:
        lives.heard.wait()
        if done.wait(after):
            time.sleep(rng.uniform(0, 0.5))  # the moment is what is drawn
        server.process.kill()

    lives.tally.at_random += 1
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        _start(lives, server, count, ends=ends)
    finally:
        lives.heard.set()
        done.set()
        killer.join()
    lives.bury(server)
    return _next(lives)


def _next(lives: Lives) -> Server:
    server = lives.begin()
    lives.recovered(server)
    return server


def _keep(lives: Lives, server: Server, count: int) -> None:
    """End the kernels but so many."""
    for start in list(lives.starts.values())[count:]:
        lives.end(server, start)


def _start(lives: Lives, server: Server, count: int, ends: Sequence[bool] = ()) -> None:
    """Start several at once; return when they answered, or the server died."""
    first = lives.tally.starts
    with ThreadPoolExecutor(count) as pool:
        ending = [*ends, *[False] * (count - len(ends))]
        work = [
            pool.submit(lives.start, server, first + i, end=end) for i, end in enumerate(ending)
        ]
    for each in work:
        each.result()


def _tell(lives: Lives, where: str) -> None:
    tally = lives.tally
    print(
        f"{time.strftime('%H:%M:%S')} {where}: {tally.starts} starts, {tally.deaths} deaths, "
        f"recovery {tally.seconds[-1]:.1f} s, {len(tally.left)} left, wrong: {tally.wrong}",
        file=sys.stderr,
        flush=True,
    )


@contextmanager
def _private(folder: Path) -> Iterator[Lives]:
    """Make a room on an engine of its own, with eight GPUs that its hook gives out."""
    shared = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    engine = HookEngine(fake_driver(folder / "driver", "dgx-h100"))
    try:
        engine.start()
        engine.load(ENGINE_IMAGE, source=shared)
        (folder / "facts").mkdir()
        room = Room("docker", folder / "facts")
        uuids = [uuid_of("dgx-h100", f"gpu{number}") for number in range(GPUS)]
        room.configure(
            engine_url=engine.host,
            attach_timeout=3600.0,
            fixed_gpus=[{"uuid": uuid, "minor_number": n} for n, uuid in enumerate(uuids)],
        )
        lives = Lives(room, engine)
        try:
            yield lives
        finally:
            if lives.server is not None:
                lives.server.kill()
        for path in room.runtime.glob("*"):  # Jupyter's own, of servers that were killed
            path.unlink()
        room.close()
    finally:
        engine.remove()
