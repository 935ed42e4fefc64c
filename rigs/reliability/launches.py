"""50 launches at once over 8 GPUs: who runs, who waits at which place, and how soon they know."""

from __future__ import annotations

import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import websocket

from tests.conftest import ROOT
from tests.rooms import MEMORY_IMAGE, Room
from tests.servers import PATIENCE, Server

from . import heartbeat
from .figures import Figure

GPUS, LAUNCHES = 8, 50
KNOWN_IN = 1.0  # seconds in which everybody must have a GPU or a place
BLOCKED = 0.050  # seconds for which the event loop may be blocked at most
BODY = json.dumps({"image": MEMORY_IMAGE, "gpus": 1})
EVENT = "https://events.jupyter-gpu-containers.dev/launch/v1"


@dataclass(frozen=True)
class Rush:
    """What became of many launches at once."""

    running: int
    placed: int
    in_order: bool  # the GPUs went to who asked first, and the places are in the order of asking
    known_in: float  # seconds from the first request until a page had heard of the last one's place
    step: float  # seconds of processor time that one step of the event loop took at most
    turn: float  # the same of one turn: all steps that were ready at once
    late: float  # seconds by the clock that a timer of the loop was late at most
    busy: float  # seconds of processor time that the loop took in all until everybody had a GPU
    stock: float  # seconds of processor time of the longest turn of as many stock requests at once


def measure(long: bool) -> list[Figure]:
    """Return the worst of 5 rounds, or of 20."""
    rounds = [one_round() for _ in range(20 if long else 5)]
    known = max(each.known_in for each in rounds)
    step, turn = max(each.step for each in rounds), max(each.turn for each in rounds)
    late, stock = max(each.late for each in rounds), max(each.stock for each in rounds)
    busy = max(each.busy for each in rounds)
    told = min(each.placed for each in rounds), min(each.running for each in rounds)
    waiting = LAUNCHES - GPUS
    return [
        Figure(
            f"{LAUNCHES} launches at once over {GPUS} GPUs",
            f"{told[1]} running, {told[0]} with a place that a page has after {known:.2f} s",
            f"{GPUS} running, {waiting} with a place in < {KNOWN_IN:g} s",
            told == (waiting, GPUS) and known < KNOWN_IN,
        ),
        Figure(
            "their order",
            f"that of asking in {sum(each.in_order for each in rounds)} of {len(rounds)} rounds",
            "that of asking, always",
            all(each.in_order for each in rounds),
        ),
        Figure(
            "event loop blocked meanwhile",
            f"{turn * 1e3:.0f} ms by one turn, {step * 1e3:.0f} ms of it by one step, of processor "
            f"time; a timer was {late * 1e3:.0f} ms late by the clock",
            f"one turn < {BLOCKED * 1e3:.0f} ms of processor time",
            turn < BLOCKED,
        ),
        Figure(
            "its processor time for all of that, until the last of those that got a GPU runs",
            f"{busy * 1e3:.0f} ms, {busy / LAUNCHES * 1e3:.1f} ms a launch",
            "as it is",
            True,
        ),
        Figure(
            f"event loop blocked by {LAUNCHES} GET /api/status at once, Jupyter Server's own",
            f"{stock * 1e3:.0f} ms by one turn of processor time",
            "as it is",
            True,
        ),
    ]


def one_round(gpus: int = GPUS) -> Rush:
    """Start a server of its own with so many GPUs, and ask for everything at once."""
    with tempfile.TemporaryDirectory() as facts:
        room = Room("memory", Path(facts))
        try:
            room.configure(fixed_gpus=[{"count": gpus}])
            extensions = {"ServerApp": {"jpserver_extensions": {heartbeat.__name__: True}}}
            (room.config / "jupyter_server_config.d").mkdir()
            enabled = room.config / "jupyter_server_config.d" / "heartbeat.json"
            enabled.write_text(json.dumps(extensions))
            server = Server(room, env={"PYTHONPATH": str(ROOT)})
            try:
                return rush(server, gpus)
            finally:
                _end(server)
        finally:
            room.close()


def rush(server: Server, gpus: int) -> Rush:
    """Ask for everything at once, and wait until everybody has one of the GPUs or a place."""
    warm_up(server)
    server.ask("GET", "/heartbeat")
    at_once(server, "GET", "/api/status", 200)
    stock = server.ask("GET", "/heartbeat")["turn"]
    page = server.url.replace("http", "ws") + "/api/events/subscribe"
    headers = {"Authorization": f"token {server.token}"}
    with (
        closing(websocket.create_connection(page, header=headers, timeout=PATIENCE)) as events,
        ThreadPoolExecutor(1) as reader,
    ):
        hearing = reader.submit(hear, events, LAUNCHES - gpus)
        began = time.monotonic()
        at_once(server, "POST", "/gpu-containers/launches", 202, BODY)
        known = hearing.result() - began
    beat = server.ask("GET", "/heartbeat")
    # newest first, and behind them the one of the warm-up
    launches = server.ask("GET", "/gpu-containers/launches")["launches"][LAUNCHES - 1 :: -1]
    return Rush(
        running=sum(each["phase"] == "running" for each in launches),
        placed=sum(each["queue"] is not None for each in launches),
        in_order=in_order(launches),
        known_in=known,
        step=beat["step"],
        turn=beat["turn"],
        late=beat["late"],
        busy=beat["busy"],
        stock=stock,
    )


def at_once(server: Server, method: str, path: str, status: int, body: str | None = None) -> None:
    """Make as many requests as there are launches, all of them before the first answer is read."""
    headers = {"Authorization": f"token {server.token}", "Content-Type": "application/json"}
    with ExitStack() as stack:
        connections = [
            stack.enter_context(
                closing(HTTPConnection(server.url.removeprefix("http://"), timeout=PATIENCE))
            )
            for _ in range(LAUNCHES)
        ]
        for connection in connections:
            connection.connect()
        for connection in connections:
            connection.request(method, path, body, headers)
        for connection in connections:
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == status, text


def hear(events: websocket.WebSocket, places: int) -> float:
    """Read what a page is told until all launches run or wait; return when it had the last place.

    In seconds of the monotonic clock.
    """
    now: dict[str, Any] = {}
    placed: dict[str, float] = {}
    while True:
        launch = json.loads(events.recv())
        if launch["schema_id"] != EVENT:
            continue
        now[launch["id"]] = launch
        if launch["queue"]:
            placed.setdefault(launch["id"], time.monotonic())
        done = [each for each in now.values() if each["phase"] == "running" or each["queue"]]
        if len(done) == LAUNCHES and len(placed) >= places:
            return max(placed.values())


def in_order(launches: list[Any]) -> bool:
    """Tell whether the first have GPUs, and the places of the others are as they asked."""
    has_gpu = [each["queue"] is None for each in launches]
    places = [each["queue"]["position"] for each in launches if each["queue"]]
    return has_gpu == sorted(has_gpu, reverse=True) and places == list(range(1, len(places) + 1))


def warm_up(server: Server) -> None:
    """Have the environment made, and everything imported, by one launch that is over again."""
    launch = server.launch(image=MEMORY_IMAGE, gpus=1)
    server.reached(launch, "running")
    server.cancel(launch)


def _end(server: Server) -> None:
    """End the kernels, those that wait first, so that nobody starts in between."""
    launches = server.ask("GET", "/gpu-containers/launches")["launches"]
    for launch in sorted(launches, key=lambda each: each["queue"] is None):
        server.cancel(launch["id"])
    server.terminate()
