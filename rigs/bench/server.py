"""A Jupyter server in a process of its own, and a page's way to its kernels."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import uuid
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from time import perf_counter
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from .place import Place
from .rounds import Sample

EXTENSION = "jupyter_gpu_containers"
START_TIMEOUT = 60.0  # seconds
PATIENCE = 30.0  # seconds for an answer of a kernel
MODULES = {"server": "jupyter_server", "lab": "jupyterlab"}


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
    python : str
        Interpreter of the environment that the server is installed in.
    env : mapping
        More variables.
    options : str
        More of its command line.
    """

    def __init__(
        self,
        place: Place,
        app: str,
        *options: str,
        extension: bool,
        settings: dict[str, Any] | None = None,
        python: str = sys.executable,
        env: Mapping[str, str] | None = None,
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
                    *(python, "-m", MODULES[app], "--allow-root", "--no-browser"),
                    f"--ServerApp.port={self.port}",
                    "--ServerApp.port_retries=0",
                    f"--IdentityProvider.token={self._token}",
                    f"--ServerApp.root_dir={place.workspace}",
                    f"--ServerApp.jpserver_extensions={{'{EXTENSION}': {extension}}}",
                    *options,
                ],
                env={**os.environ, "JUPYTER_CONFIG_DIR": str(self._config), **(env or {})},
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

    async def phases(self, kernel_id: str) -> Sample:
        """Return how long a kernel's start took in each phase, in seconds."""
        rows = (await self.request("GET", "/gpu-containers/launches"))["launches"]
        steps: list[dict[str, str]] = next(
            (row["phases"] for row in rows if row["kernel_id"] == kernel_id), []
        )
        return {
            f"phase {step['phase']}": _seconds(after["at"]) - _seconds(step["at"])
            for step, after in pairwise(steps)
        }

    async def connect(self, kernel_id: str) -> Channel:
        """Open the websocket to a kernel, as a page does."""
        session = uuid.uuid4().hex
        path = f"/api/kernels/{kernel_id}/channels?session_id={session}"
        url = self.url.replace("http", "ws", 1) + path
        return Channel(await websocket_connect(HTTPRequest(url, headers=self._headers())), session)

    def stop(self) -> None:
        """End it, as Ctrl-C twice would."""
        self.process.terminate()
        self.process.wait(START_TIMEOUT)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self._token}", "Content-Type": "application/json"}


class Channel:
    """The websocket to a kernel."""

    def __init__(self, connection: WebSocketClientConnection, session: str) -> None:
        self._connection = connection
        self._session = session

    async def ask(self, kind: str, content: dict[str, Any]) -> str:
        """Send a request on the shell channel; return its id."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "username": "", "date": ""}
        header |= {"session": self._session, "version": "5.3"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        text = json.dumps({**message, "channel": "shell", "buffers": []})
        await self._connection.write_message(text)
        return header["msg_id"]

    async def execute(self, code: str) -> str:
        """Ask for a cell's execution; return the request's id."""
        options = {"silent": False, "store_history": False, "user_expressions": {}}
        options |= {"allow_stdin": False, "stop_on_error": False}
        return await self.ask("execute_request", {"code": code, **options})

    async def message(self, kind: str, wanted: str) -> dict[str, Any]:
        """Wait for a kind of message about a request; return its content.

        Raises
        ------
        ConnectionError
            The websocket was closed, or nothing came in time.
        """
        while True:
            read = self._connection.read_message()
            try:
                raw = await asyncio.wait_for(read, PATIENCE)
            except (asyncio.TimeoutError, TimeoutError):
                raise ConnectionError(f"no {kind} in {PATIENCE:.0f} s") from None
            if raw is None:
                raise ConnectionError("the websocket was closed")
            message = json.loads(raw)
            if message["msg_type"] == kind and message["parent_header"].get("msg_id") == wanted:
                content: dict[str, Any] = message["content"]
                return content

    def close(self) -> None:
        """Close it."""
        self._connection.close()


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
