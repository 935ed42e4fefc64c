"""Eight servers race for three GPUs on a real engine, and die at any moment.

The race ends after so many starts of containers and deaths of servers; JGC_RACE_STARTS makes it
longer than the usual 60, which take about 30 seconds on two cores.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import GpuRequest
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.service.kernel.claims import Claims
from tests.doubles import ROOT
from tests.engines import PrivateEngine
from tests.faults.history import Event, History
from tests.faults.race_worker import GPUS, Server

SERVERS = 8
STARTS = int(os.environ.get("JGC_RACE_STARTS", "60"))
DEATHS = STARTS // 6
TIME_LIMIT = 10.0 * STARTS  # seconds; only an engine that hangs takes as long


def event(time: int, action: str, container: str, *gpus: str) -> Event:
    return Event(time, action, container, frozenset(gpus))


def test_history_finds_doubles_and_orphans() -> None:
    history = History.read(
        [
            event(1, "create", "a", "G1", "G2"),
            event(2, "start", "a", "G1", "G2"),
            event(3, "create", "b", "G2"),
            event(4, "start", "b", "G2"),
            event(5, "die", "a", "G1", "G2"),
            event(6, "destroy", "a", "G1", "G2"),
        ]
    )
    assert history == History(2, ["G2: b started while a ran"], {"b"})


def test_history_accepts_one_after_the_other() -> None:
    history = History.read(
        [
            event(5, "start", "b", "G1"),
            event(1, "create", "a", "G1"),
            event(2, "start", "a", "G1"),
            event(3, "die", "a", "G1"),
            event(4, "create", "b", "G1"),
            event(6, "start", "c", "G2"),
            event(7, "destroy", "b", "G1"),
            event(8, "destroy", "a", "G1"),
        ]
    )
    assert history == History(3, [], set())


@pytest.fixture(scope="module")
def engine(images: SimpleNamespace, engine_host: str) -> Iterator[PrivateEngine]:
    engine = PrivateEngine()
    try:
        engine.start()
        engine.load(images.debian12, source=engine_host)
        yield engine
    finally:
        engine.remove()


class Recorder:
    """Follows the engine's events in a thread of its own."""

    def __init__(self, engine: PrivateEngine) -> None:
        self._client = engine.client()
        self._rows = self._client.events(decode=True, filters={"type": "container"})
        self.events: list[Event] = []
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def _follow(self) -> None:
        for row in self._rows:
            recorded = Event.parse(row)
            self.events.append(recorded)
            if recorded.action == "destroy" and not recorded.gpus:
                return  # the mark that `finish` leaves

    def finish(self, image: str) -> History:
        """Return the history so far: a mark in the log shows that nothing is still under way."""
        mark = self._client.containers.create(image, ["true"])
        mark.remove()
        self._thread.join()
        return History.read(self.events)

    def close(self) -> None:
        """End the stream, and with it the thread."""
        self._rows.close()
        self._thread.join()
        self._client.close()


class Race:
    """Keeps `SERVERS` processes running, replaces the ones that die, and kills some itself."""

    def __init__(self, engine: PrivateEngine, image: str, order: str) -> None:
        self._arguments = [engine.host, image, order]
        self._random = random.Random(order)
        self._servers: list[subprocess.Popen[bytes]] = []
        self.deaths = 0

    def run(self, recorder: Recorder, *, until_first_double: bool) -> None:
        """Race until enough has happened."""
        deadline = time.monotonic() + TIME_LIMIT
        self._servers = [self._new() for _ in range(SERVERS)]
        try:
            while not self._is_over(History.read(list(recorder.events)), until_first_double):
                assert time.monotonic() < deadline, "the race does not come to its end"
                time.sleep(0.1)  # the beat at which victims are chosen and the dead replaced
                if self._random.random() < 0.03:
                    self._random.choice(self._servers).kill()
                for place, server in enumerate(self._servers):
                    if server.poll() is not None:
                        assert server.returncode == -9, "a server failed instead of dying"
                        self.deaths += 1
                        self._close(server)
                        self._servers[place] = self._new()
        finally:
            for server in self._servers:
                self._close(server)
            for server in self._servers:
                assert server.wait(timeout=60) in (0, -9)

    def _is_over(self, history: History, until_first_double: bool) -> bool:
        if until_first_double and history.doubles:
            return True
        return history.starts >= STARTS and self.deaths >= DEATHS

    def _new(self) -> subprocess.Popen[bytes]:
        seed = str(self._random.random())
        command = [sys.executable, "-m", "tests.faults.race_worker", *self._arguments, seed]
        return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE)

    @staticmethod
    def _close(server: subprocess.Popen[bytes]) -> None:
        assert server.stdin
        server.stdin.close()


async def recovered(engine: PrivateEngine, server: Server) -> tuple[int, int]:
    """Recover once after everybody is dead: containers left then, and GPUs to be had at once."""
    backend = DockerBackend(engine.host)
    claims = Claims(backend, FixedInventory(GPUS))
    await claims.reconcile()
    left = len(await backend.containers(labels.VERSION))
    claim = await claims.claim(GpuRequest(3), server.spec)
    await claims.release(claim.container_id)
    backend.close()
    return left, len(claim.gpus)


def race(
    engine: PrivateEngine, reference: str, order: str, *, until_first_double: bool = False
) -> History:
    client = engine.client()
    image = client.images.get(reference).id
    client.close()
    recorder = Recorder(engine)
    contest = Race(engine, image, order)
    try:
        contest.run(recorder, until_first_double=until_first_double)
        left, gpus = asyncio.run(recovered(engine, Server(engine.host, image, random.Random(0))))
        history = recorder.finish(image)
    finally:
        recorder.close()
    print(f"{order}: {history.starts} starts, {contest.deaths} deaths, {history.doubles}")
    assert left == 0, "orphans after recovery"
    assert gpus == 3, "a GPU is lost"
    return history


@pytest.mark.engine
@pytest.mark.root
def test_no_gpu_is_given_twice(engine: PrivateEngine, images: SimpleNamespace) -> None:
    history = race(engine, images.debian12, "protocol")
    assert history.doubles == []
    assert history.never_removed == set()


@pytest.mark.engine
@pytest.mark.root
def test_the_rig_shows_doubles(engine: PrivateEngine, images: SimpleNamespace) -> None:
    """The obvious order fails on the same rig, so the test above could have failed."""
    assert race(engine, images.debian12, "naive", until_first_double=True).doubles
