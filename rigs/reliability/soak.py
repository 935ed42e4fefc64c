"""Starts for two hours, one every five seconds: what a server keeps of those that are over."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT
from tests.rooms import ENGINE_IMAGE, Room
from tests.servers import Server

from .figures import Figure

EVERY = 5.0  # seconds from one start to the next
QUICK, LONG = 24, 1440  # starts: two minutes, two hours
MEMORY_GROWS = 0.05  # of the resident memory, from the second quarter to the last
WORKS = ("cell", "restart", "give up", "unknown image", "cell", "cell")  # what is done, in turn


@dataclass(frozen=True)
class Sample:
    """What a server has between two starts."""

    descriptors: int
    threads: int
    memory: int  # bytes, resident
    containers: int
    folders: int  # of kernels: run directories and homes

    def __str__(self) -> str:
        return (
            f"{self.descriptors} descriptors, {self.threads} threads, "
            f"{self.memory / 2**20:.1f} MiB, {self.containers} containers, {self.folders} folders"
        )


def measure(long: bool) -> list[Figure]:
    """Compare what the server had in the second quarter with what it had in the last."""
    starts = LONG if long else QUICK
    with tempfile.TemporaryDirectory() as facts:
        room = Room("docker", Path(facts))
        try:
            server = Server(room, env={"PYTHONPATH": str(ROOT)})
            try:
                samples = list(soak(room, server, starts))
            finally:
                server.terminate()
        finally:
            room.close()
    return figures(samples)


def figures(samples: list[Sample]) -> list[Figure]:
    """Return what has grown; nothing may but memory, by a little."""
    quarter = len(samples) // 4
    before, after = samples[quarter : 2 * quarter], samples[-quarter:]

    def medians(name: str) -> tuple[float, float]:
        return tuple(
            statistics.median(getattr(sample, name) for sample in part) for part in (before, after)
        )

    found = [
        Figure(
            f"{label} after {len(samples)} starts",
            f"{medians(name)[0]:g} in the second quarter, {medians(name)[1]:g} in the last",
            "no more",
            medians(name)[1] <= medians(name)[0],
        )
        for name, label in (
            ("descriptors", "file descriptors"),
            ("threads", "threads"),
            ("containers", "containers between two starts"),
            ("folders", "folders of kernels between two starts"),
        )
    ]
    first, last = medians("memory")
    grown = last / first - 1
    found.append(
        Figure(
            f"resident memory after {len(samples)} starts",
            f"{first / 2**20:.0f} MiB in the second quarter, {last / 2**20:.0f} in the last "
            f"({grown:+.1%})",
            f"at most {MEMORY_GROWS:+.0%}",
            grown <= MEMORY_GROWS,
        )
    )
    return found


def soak(room: Room, server: Server, starts: int) -> Iterator[Sample]:
    """Start kernels one after the other, each to be ended in another way."""
    begun = time.monotonic()
    for number in range(starts):
        # the beat of the measurement; a start that takes longer is followed at once
        time.sleep(max(0.0, begun + number * EVERY - time.monotonic()))
        _start(server, WORKS[number % len(WORKS)])
        sample = look(room, server.process.pid)
        if number % 60 == 0:
            print(f"start {number}: {sample}", file=sys.stderr, flush=True)
        yield sample


def _start(server: Server, work: str) -> None:
    """Start one kernel, use it, and end it; nothing of it is left when this returns."""
    if work == "unknown image":
        launch = server.launch(image="jgc-test/there-is-none:latest")
        failed = server.reached(launch, "failed")
        assert failed["error"]["code"] == "image_not_found", failed["error"]
        return
    launch = server.launch(image=ENGINE_IMAGE)
    if work == "give up":
        server.reached(launch, "creating", "starting", "running")
    else:
        server.reached(launch, "running")
        page = server.connect(launch)
        assert page.run("print(1 + 1)") == "2"
        if work == "restart":
            assert server.restart(page, launch).run("print(1 + 1)") == "2"
        server.close_pages()
    server.cancel(launch)


def look(room: Room, pid: int) -> Sample:
    """Count what the process has, and what stands on the machine for it."""
    process = Path("/proc", str(pid))
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
    homes = room.data / "gpu_containers" / "homes"
    return Sample(
        descriptors=len(list((process / "fd").iterdir())),
        threads=int(status["Threads"]),
        memory=int(status["VmRSS"].split()[0]) * 1024,
        containers=len(room.containers()),
        folders=len([*room.run.glob("*"), *homes.glob("*")]),
    )
