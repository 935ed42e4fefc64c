"""Eight servers race for three GPUs on a real engine, one of them shared, and die at any moment.

The rig of `test_race.py` and of the published figure (``python -m rigs.reliability races``).
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess

from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import GpuRequest
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.service.kernel.claims import Claims
from tests.engines import PrivateEngine

from .history import Event, History
from .race_worker import GPUS, SHARED, SLOTS, main, spec_for

SERVERS = 8
PER_WIN = 10.0  # seconds; only an engine that hangs takes as long
# they are forked from a process that has imported what they import
FORKS = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Race:
    """What came of a race, and what was left of it after recovery."""

    history: History
    deaths: int
    left: int  # containers after one reconciliation
    seats: int  # holders that all GPUs could have at once, afterwards


@contextmanager
def private_engine(image: str, *, source: str) -> Iterator[PrivateEngine]:
    """Have an engine of one's own with an image from another one, named by its DOCKER_HOST."""
    engine = PrivateEngine()
    try:
        engine.begin_with(image, source=source)
        engine.start()
        yield engine
    finally:
        engine.remove()


def race(
    engine: PrivateEngine,
    image: str,
    order: str,
    *,
    wins: int,
    until_first_double: bool = False,
    seed: str = "",
) -> Race:
    """Race until so many claims were won and a tenth as many servers have died; then recover.

    Parameters
    ----------
    engine : PrivateEngine
    image : str
        Name of an image with `sleep`.
    order : {"protocol", "naive"}
        The product's way to claim, or the obvious one.
    wins : int
    until_first_double : bool
        Whether the first GPU that is given twice ends the race, too.
    seed : str
        Of what is at random.
    """
    with closing(engine.client()) as client:
        image_id = str(client.images.get(image).id)
    recorder = Recorder(engine)
    contest = Contest([engine.host, image_id, order], seed)
    try:
        contest.run(recorder, wins, until_first_double=until_first_double)
        left, seats = asyncio.run(recovered(engine.host, image_id))
        history = recorder.finish(image_id)
    finally:
        recorder.close()
    return Race(history, contest.deaths, left, seats)


class Recorder:
    """Follows the engine's events in a thread of its own."""

    def __init__(self, engine: PrivateEngine) -> None:
        self._client = engine.client()
        self._rows = self._client.events(decode=True, filters={"type": "container"})
        self.events: list[Event] = []
        self.won: set[str] = set()
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def _follow(self) -> None:
        for row in self._rows:
            recorded = Event.parse(row)
            self.events.append(recorded)
            if recorded.action == "start":
                self.won.add(recorded.container)
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


class Contest:
    """Keeps `SERVERS` processes running, replaces the ones that die, and kills some itself."""

    def __init__(self, arguments: list[str], seed: str) -> None:
        self._arguments = arguments
        self._random = random.Random(arguments[-1] + seed)
        self._servers: list[tuple[ForkServerProcess, Connection]] = []
        self.deaths = 0

    def run(self, recorder: Recorder, wins: int, *, until_first_double: bool) -> None:
        """Race until enough has happened."""
        deadline = time.monotonic() + PER_WIN * wins
        FORKS.set_forkserver_preload([main.__module__])
        self._servers = [self._new() for _ in range(SERVERS)]
        try:
            while len(recorder.won) < wins or self.deaths < wins // 10:
                if until_first_double and History.read(list(recorder.events)).doubles:
                    break
                assert time.monotonic() < deadline, "the race does not come to its end"
                time.sleep(0.1)  # the beat at which victims are chosen and the dead replaced
                if self._random.random() < 0.03:
                    self._random.choice(self._servers)[0].kill()
                for place, (server, life) in enumerate(self._servers):
                    if not server.is_alive():
                        assert server.exitcode == -9, "a server failed instead of dying"
                        self.deaths += 1
                        life.close()
                        self._servers[place] = self._new()
        finally:
            for _, life in self._servers:
                life.close()
            for server, _ in self._servers:
                server.join(timeout=60)
                assert server.exitcode in (0, -9)

    def _new(self) -> tuple[ForkServerProcess, Connection]:
        """Begin a server; it ends in order when the connection is closed."""
        seed = str(self._random.random())
        theirs, life = FORKS.Pipe(duplex=False)
        with theirs:
            server = FORKS.Process(target=main, args=(*self._arguments, seed, theirs))
            server.start()
        return server, life


async def recovered(host: str, image: str) -> tuple[int, int]:
    """Recover once after everybody is dead: containers left then, and seats to be had at once."""
    backend = DockerBackend(host)
    claims = Claims(backend, FixedInventory(GPUS), slots=SLOTS)
    await claims.reconcile()
    left = len(await backend.containers(labels.VERSION))
    won = [
        await claims.claim(request, spec_for(image))
        for request in (GpuRequest(3), GpuRequest(uuids=(SHARED,)))
    ]
    for claim in won:
        await claims.release(claim.container_id)
    backend.close()
    return left, sum(len(claim.gpus) for claim in won)
