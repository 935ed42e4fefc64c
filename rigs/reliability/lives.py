"""The lives of a Jupyter server that is killed again and again, and what each left to the next."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import requests
import websocket

from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.service.recovery.crashpoints import SIGKILL_EXIT, VARIABLE
from tests.conftest import ROOT
from tests.doubles.engine import HookEngine
from tests.rooms import ENGINE_IMAGE, Room
from tests.servers import Server

from . import crasher

SETTLED_IN = 20.0  # seconds after which what is still there counts as left behind
DIED = (AssertionError, OSError, requests.RequestException, websocket.WebSocketException)
RECORDS = "kernels"  # folder of `gpu_containers`


class Fate(Enum):
    """What became of a kernel whose server died."""

    RUNS = "runs"
    STARTS = "starts"  # it waited for a GPU, and the next server goes on with it
    OVER = "over"


@dataclass
class Start:
    """A kernel that was asked for, as far as its page knows."""

    kernel_id: str
    answered: bool = False  # a cell has run
    ended: bool = False  # its end was asked for, or is of our making


@dataclass
class Tally:
    """What became of all kernels."""

    starts: int = 0
    deaths: int = 0
    at_random: int = 0  # of them
    reached: set[str] = field(default_factory=set)  # points
    taken_over: int = 0
    resumed: int = 0  # launches that the next server went on with
    removed: Counter[str] = field(default_factory=Counter)  # by the reason that its launch gave
    finished: int = 0  # ended on request, as far as the next server knew
    unheard: int = 0  # the server died before it had accepted the request
    wrong: list[str] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)  # of each recovery


@dataclass(frozen=True)
class Census:
    """What stands on the machine for kernels, by their ids."""

    containers: frozenset[str] = frozenset()
    run_dirs: frozenset[str] = frozenset()
    homes: frozenset[str] = frozenset()
    records: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()  # files that belong to no kernel that runs

    def left_beside(
        self, running: frozenset[str], starting: frozenset[str] = frozenset()
    ) -> set[str]:
        """Return what stands for no kernel that runs, and what is missing for one that does."""
        kinds = {
            "container": self.containers,
            "run directory": self.run_dirs,
            "home": self.homes,
            "record": self.records,
        }
        found = {f"file {name}" for name in self.others}
        for kind, ids in kinds.items():
            found |= {f"{kind} of {kernel_id}" for kernel_id in ids - running - starting}
            found |= {f"no {kind} of {kernel_id}" for kernel_id in running - ids}
        return found


class Lives:
    """One room on a private engine, in which one server lives after the other."""

    def __init__(self, room: Room, engine: HookEngine) -> None:
        self.room, self.engine = room, engine
        self.tally = Tally()
        self.starts: dict[str, Start] = {}  # of kernels that may still be there
        self._folder = room.data / "gpu_containers"
        self._environments: list[str] = []  # names: without a GPU, with one
        self.server: Server | None = None  # the latest
        self.heard = threading.Event()  # the server that lives has accepted a start
        enabled = {"ServerApp": {"jpserver_extensions": {crasher.__name__: True}}}
        (room.config / "jupyter_server_config.d").mkdir()
        path = room.config / "jupyter_server_config.d" / "crasher.json"
        path.write_text(json.dumps(enabled))

    # --- lives --------------------------------------------------------------------------------

    def begin(self, crash: str = "") -> Server:
        """Start the next server; with a point, one that dies when it reaches that."""
        env = {"PYTHONPATH": str(ROOT), **({VARIABLE: crash} if crash else {})}
        self.heard.clear()
        self.server = server = Server(self.room, env=env)
        if not self._environments:
            for gpus in (0, 1):
                body = {"image": ENGINE_IMAGE, "gpus": gpus}
                made = server.ask("POST", "/gpu-containers/environments", body)
                self._environments.append(made["name"])
        return server

    def die_in_recovery(self, point: str) -> None:
        """Start a server that dies while it takes over what the last one left."""
        try:
            server = self.begin(point)
        except DIED:  # before it had answered anything
            self.tally.deaths += 1
            self.tally.reached.add(point.partition(":")[0])
            return
        self.bury(server, point)

    def arm(self, server: Server, point: str) -> None:
        """Let the server die when it reaches a point from now on."""
        server.ask("PUT", "/crash", {"point": point})

    def bury(self, server: Server, point: str = "") -> None:
        """Wait for a server's death; one that did not reach its point is killed."""
        if point:
            deadline = time.monotonic() + SETTLED_IN
            while server.process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            if server.process.poll() == SIGKILL_EXIT:
                self.tally.reached.add(point.partition(":")[0])
            else:
                self.tally.wrong.append(f"{point} was not reached")
        server.kill()
        self.tally.deaths += 1

    # --- kernels ------------------------------------------------------------------------------

    def start(self, server: Server, number: int, *, end: bool = False) -> None:
        """Start a kernel as a page does, and run a cell; returns when the server died, too.

        Every second one has a GPU; every second pair is started by Jupyter itself.
        """
        self.tally.starts += 1
        name = self._environments[number % 2]
        try:
            if number % 4 < 2:
                kernel_id = server.launch(environment=name)
            else:
                kernel_id = server.session(name, f"n{number}.ipynb")["kernel"]["id"]
        except DIED as exc:
            _blame_death(server, exc)
            self.tally.unheard += 1
            return
        start = self.starts[kernel_id] = Start(kernel_id)
        self.heard.set()
        try:
            launch = server.reached(kernel_id, "running", "failed", "cancelled")
            if launch["phase"] != "running":
                self.tally.wrong.append(f"did not start: {launch['error']}")
                start.ended = True
                return
            server.connect(kernel_id).run(f"x = {kernel_id!r}")
            start.answered = True
        except DIED as exc:
            _blame_death(server, exc)
            return
        if end:
            self.end(server, start)

    def end(self, server: Server, start: Start) -> None:
        """Shut a kernel down; returns when the server died, too."""
        start.ended = True
        try:
            server.cancel(start.kernel_id)
            self.starts.pop(start.kernel_id)
        except DIED as exc:
            _blame_death(server, exc)

    def kill_container(self, start: Start) -> None:
        """End a kernel while no server is there."""
        start.ended = True
        with closing(self.engine.client()) as client:
            label = f"{labels.KERNEL}={start.kernel_id}"
            for container in client.containers.list(filters={"label": label}):
                container.kill()

    def forget_record(self, start: Start) -> None:
        """Lose what was written down of a kernel."""
        (self._folder / RECORDS / f"{start.kernel_id}.json").unlink()

    # --- what a life left ---------------------------------------------------------------------

    def recovered(self, server: Server) -> None:
        """Wait until every kernel of the former life is settled, and hold that against the goal."""
        loaded = server.ask("GET", "/crash")["loaded"]
        former = list(self.starts.values())
        with ThreadPoolExecutor(8) as pool:
            fates = list(pool.map(lambda start: self._fate(server, start), former))
        by_fate = {
            fate: frozenset(s.kernel_id for s, f in zip(former, fates, strict=True) if f is fate)
            for fate in Fate
        }
        while left := self.census().left_beside(by_fate[Fate.RUNS], by_fate[Fate.STARTS]):
            if time.time() > loaded + SETTLED_IN:
                self.tally.left |= left
                break
            time.sleep(0.05)
        self.tally.seconds.append(time.time() - loaded)
        for kernel_id in by_fate[Fate.STARTS]:  # a new start, however long it takes
            server.reached(kernel_id, "running")
            self.tally.resumed += 1
        self.starts = {s.kernel_id: s for s in former if s.kernel_id not in by_fate[Fate.OVER]}
        server.close_pages()

    def _fate(self, server: Server, start: Start) -> Fate:
        """Note what became of a kernel."""
        tally, name = self.tally, f"kernel {start.kernel_id}"
        found = server.request("GET", f"/gpu-containers/launches/{start.kernel_id}")
        if found.status_code == 404:
            if start.ended:
                tally.finished += 1
            else:
                tally.wrong.append(f"{name}: its launch is not known any more")
            return Fate.OVER
        launch = found.json()
        if launch["phase"] not in ("running", "failed", "cancelled"):
            return Fate.STARTS
        if launch["phase"] == "running":
            try:
                said = server.connect(start.kernel_id).run("print(globals().get('x'))")
            except DIED:
                launch = server.reached(start.kernel_id, "failed", "cancelled")
            else:
                if start.answered and said != start.kernel_id:
                    tally.wrong.append(f"{name}: lost its variables: {said}")
                tally.taken_over += launch["recovered"]
                tally.resumed += not launch["recovered"]
                return Fate.RUNS
        if start.answered and not start.ended:
            tally.wrong.append(f"{name}: was lost: {launch['error']}")
        elif launch["error"]:
            tally.removed[launch["error"]["code"]] += 1
        elif launch["phase"] == "cancelled":
            tally.finished += 1
        else:
            tally.wrong.append(f"{name}: its launch gives no reason")
        return Fate.OVER

    def census(self) -> Census:
        """Look at what stands."""
        with closing(self.engine.client()) as client:
            rows = client.api.containers(all=True)
        return Census(
            containers=frozenset(row["Labels"].get(labels.KERNEL, row["Id"]) for row in rows),
            run_dirs=frozenset(map(_kernel_of, self.room.run.glob("*"))),
            homes=frozenset(map(_kernel_of, (self._folder / "homes").glob("*"))),
            records=frozenset(p.stem for p in (self._folder / RECORDS).glob("*.json")),
            others=frozenset(
                str(path.relative_to(self._folder))
                for path in (*self._folder.glob("*"), *self._folder.glob("[!h]*/*"))
                if path.name.startswith(".") or path.suffix == ".draft"
            ),
        )

    def engine_lists(self) -> dict[str, Any]:
        """Return all that the engine has, but for its images."""
        with closing(self.engine.client()) as client:
            return {
                "containers": sorted(row["Id"] for row in client.api.containers(all=True)),
                "networks": sorted(row["Id"] for row in client.api.networks()),
                "volumes": sorted(row["Name"] for row in client.api.volumes()["Volumes"] or ()),
            }


def _blame_death(server: Server, exc: Exception) -> None:
    """Raise what failed, unless it was the server's death."""
    deadline = time.monotonic() + 5
    while server.process.poll() is None:
        if time.monotonic() > deadline:
            raise exc
        time.sleep(0.02)


def _kernel_of(folder: Path) -> str:
    """Return the id of the kernel that a folder was made for; its name where it does not say."""
    try:
        return (folder / "owner").read_text().split("\n")[1]
    except (OSError, IndexError):
        return folder.name
