"""Kernel starts over an engine that drops, delays, repeats, cuts or refuses calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_gpu_containers.model.kernel import labels
from tests.conftest import ROOT
from tests.doubles.engine import HookEngine
from tests.doubles.fault_proxy import FaultyEngine
from tests.doubles.nvml import fake_driver, uuid_of
from tests.faults.history import History
from tests.faults.race import Recorder
from tests.rooms import ENGINE_IMAGE, Room

from .figures import Figure

SHARE = 0.3  # of all calls
DELAY = 8.0  # seconds at most; longer than anybody waits
GPUS = 4
PROGRAMS, AT_ONCE = 2, 4  # starts at once, in each
STARTS, QUICK_STARTS = 500, 24
SEED = 20


@dataclass
class Outcome:
    """What came of everything."""

    calls: int = 0
    faults: Counter[str] = field(default_factory=Counter)  # by kind
    ran: int = 0
    failed: Counter[str] = field(default_factory=Counter)  # starts, by code
    ends: Counter[str] = field(default_factory=Counter)  # ends that failed at first, by code
    bugs: list[str] = field(default_factory=list)
    wordless: list[str] = field(default_factory=list)  # failures without a hint
    left: list[str] = field(default_factory=list)
    history: History = field(default_factory=History)

    def take(self, said: dict[str, str]) -> None:
        """Count what a program has said."""
        if "bug" in said:
            self.bugs.append(f"{said['what']}: {said['bug']}")
            return
        code = said["code"]
        if code and not (said["message"] and said["hint"]):
            self.wordless.append(f"{code}: {said['message']}")
        if said["what"] == "start":
            self.ran += not code
            self.failed[code] += bool(code)
        elif said["what"] == "end":
            self.ends[code] += bool(code)
        elif code:  # the faults were over
            self.bugs.append(f"{said['what']}: {code}: {said['message']}")


def measure(long: bool) -> list[Figure]:
    """Start kernels, let the faults end, reconcile once, and look at what there is."""
    starts = STARTS if long else QUICK_STARTS
    with tempfile.TemporaryDirectory() as folder:
        return figures(starts, run(Path(folder), starts))


def figures(starts: int, outcome: Outcome) -> list[Figure]:
    """Say what the goals are and whether they are met."""
    history = outcome.history
    for line in (*outcome.bugs, *outcome.wordless, *outcome.left, *history.doubles):
        print(line, file=sys.stderr)
    faults = sum(outcome.faults.values())
    failed = sum(outcome.failed.values())
    return [
        Figure(
            f"{starts} kernel starts, {PROGRAMS * AT_ONCE} at once on {GPUS} GPUs, over a socket "
            "with faults",
            f"{faults} of {outcome.calls} calls ({faults / outcome.calls:.0%}): "
            f"{_counts(outcome.faults)}",
            f"{SHARE:.0%} of calls",
            abs(faults / outcome.calls - SHARE) < 0.1,
        ),
        Figure(
            "what became of them",
            f"{outcome.ran} kernels answered, {failed} starts failed by code: "
            f"{_counts(outcome.failed)}; ends that had to be repeated: {_counts(outcome.ends)}",
            f"{starts} together",
            outcome.ran + failed == starts,
        ),
        Figure(
            "failures without a type, a sentence or a hint",
            f"{len(outcome.bugs) + len(outcome.wordless)}",
            "0",
            not outcome.bugs and not outcome.wordless,
        ),
        Figure(
            f"GPUs given twice, of {history.starts} starts of containers",
            f"{len(history.doubles)}",
            "0",
            not history.doubles,
        ),
        Figure(
            "containers, run directories and homes left after one reconciliation",
            f"{len(outcome.left)}",
            "0",
            not outcome.left,
        ),
    ]


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counter.most_common() if n) or "none"


def run(folder: Path, starts: int) -> Outcome:
    """Have two programs start kernels over the proxy."""
    outcome = Outcome()
    with _machine(folder) as (engine, room), ExitStack() as stack:
        name = room.environment_now(ENGINE_IMAGE, gpus=1).name  # with a look inside, unrecorded
        recorder = stack.enter_context(closing(Recorder(engine)))
        faulty = FaultyEngine(str(engine.socket), share=SHARE, delay=DELAY, seed=SEED)
        with faulty.serve():
            room.configure(engine_url=faulty.url, wait_for_gpus=600.0, start_timeout=120.0)
            counts = [starts // PROGRAMS + (i < starts % PROGRAMS) for i in range(PROGRAMS)]
            programs = [_program(room, name, n, SEED + 100 * i) for i, n in enumerate(counts)]
            try:
                for program in programs:
                    _listen(program, "ready", outcome)
                outcome.calls, outcome.faults = faulty.calls, Counter(faulty.faults)
                faulty.share = 0.0
                assert faulty.wait_until_quiet(60), "a request is still under way"
                for program in programs:
                    assert program.stdin
                    print(file=program.stdin, flush=True)
                for program in programs:
                    _listen(program, "reconciled", outcome)
                outcome.left = _left(engine, room)
            finally:
                for program in programs:
                    program.communicate(timeout=60)
            room.configure(engine_url=engine.host)
        outcome.history = recorder.finish(ENGINE_IMAGE)
        outcome.left += [f"container {each}" for each in outcome.history.never_removed]
        outcome.left += [f"events of {each} are missing" for each in outcome.history.missed]
    return outcome


def _program(room: Room, name: str, starts: int, seed: int) -> subprocess.Popen[str]:
    arguments = [name, str(starts), str(AT_ONCE), str(seed)]
    return subprocess.Popen(
        [sys.executable, "-m", "rigs.reliability.faulty_worker", *arguments],
        cwd=room.workspace,
        env={**room.environ(), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _listen(program: subprocess.Popen[str], until: str, outcome: Outcome) -> None:
    """Take up what a program says, until it is through."""
    assert program.stdout
    for line in program.stdout:
        said = json.loads(line)
        if until in said:
            return
        outcome.take(said)
        done = outcome.ran + sum(outcome.failed.values())
        if said["what"] == "start" and done % 25 == 0:
            print(
                f"{time.strftime('%H:%M:%S')} {done} starts: {outcome.ran} answered",
                file=sys.stderr,
                flush=True,
            )
    raise AssertionError(f"a program ended before it was {until}: {program.wait()}")


def _left(engine: HookEngine, room: Room) -> list[str]:
    with closing(engine.client()) as client:
        rows = client.api.containers(all=True, filters={"label": labels.VERSION})
    folders = [*room.run.glob("*"), *(room.data / "gpu_containers" / "homes").glob("*")]
    return [
        *(f"container {row['Names']}: {row['State']}" for row in rows),
        *(f"folder {path}" for path in folders),
    ]


@contextmanager
def _machine(folder: Path) -> Iterator[tuple[HookEngine, Room]]:
    """Make a room on an engine of its own, with GPUs that its hook gives out."""
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
            fixed_gpus=[{"uuid": uuid, "minor_number": n} for n, uuid in enumerate(uuids)],
        )
        previous = {key: os.environ.get(key) for key in room.variables}
        os.environ.update(room.variables)  # for the services of this process
        try:
            yield engine, room
        finally:
            for key, value in previous.items():
                if value is None:
                    del os.environ[key]
                else:
                    os.environ[key] = value
            room.close()
    finally:
        engine.remove()
