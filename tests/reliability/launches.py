"""50 launches at once over 8 GPUs: who runs, who waits at which place, and how soon they know."""

from __future__ import annotations

import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from tests.conftest import ROOT
from tests.rooms import MEMORY_IMAGE, Room
from tests.servers import Server

from . import heartbeat
from .figures import Figure

GPUS, LAUNCHES = 8, 50
KNOWN_IN = 1.0  # seconds in which everybody must have a GPU or a place
LOOK = 0.25  # seconds between two looks, which take the server's time themselves
BLOCKED = 0.050  # seconds for which the event loop may be blocked at most


@dataclass(frozen=True)
class Rush:
    """What became of many launches at once."""

    running: int
    placed: int
    in_order: bool  # the GPUs went to who asked first, and the places are in the order of asking
    known_in: float  # seconds from asking to the last one's place
    step: float  # seconds of processor time that one step of the event loop took at most
    turn: float  # the same of one turn: all steps that were ready at once
    wall: float  # seconds by the clock that a turn took at most


def measure(long: bool) -> list[Figure]:
    """Return the worst of 5 rounds, or of 20."""
    rounds = [one_round() for _ in range(20 if long else 5)]
    worst = max(each.known_in for each in rounds)
    step, turn = max(each.step for each in rounds), max(each.turn for each in rounds)
    wall = max(each.wall for each in rounds)
    told = min(each.placed for each in rounds), min(each.running for each in rounds)
    waiting = LAUNCHES - GPUS
    return [
        Figure(
            f"{LAUNCHES} launches at once over {GPUS} GPUs",
            f"{told[1]} running, {told[0]} with a place after {worst:.2f} s",
            f"{GPUS} running, {waiting} with a place in < {KNOWN_IN:g} s",
            told == (waiting, GPUS) and worst < KNOWN_IN,
        ),
        Figure(
            "their order",
            f"that of asking in {sum(each.in_order for each in rounds)} of {len(rounds)} rounds",
            "that of asking, always",
            all(each.in_order for each in rounds),
        ),
        Figure(
            "event loop blocked by one step",
            f"{step * 1e3:.0f} ms",
            f"< {BLOCKED * 1e3:.0f} ms",
            step < BLOCKED,
        ),
        Figure(
            f"all that {LAUNCHES} requests have it do in one turn",
            f"{turn * 1e3:.0f} ms of its own time, {wall * 1e3:.0f} ms by the clock",
            "as it is",
            True,
        ),
    ]


def one_round() -> Rush:
    """Start a server of its own, and ask for everything at once."""
    with tempfile.TemporaryDirectory() as facts:
        room = Room("memory", Path(facts))
        try:
            room.configure(fixed_gpus=[{"count": GPUS}])
            extensions = {"ServerApp": {"jpserver_extensions": {heartbeat.__name__: True}}}
            (room.config / "jupyter_server_config.d").mkdir()
            enabled = room.config / "jupyter_server_config.d" / "heartbeat.json"
            enabled.write_text(json.dumps(extensions))
            server = Server(room, env={"PYTHONPATH": str(ROOT)})
            try:
                return rush(server)
            finally:
                _end(server)
        finally:
            room.close()


def rush(server: Server) -> Rush:
    """Ask for everything at once, and wait until everybody has a GPU or a place."""
    warm_up(server)
    server.ask("GET", "/heartbeat")
    with ThreadPoolExecutor(LAUNCHES) as pool:
        asked = list(pool.map(lambda _: _post(server), range(LAUNCHES)))
    first = min(asked)

    def settled() -> list[Any] | None:
        time.sleep(LOOK)
        launches = server.ask("GET", "/gpu-containers/launches")["launches"]
        done = [each for each in launches if each["phase"] == "running" or each["queue"]]
        return list(reversed(launches)) if len(done) == LAUNCHES else None

    launches = server.until(settled)
    beat = server.ask("GET", "/heartbeat")
    placed = [each for each in launches if each["queue"]]
    return Rush(
        running=sum(each["phase"] == "running" for each in launches),
        placed=len(placed),
        in_order=in_order(launches),
        known_in=max(_time(each["phases"][-1]["at"]) for each in placed) - first,
        step=beat["step"],
        turn=beat["turn"],
        wall=beat["wall"],
    )


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


def _post(server: Server) -> float:
    """Ask for a GPU; return when, in seconds since the epoch."""
    now = datetime.now().timestamp()
    answer = requests.post(
        f"{server.url}/gpu-containers/launches",
        json={"image": MEMORY_IMAGE, "gpus": 1},
        headers={"Authorization": f"token {server.token}"},
        timeout=60,
    )
    assert answer.status_code == 202, answer.text
    return now


def _time(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _end(server: Server) -> None:
    """End the kernels, those that wait first, so that nobody starts in between."""
    launches = server.ask("GET", "/gpu-containers/launches")["launches"]
    for launch in sorted(launches, key=lambda each: each["queue"] is None):
        server.cancel(launch["id"])
    server.terminate()
