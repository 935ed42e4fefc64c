"""Terminals in kernels' containers and their logs by REST, on the memory backend."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from typing import Any

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.backends.memory.process import Log
from jupyter_gpu_containers.model.kernel.launch import Phase
from tests.web.conftest import TIMEOUT, Api
from tests.web.terminal_page import connected

TORCH = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"


@pytest.fixture
def jp_server_config(jp_server_config: dict[str, Any]) -> dict[str, Any]:
    jp_server_config["ServerApp"]["jpserver_extensions"]["jupyter_server_terminals"] = True
    # its handler of Jupyter's own says nothing of who may
    jp_server_config["ServerApp"]["allow_unauthenticated_access"] = True
    return jp_server_config


async def started(api: Api, path: str = "") -> str:
    accepted = await api("POST", "/launches", {"image": TORCH, "path": path})
    launch_id: str = accepted.json["id"]
    await api.until(launch_id, Phase.RUNNING)
    return launch_id


async def test_a_terminal_is_an_ordinary_one(  # type: ignore[no-untyped-def]
    api: Api, jp_fetch, jp_http_port, jp_base_url, jp_auth_header
) -> None:
    launch_id = await started(api, "deep/my notebook.ipynb")
    made = await api("POST", f"/launches/{launch_id}/terminals")
    assert made.status == 201
    name = made.json["name"]
    assert name.startswith("my_notebook_ipynb_container_")
    assert made.headers["Location"] == f"{jp_base_url}api/terminals/{name}"
    listed = json.loads((await jp_fetch("api", "terminals")).body)
    assert [each["name"] for each in listed] == [name]

    terminal = await connected(name, jp_http_port, jp_base_url, jp_auth_header)
    await terminal.type("echo $HO''ME is $((6 * 7)); pwd")
    await terminal.until("is 42")
    await terminal.type("exit")
    await terminal.to_end()
    assert json.loads((await jp_fetch("api", "terminals")).body) == []


async def test_a_terminal_ends_with_its_kernel(  # type: ignore[no-untyped-def]
    api: Api, jp_fetch, jp_http_port, jp_base_url, jp_auth_header
) -> None:
    launch_id = await started(api)
    name = (await api("POST", f"/launches/{launch_id}/terminals")).json["name"]
    terminal = await connected(name, jp_http_port, jp_base_url, jp_auth_header)
    await terminal.type("echo rea''dy")
    await terminal.until("ready")
    assert (await api("DELETE", f"/launches/{launch_id}")).status == 204
    await terminal.to_end()
    assert "The kernel has ended or was restarted, and this program with it." in terminal.text
    assert json.loads((await jp_fetch("api", "terminals")).body) == []
    # a page that restores its terminals would have made one on the server of this name
    for wanted, status in ((name, 404), ("mine", 200)):
        again = await jp_fetch(
            "api",
            "terminals",
            method="POST",
            body=json.dumps({"name": wanted}),
            raise_error=False,
        )
        assert again.code == status
    await jp_fetch("api", "terminals", "mine", method="DELETE")


async def test_terminals_that_are_refused(api: Api) -> None:
    nobody = await api("POST", f"/launches/{uuid.UUID(int=1)}/terminals")
    assert (nobody.status, nobody.json["code"]) == (404, "launch_not_found")
    accepted = await api("POST", "/launches", {"image": TORCH})
    path = f"/launches/{accepted.json['id']}"
    early = await api("POST", f"{path}/terminals")
    assert (early.status, early.json["code"]) == (409, "kernel_not_running")
    await api.until(accepted.json["id"], Phase.RUNNING)
    await api("DELETE", path)
    late = await api("POST", f"{path}/terminals")
    assert (late.status, late.json["code"]) == (409, "kernel_not_running")


async def test_rights_to_terminals_are_needed_too(  # type: ignore[no-untyped-def]
    api: Api, jp_serverapp, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch_id = await started(api)

    def is_authorized(handler: object, user: object, action: str, resource: str) -> bool:
        return resource != "terminals" or action == "write"

    monkeypatch.setattr(jp_serverapp.authorizer, "is_authorized", is_authorized)
    denied = await api("POST", f"/launches/{launch_id}/terminals")
    assert (denied.status, denied.json["code"]) == (403, "forbidden")


class TestWithoutTerminals:
    """A server whose administrator has switched terminals off."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        jp_server_config["ServerApp"]["terminals_enabled"] = False
        return jp_server_config

    async def test_that_is_said(self, api: Api) -> None:
        launch_id = await started(api)
        refused = await api("POST", f"/launches/{launch_id}/terminals")
        assert (refused.status, refused.json["code"]) == (503, "terminals_unavailable")
        assert "terminals_enabled" in refused.json["hint"]


# -- logs --------------------------------------------------------------------------------------


class Reader:
    """A client that reads an answer while it comes."""

    def __init__(self) -> None:
        self.text = ""
        self._more = asyncio.Event()

    def __call__(self, data: bytes) -> None:
        self.text += data.decode()
        self._more.set()

    async def until(self, wanted: str) -> None:
        while wanted not in self.text:
            await asyncio.wait_for(self._more.wait(), TIMEOUT)
            self._more.clear()


async def test_a_log_as_it_is_now(api: Api) -> None:
    launch_id = await started(api)
    log = await api("GET", f"/launches/{launch_id}/log?tail=5")
    assert log.status == 200
    assert len(log.json.splitlines()) <= 5


async def test_a_log_is_followed(  # type: ignore[no-untyped-def]
    api: Api, http_server_client, jp_auth_header, jp_base_url
) -> None:
    launch_id = await started(api)
    reader = Reader()
    following = asyncio.ensure_future(
        http_server_client.fetch(
            f"{jp_base_url}gpu-containers/launches/{launch_id}/log?follow=1",
            headers=jp_auth_header,
            streaming_callback=reader,
            request_timeout=TIMEOUT,
        )
    )
    log = _log(api, launch_id)
    log.write(b"begin\ncaf\xc3", stderr=False)
    await reader.until("begin\ncaf")
    log.write(b"\xa9 \x1b[1mand", stderr=True)
    await reader.until("café and")
    log.write(b" more\n", stderr=False)
    await reader.until("café and more\n")
    await api("DELETE", f"/launches/{launch_id}")
    answer = await asyncio.wait_for(following, TIMEOUT)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "begin\ncafé and more\n" in reader.text


async def test_nobody_reads_on_for_a_page_that_went_away(  # type: ignore[no-untyped-def]
    api: Api, jp_http_port, jp_auth_header, jp_base_url
) -> None:
    launch_id = await started(api)
    log = _log(api, launch_id)
    reader, writer = await asyncio.open_connection("127.0.0.1", jp_http_port)
    path = f"{jp_base_url}gpu-containers/launches/{launch_id}/log?follow=1"
    head = "".join(f"{name}: {value}\r\n" for name, value in jp_auth_header.items())
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    (thread,) = (one for one in threading.enumerate() if one.name == "gpu-containers-log")
    # far more than any buffer on the way holds, and nobody reads it
    for _ in range(200):
        log.write(b"x" * 99 + b"\n" + b"y" * 65_000, stderr=False)
        await asyncio.sleep(0)
    assert thread.is_alive()
    writer.close()
    await writer.wait_closed()
    await asyncio.to_thread(thread.join, TIMEOUT)
    assert not thread.is_alive()
    await api("DELETE", f"/launches/{launch_id}")


def _log(api: Api, launch_id: str) -> Log:
    """Return what a kernel's stand-in writes to."""
    launch = api.services.launches.get(launch_id)
    assert isinstance(api.services.backend, MemoryBackend)
    record = api.services.backend._store.find(launch.container_id or "")
    assert record is not None
    return record.log


async def test_logs_that_are_not_understood(api: Api) -> None:
    launch_id = await started(api)
    for query in ("tail=-1", "tail=10001", "tail=x", "follow=2", "follow=true"):
        answer = await api("GET", f"/launches/{launch_id}/log?{query}")
        assert (answer.status, answer.json["code"]) == (422, "invalid_request"), query


async def test_logs_that_are_not_there(api: Api) -> None:
    nobody = await api("GET", f"/launches/{uuid.UUID(int=1)}/log")
    assert (nobody.status, nobody.json["code"]) == (404, "launch_not_found")
    launch_id = await started(api)
    await api("DELETE", f"/launches/{launch_id}")
    late = await api("GET", f"/launches/{launch_id}/log?follow=1")
    assert (late.status, late.json["code"]) == (409, "kernel_not_running")
