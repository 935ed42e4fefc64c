"""``events``: what happens in running servers, as their event buses tell it, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from jupyter_gpu_containers.errors import UnavailableError
from jupyter_gpu_containers.model.size import format_bytes, format_memory
from jupyter_gpu_containers.service.services import Services
from jupyter_gpu_containers.web.events import (
    CHANGED_EVENT,
    GPU_LOAD_EVENT,
    JOB_EVENT,
    LAUNCH_EVENT,
)
from jupyter_gpu_containers.web.serializers import time_text

from .launches import called, progress_text
from .outcome import Outcome
from .rest import Server, ask_all, running_servers
from .tables import Style, plain

Json = dict[str, Any]
Show = Callable[[Server, str, Json], None]
KINDS = {
    LAUNCH_EVENT: "launch",
    JOB_EVENT: "job",
    CHANGED_EVENT: "changed",
    GPU_LOAD_EVENT: "gpu-load",
}
SCHEMA = "schema_id"  # the field in which Jupyter Server says what an event is
SCAN = 1.0  # seconds between two looks for servers that have come, or come back
PING = 20.0  # seconds after which a silent connection is tried
CONNECT = 10.0  # seconds
_COLOURS = {"failed": "bad", "running": "good", "succeeded": "good", "cancelled": "dim"}


def add_events_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``events`` takes."""
    parser.add_argument(
        "--kind",
        action="append",
        choices=list(KINDS.values()),
        help="only these; may be given several times. gpu-load comes while a page shows GPUs",
    )


async def events(services: Services, arguments: Any) -> Outcome:
    """``events``: a line each; with ``--json`` an object a line, its data by the event's schema."""
    servers = await asyncio.to_thread(running_servers, arguments.server)
    asked = await ask_all(servers, "status")
    show = _printer(set(arguments.kind or KINDS.values()), as_json=arguments.json)
    await Follower(arguments.server, show).run([server for server, _ in asked])
    raise AssertionError("it follows for ever")


class Follower:
    """Listens to servers, also to those that come later, and to those that come back.

    Parameters
    ----------
    address : str, optional
        Of the only server, see `running_servers`.
    show : callable
        Gets server, kind and data of each event.
    """

    def __init__(self, address: str | None, show: Show) -> None:
        self._address = address
        self._show = show
        self._said: dict[str, str] = {}  # by address: what was said last of the connection

    async def run(self, servers: Iterable[Server]) -> None:
        """Listen until cancelled."""
        listening: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                for server in servers:
                    if server.url not in listening:
                        listening[server.url] = asyncio.create_task(self._listen(server))
                await asyncio.sleep(SCAN)
                ended = [url for url, task in listening.items() if task.done()]
                for url in ended:
                    await listening.pop(url)  # raises what nobody foresaw, and a closed pipe
                servers = await asyncio.to_thread(self._running)
        finally:
            for task in listening.values():
                task.cancel()
            await asyncio.gather(*listening.values(), return_exceptions=True)

    def _running(self) -> list[Server]:
        try:
            return running_servers(self._address)
        except UnavailableError:  # none just now
            return []

    async def _listen(self, server: Server) -> None:
        """Show events of one connection until it ends."""
        from tornado.httpclient import HTTPClientError, HTTPRequest
        from tornado.websocket import websocket_connect

        request = HTTPRequest(
            f"ws{server.url.removeprefix('http')}api/events/subscribe",
            headers=server.headers,
            connect_timeout=CONNECT,
        )
        try:
            connection = await websocket_connect(request, ping_interval=PING, ping_timeout=PING)
        except HTTPClientError as exc:
            known = "does not let us in" if exc.code in (401, 403) else f"answers {exc.code}"
            self._say(server, f"The server at {server.url} {known}.")
            return
        except (OSError, asyncio.TimeoutError):  # it is about to come
            self._say(server, f"The server at {server.url} does not answer.")
            return
        missed = "; what happened meanwhile was not seen" if self._said else ""
        self._say(server, f"Following {server.url}{missed}.")
        try:
            while (message := await connection.read_message()) is not None:
                event = _read(message)
                if event is not None:
                    self._show(server, *event)
        finally:
            connection.close()
        self._say(server, f"The server at {server.url} is away; waiting for it.")

    def _say(self, server: Server, text: str) -> None:
        if self._said.get(server.url) != text:
            self._said[server.url] = text
            print(f"note: {text}", file=sys.stderr, flush=True)


def _read(message: str | bytes) -> tuple[str, Json] | None:
    """Return kind and data of an event of ours; None for others, which may be anything."""
    try:
        data = json.loads(message)
        kind = KINDS.get(data.pop(SCHEMA))
    except (ValueError, AttributeError, KeyError, TypeError):
        return None
    return None if kind is None else (kind, data)


def _printer(kinds: set[str], *, as_json: bool) -> Show:
    """Return what writes each event once: of a job what can be seen, not every byte."""
    last: dict[str, str] = {}
    style = Style.of(sys.stdout)

    def show(server: Server, kind: str, data: Json) -> None:
        if kind not in kinds:
            return
        at = time_text(time.time())
        if as_json:
            model = {"at": at, "event": kind, "server": server.url, "data": data}
            print(json.dumps(model, ensure_ascii=False), flush=True)
            return
        words = plain(event_text(kind, data))
        which = f"{server.url} {kind} {data.get('id', '')}"
        if kind in ("launch", "job"):
            if last.get(which) == words:
                return
            last[which] = words
        state = str(data.get("phase") or data.get("state") or "")
        if state in _COLOURS:
            words = style.paint(words, _COLOURS[state])
        print(f"{style.paint(at, 'dim')}  {kind:<8}  {words}", flush=True)

    return show


def event_text(kind: str, data: Json) -> str:
    """Return an event in a line for people."""
    try:
        return _TEXTS[kind](data)
    except (KeyError, TypeError, AttributeError):  # of another version, or somebody made it up
        return json.dumps(data, ensure_ascii=False)[:500]


def _launch(launch: Json) -> str:
    text = progress_text(launch)
    who = " · ".join(filter(None, (called(launch), launch["path"])))
    if not text.startswith(called(launch)):
        return f"{who}: {text}"
    why = f": {launch['error']['message']}" if launch["error"] else ""
    idle = f", idle until {launch['idle']['stop_at']}" if launch["idle"] else ""
    return f"{who}: {launch['phase']}{idle}{why}"


def _job(job: Json) -> str:
    text = f"{job['kind']} {job['reference']}: {job['state']}"
    if job["state"] == "running" and job["total"]:
        tenths = int(min(job["current"] / job["total"], 1.0) * 10) * 10
        text += f", {tenths} % of {format_bytes(job['total'])}"
    return text + (f": {job['error']['message']}" if job["error"] else "")


def _load(load: Json) -> str:
    parts = []
    for gpu in load["gpus"]:
        busy = "" if gpu["utilization"] is None else f", {gpu['utilization']} %"
        parts.append(f"{gpu['uuid'][:12]} {format_memory(gpu['memory_used'])}{busy}")
    return "; ".join(parts)


_TEXTS: dict[str, Callable[[Json], str]] = {
    "launch": _launch,
    "job": _job,
    "changed": lambda data: f"{data['resource']}",
    "gpu-load": _load,
}
