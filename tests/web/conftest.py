"""A Jupyter server with our extension on the memory backend, and a client that checks answers."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPResponse

from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.service.services import Services
from tests.canaries import SUITE, Emissions
from tests.contract import check_answer, operation

GPUS = [{"name": "NVIDIA H200", "memory_gib": 141, "compute_capability": "9.0", "count": 2}]
TIMEOUT = 60.0  # seconds; for the start of a kernel on a busy machine


def check(method: str, path: str, response: HTTPResponse) -> Any:
    """Return the JSON of a response after comparing all of it with the contract."""
    return check_answer(operation(method, path), response.code, response.headers, response.body)


@dataclass
class Answer:
    """A response that kept to the contract."""

    status: int
    json: Any
    headers: Any


@dataclass
class Api:
    """Asks the server, and holds every answer to openapi.yaml."""

    fetch: Callable[..., Any]  # raw: method, path below the prefix, headers, body
    services: Services

    async def __call__(self, method: str, path: str, body: object = None) -> Answer:
        text = None if body is None else json.dumps(body)
        response = await self.fetch(method, path, body=text)
        return Answer(response.code, check(method, path, response), response.headers)

    async def until(self, launch_id: str, phase: Phase) -> Launch:
        """Wait until a launch is in a phase; fail when it ends before that."""
        reached = asyncio.Event()

        def look(launch: Launch) -> None:
            if launch.id == launch_id and (launch.phase is phase or launch.phase.final):
                reached.set()

        self.services.launches.on_change(look)
        look(self.services.launches.get(launch_id))
        await asyncio.wait_for(reached.wait(), TIMEOUT)
        launch = self.services.launches.get(launch_id)
        assert launch.phase is phase, launch.error
        return launch


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """A short path: the name of a Unix socket has at most 107 bytes."""
    path = tempfile.mkdtemp(prefix="jgc-")
    yield Path(path)
    shutil.rmtree(path)


@pytest.fixture(autouse=True)
def jp_server_cleanup(run_dir: Path, jp_server_cleanup: None) -> None:
    """End the server before its folder goes: it may still remove a kernel's."""


@pytest.fixture(autouse=True)
def docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of logins of the test's own."""
    folder = tmp_path / "docker"
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder


@pytest.fixture
def jp_server_config(run_dir: Path) -> dict[str, Any]:
    return {
        "ServerApp": {
            # terminals would be added, and warn of a handler of theirs
            "jpserver_extensions": {
                "jupyter_gpu_containers": True,
                "jupyter_server_terminals": False,
            },
            "allow_unauthenticated_access": False,
        },
        "IdentityProvider": {"token": SUITE.make("server-token")},
        "GpuContainers": {"backend": "memory", "fixed_gpus": GPUS, "run_dir": str(run_dir)},
    }


@pytest.fixture
def api(  # type: ignore[no-untyped-def]
    jp_serverapp, http_server_client, jp_auth_header, jp_base_url
) -> Api:
    """Neither answers nor events have a canary."""
    jp_serverapp.event_logger.register_handler(Emissions(SUITE))

    async def fetch(
        method: str,
        path: str,
        *,
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> HTTPResponse:
        response: HTTPResponse = await http_server_client.fetch(
            f"{jp_base_url}gpu-containers{path}",
            method=method,
            headers=jp_auth_header if headers is None else headers,
            body=body,
            allow_nonstandard_methods=True,
            raise_error=False,
            follow_redirects=False,
            request_timeout=TIMEOUT,
        )
        SUITE.look_at_answer(f"{method} {path}", response.headers, response.body or b"")
        return response

    return Api(fetch, jp_serverapp.web_app.settings["gpu_containers"])
