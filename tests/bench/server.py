"""Cold start as a page sees it: `POST /api/kernels` to the first answer at the websocket."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import uuid
from datetime import datetime
from functools import partial
from itertools import pairwise
from time import perf_counter
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

from .place import NATIVE, Place
from .rounds import Case, Gate, Sample, Samples, interleave

EXTENSION = "jupyter_gpu_containers"
START_TIMEOUT = 60.0  # seconds
PHASES = ("queued", "creating", "starting", "running")


class Server:
    """A Jupyter server in a process of its own.

    Parameters
    ----------
    app : str
        "server" or "lab".
    extension : bool
        With or without ours.
    settings : dict
        The section ``GpuContainers`` of its configuration.
    """

    def __init__(
        self, place: Place, app: str, *, extension: bool, settings: dict[str, Any] | None = None
    ) -> None:
        name = uuid.uuid4().hex[:8]
        self._token = secrets.token_hex()
        self._config = place.folder / f"config-{name}"
        self._config.mkdir()
        self.log = place.folder / f"server-{name}.log"
        (self._config / f"{EXTENSION}_config.json").write_text(
            json.dumps({"GpuContainers": settings or {}})
        )
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "jupyter", app, "--allow-root", "--no-browser"),
                    f"--ServerApp.port={self.port}",
                    "--ServerApp.port_retries=0",
                    f"--IdentityProvider.token={self._token}",
                    f"--ServerApp.root_dir={place.workspace}",
                    f"--ServerApp.jpserver_extensions={{'{EXTENSION}': {extension}}}",
                ],
                env=os.environ | {"JUPYTER_CONFIG_DIR": str(self._config)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def ready(self) -> None:
        """Wait until it answers."""
        deadline = perf_counter() + START_TIMEOUT
        while True:
            try:
                await self.request("GET", "/api/status")
            except OSError as exc:
                if self.process.poll() is not None or perf_counter() > deadline:
                    raise RuntimeError(self.log.read_text()[-2000:]) from exc
                await asyncio.sleep(0.05)
            else:
                return

    async def request(self, method: str, path: str, body: Any = None) -> Any:
        """Make a request; return its JSON, or None for an empty answer."""
        request = HTTPRequest(
            self.url + path,
            method=method,
            headers=self._headers(),
            body=None if body is None else json.dumps(body),
            request_timeout=START_TIMEOUT,
        )
        response = await AsyncHTTPClient().fetch(request)
        text = response.headers.get("Content-Type", "")
        return json.loads(response.body) if "json" in text and response.body else None

    async def cold_start(self, kernel: str) -> Sample:
        """Start a kernel by REST, ask it ``1+1`` by websocket, shut it down."""
        began = perf_counter()
        model = await self.request("POST", "/api/kernels", {"name": kernel})
        posted = perf_counter() - began
        try:
            answered = await self._first_answer(model["id"]) - began
        finally:
            before = perf_counter()
            await self.request("DELETE", f"/api/kernels/{model['id']}")
        return {"answer": answered, "post": posted, "shutdown": perf_counter() - before}

    async def phases(self, environment: str, launches: int) -> list[Sample]:
        """Return how long an environment's newest launches took in each phase, in seconds."""
        rows = (await self.request("GET", "/gpu-containers/launches"))["launches"]
        mine = [row for row in rows if row["environment"] == environment]
        samples = []
        for row in mine[:launches]:
            at = {step["phase"]: _seconds(step["at"]) for step in row["phases"]}
            if at.keys() >= set(PHASES):
                samples.append({a: at[b] - at[a] for a, b in pairwise(PHASES)})
        return samples

    def stop(self) -> None:
        """End it, as Ctrl-C twice would."""
        self.process.terminate()
        self.process.wait(START_TIMEOUT)

    async def _first_answer(self, kernel_id: str) -> float:
        session = uuid.uuid4().hex
        path = f"/api/kernels/{kernel_id}/channels?session_id={session}"
        url = self.url.replace("http", "ws", 1) + path
        connection = await websocket_connect(HTTPRequest(url, headers=self._headers()))
        try:
            for kind, content in (("kernel_info_request", {}), ("execute_request", ONE_AND_ONE)):
                await connection.write_message(_message(kind, content, session))
            while True:
                raw = await asyncio.wait_for(connection.read_message(), START_TIMEOUT)
                if raw is None:
                    raise ConnectionError("the websocket was closed")
                message = json.loads(raw)
                if message["msg_type"] == "execute_reply":
                    assert message["content"]["status"] == "ok", message["content"]
                    return perf_counter()
        finally:
            connection.close()

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self._token}", "Content-Type": "application/json"}


ONE_AND_ONE = {
    "code": "1+1",
    "silent": False,
    "store_history": False,
    "user_expressions": {},
    "allow_stdin": False,
    "stop_on_error": True,
}


def _message(kind: str, content: dict[str, Any], session: str) -> str:
    header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "username": "", "session": session}
    header |= {"date": "", "version": "5.3"}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    return json.dumps({**message, "channel": "shell", "buffers": []})


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def measure(
    place: Place, environments: dict[str, str], rounds: int, gate: Gate
) -> tuple[Samples, dict[str, list[Sample]]]:
    """Compare a native kernel on a stock server with containers on servers with our extension.

    Returns the samples, and by network how long the launches of the first environment took in each
    phase.
    """
    stock = Server(place, "server", extension=False)
    ours = {
        network: Server(place, "server", extension=True, settings={"network": network})
        for network in ("none", "bridge")
    }
    try:
        for server in (stock, *ours.values()):
            await server.ready()
        cases: dict[str, Case] = {
            "native, stock server": partial(stock.cold_start, NATIVE),
            "native, server with the extension": partial(ours["none"].cold_start, NATIVE),
        }
        for title, name in environments.items():
            for network, server in ours.items():
                cases[f"container, {title}, network {network}"] = partial(server.cold_start, name)
        samples = await interleave(cases, rounds, gate)
        first = next(iter(environments.values()))
        phases = {network: await server.phases(first, rounds) for network, server in ours.items()}
        return samples, phases
    finally:
        for server in (stock, *ours.values()):
            server.stop()
