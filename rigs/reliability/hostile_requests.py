"""100,000 requests that no good client sends: no 5xx, no traceback, no change by a stranger."""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tests.conftest import ROOT
from tests.rooms import MEMORY_IMAGE, Room
from tests.servers import Server

from . import hostile_state
from .figures import Figure
from .hostile_answers import SHOWN, UNREACHABLE, Tally, judge
from .hostile_corpus import corpus
from .hostile_generated import Schemathesis
from .hostile_strangers import Credentials, disguise, effective
from .hostile_targets import PREFIX
from .raw_http import Connection, Headers, Request

CONNECTIONS = 8
AT_A_TIME = 100  # requests that are made before they are sent
SWEEP = 2000  # requests of somebody who may, after which what they started is ended
FINAL = ("failed", "cancelled")
TOLD = 30.0  # seconds between two lines of progress
ENTRY = re.compile(r"^(?=\[[DIWEC] )", re.M)  # where an entry of the server's log begins
TROUBLE = re.compile(r"\A\[[EC] |Traceback \(most recent call last\)|--- Logging error ---")


@dataclass(frozen=True)
class Scale:
    """How many requests there are."""

    strangers: int  # without authorisation
    malformed: int  # authorised, but not what the contract allows
    valid: int  # what it allows, in between; beyond those that are counted


QUICK, LONG = Scale(1500, 2500, 200), Scale(40_000, 60_000, 4000)


@dataclass(frozen=True)
class Siege:
    """What came of all of it."""

    tally: Tally
    changes: list[str]  # by people who may not
    trouble: list[str]  # lines of the server's log
    works: bool  # a kernel can be started and used when it is over


def measure(long: bool) -> list[Figure]:
    """Send a few thousand requests, or 100,000, to a server on the memory backend."""
    scale = LONG if long else QUICK
    return figures(besiege(scale, seed=1), scale)


def besiege(
    scale: Scale, *, seed: int, generated: bool = True, extension: str | None = None
) -> Siege:
    """Start a server of its own, and lay siege to it.

    Parameters
    ----------
    scale : Scale
    seed : int
    generated : bool
        Whether requests are made of the contract, too.
    extension : str, optional
        Module of one more extension of the server.
    """
    with tempfile.TemporaryDirectory() as facts:
        room = Room("memory", Path(facts))
        try:
            # the limit is for kernels that are started by chance
            room.configure(fixed_gpus=[{"count": 2}], max_kernels_per_user=8)
            if extension is not None:
                enabled = {"ServerApp": {"jpserver_extensions": {extension: True}}}
                (room.config / "jupyter_server_config.d").mkdir()
                file = room.config / "jupyter_server_config.d" / "more.json"
                file.write_text(json.dumps(enabled))
            env = {"DOCKER_CONFIG": str(room.home / "docker"), "PYTHONPATH": str(ROOT)}
            server = Server(room, env=env)
            try:
                if not generated:
                    return _lay_siege(room, server, Generated(), scale, seed)
                with Schemathesis() as made:
                    return _lay_siege(room, server, Generated.of(made, scale, seed), scale, seed)
            finally:
                server.terminate()
        finally:
            room.close()


def figures(siege: Siege, scale: Scale) -> list[Figure]:
    """Return what has to be 0, and what was sent and answered."""
    tally = siege.tally
    asked = scale.strangers + scale.malformed

    def none(name: str, count: int) -> Figure:
        return Figure(name, str(count), "0", count == 0)

    statuses = ", ".join(
        f"{count} × {status or 'connection closed'}"
        for status, count in sorted(tally.statuses.items())
    )
    sent = sum(tally.sent.values())
    generated = sum(n for kind, n in tally.sent.items() if kind.startswith("generated"))
    seconds, kind = tally.slowest
    return [
        Figure(
            "hostile requests",
            f"{asked}, {scale.strangers} of them without authorisation "
            f"(and {sent - asked} valid ones in between); {generated} made of openapi.yaml",
            f"{asked}",
            sent >= asked,
        ),
        none("answers of 5xx", tally.problems["5xx"]),
        Figure(
            "answers 503 of an image whose registry the demonstration does not reach",
            f"{tally.unreachable}, each with the code {UNREACHABLE}",
            "as the contract has it",
            True,
        ),
        none("requests without an answer", tally.problems["no answer"]),
        none("tracebacks and errors in the server's log", len(siege.trouble)),
        none("changes by requests without authorisation", len(siege.changes)),
        none("answers that tell them something", tally.problems["told a stranger"]),
        none("answers that are not as openapi.yaml has them", tally.problems["contract"]),
        Figure(
            "a kernel starts and computes when it is over",
            "yes" if siege.works else "no",
            "yes",
            siege.works,
        ),
        Figure("answers", statuses, "as it is", True),
        Figure("slowest answer", f"{seconds:.2f} s ({kind})", "as it is", True),
    ]


def _lay_siege(room: Room, server: Server, generated: Generated, scale: Scale, seed: int) -> Siege:
    """Send strangers' requests, then malformed ones, then see whether the server is well."""
    there = furnish(room, server)
    owner = Credentials.of(server)
    tally = Tally()
    before = hostile_state.settled(room, server)
    asyncio.run(_send(server, _strangers(scale, generated, owner, there, seed), tally, ()))
    changes = hostile_state.differences(before, hostile_state.settled(room, server))
    for line in changes[:SHOWN]:
        print(f"changed: {line}", file=sys.stderr)
    requests = _insiders(scale, generated, seed)
    while part := list(islice(requests, SWEEP)):
        asyncio.run(_send(server, iter(part), tally, owner.headers()))
        _sweep(server, keep={there["launches id"], there["jobs id"]})
        print(f"{sum(tally.sent.values())} requests, {dict(tally.problems)}", file=sys.stderr)
    works = _works(server)
    _sweep(server, keep=set())
    trouble = log_trouble(server.log.read_text(errors="replace"))
    for text in trouble[:SHOWN]:
        print(f"log: {text[:300]} … {text[-1500:]}", file=sys.stderr)
    return Siege(tally, changes, trouble, works)


def furnish(room: Room, server: Server) -> dict[str, str]:
    """Have one of everything, so that there is something to change; return names by slot."""
    (room.workspace / "n.ipynb").write_text("{}")
    image = "mine/image:1"
    server.ask("POST", f"{PREFIX}/images", {"source": MEMORY_IMAGE, "reference": image})
    environment = {"image": MEMORY_IMAGE, "name": "kept", "gpus": 1}
    server.ask("POST", f"{PREFIX}/environments", environment)
    login = {"username": "ada", "secret": "a secret of ada's"}
    server.ask("POST", f"{PREFIX}/registries/quay.io/login", login)
    running = server.launch(image=MEMORY_IMAGE, gpus=2)
    server.reached(running, "running")
    waiting = server.launch(environment="kept")
    server.reached(waiting, "waiting")
    dockerfile = f"FROM {MEMORY_IMAGE}\nRUN sleep infinity"
    build = {"kind": "build", "reference": "mine/endless:1", "build": {"dockerfile": dockerfile}}
    job = server.ask("POST", f"{PREFIX}/jobs", build)["id"]
    server.until(lambda: "sleep" in str(server.ask("GET", f"{PREFIX}/jobs/{job}")["steps"]))
    return {
        "images reference": image,
        "registries host": "quay.io",
        "jobs id": job,
        "environments name": "kept",
        "launches id": running,
    }


def log_trouble(text: str) -> list[str]:
    """Return the log's entries that are errors or have a traceback."""
    return [entry for entry in ENTRY.split(text) if TROUBLE.search(entry)]


# --- what is sent -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Generated:
    """What is made of the contract, while other requests are sent."""

    strangers: Iterator[Request] = field(default_factory=lambda: iter(()))
    malformed: Iterator[Request] = field(default_factory=lambda: iter(()))
    valid: Iterator[Request] = field(default_factory=lambda: iter(()))

    @classmethod
    def of(cls, made: Schemathesis, scale: Scale, seed: int) -> Generated:
        """Begin to make them."""
        strangers = made.requests("valid", scale.strangers // 8, seed)
        valid = made.requests("valid", scale.valid, seed + 2)  # few, so they do not keep others
        return cls(strangers, made.requests("malformed", scale.malformed // 3, seed + 1), valid)


def _strangers(
    scale: Scale, generated: Generated, owner: Credentials, there: dict[str, str], seed: int
) -> Iterator[Request]:
    rng = random.Random(seed)
    sources = (effective(seed, there), corpus(seed), generated.strangers)
    for request in islice(_in_turn(*sources), scale.strangers):
        yield disguise(rng, request, owner)


def _insiders(scale: Scale, generated: Generated, seed: int) -> Iterator[Request]:
    malformed = _in_turn(corpus(seed + 1), generated.malformed)
    every = max(1, scale.malformed // max(1, scale.valid))
    for number, request in enumerate(islice(malformed, scale.malformed)):
        yield request
        if number % every == 0:
            yield from islice(generated.valid, 1)


def _in_turn(*sources: Iterator[Request]) -> Iterator[Request]:
    """Yield of each source in turn, of those that last, to the end of the last one."""
    left = list(sources)
    while left:
        for source in tuple(left):
            request = next(source, None)
            if request is None:
                left.remove(source)
            else:
                yield request


async def _send(
    server: Server, requests: Iterator[Request], tally: Tally, authorisation: Headers
) -> None:
    """Send everything over several connections, and judge the answers."""
    port = int(server.url.rpartition(":")[2])
    queue: asyncio.Queue[Request | None] = asyncio.Queue(AT_A_TIME)

    async def feed() -> None:
        # in a thread: Schemathesis's requests are awaited
        while part := await asyncio.to_thread(lambda: list(islice(requests, AT_A_TIME))):
            for request in part:
                await queue.put(request)
        for _ in range(CONNECTIONS):
            await queue.put(None)

    async def work() -> None:
        connection = Connection(port)
        while (request := await queue.get()) is not None:
            begun = time.monotonic()
            try:
                response = await connection.ask(request, authorisation)
            except TimeoutError:
                tally.problem("no answer", request, f"none after {time.monotonic() - begun:.0f} s")
                await connection.close()
                continue
            tally.slowest = max(tally.slowest, (time.monotonic() - begun, request.kind))
            judge(tally, request, response, authorised=bool(authorisation))
        await connection.close()

    told = asyncio.create_task(_tell(tally))
    try:
        await asyncio.gather(feed(), *(work() for _ in range(CONNECTIONS)))
    finally:
        told.cancel()


async def _tell(tally: Tally) -> None:
    while True:
        await asyncio.sleep(TOLD)  # the beat of the progress
        print(f"{sum(tally.sent.values())} requests, {dict(tally.problems)}", file=sys.stderr)


# --- before and after ---------------------------------------------------------------------------


def _sweep(server: Server, *, keep: set[str]) -> None:
    """End what requests of the owner began by chance; a place in the queue goes first."""
    launches = server.ask("GET", f"{PREFIX}/launches")["launches"]
    jobs = server.ask("GET", f"{PREFIX}/jobs")["jobs"]
    launches.sort(key=lambda row: row["queue"] is None)
    begun = [("launches", row["id"]) for row in launches if row["phase"] not in FINAL]
    begun += [("jobs", row["id"]) for row in jobs if not row["ended"]]
    for kind, name in begun:
        if name not in keep:
            # one that has ended meanwhile may be forgotten already: so many came after it
            status = server.request("DELETE", f"{PREFIX}/{kind}/{name}").status_code
            assert status in (200, 204, 404), status


def _works(server: Server) -> bool:
    launch = server.launch(image=MEMORY_IMAGE)
    server.reached(launch, "running")
    answer = server.connect(launch).run("print(6 * 7)")
    server.close_pages()
    return answer == "42"
