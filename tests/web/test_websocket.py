"""What pages send: which messages are use of a kernel, in each of the protocols."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import Any

import pytest
from jupyter_server.services.kernels.connection.base import (
    serialize_binary_message,
    serialize_msg_to_ws_v1,
)
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

from jupyter_gpu_containers.model.kernel.launch import Phase
from jupyter_gpu_containers.web.websocket import (
    PROTOCOL_V1,
    UNREADABLE,
    PatientWebsocketConnection,
    message_type,
)

from .conftest import Api
from .idle_kernel import IMAGE, Later, changed, end_all, settled


def message(kind: str) -> dict[str, Any]:
    header = {"msg_id": "1", "msg_type": kind, "session": "s", "username": "", "version": "5.3"}
    header["date"] = "2026-01-01T00:00:00Z"
    content = {"code": "1", "silent": False}
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content}


def text(kind: str) -> str:
    return json.dumps({**message(kind), "channel": "shell"})


def binary(kind: str) -> bytes:
    with_buffers = {**message(kind), "channel": "shell", "buffers": [b"\0" * 8]}
    return bytes(serialize_binary_message(with_buffers))  # type: ignore[no-untyped-call]


def v1(kind: str) -> bytes:
    def pack(value: object) -> bytes:
        return json.dumps(value).encode()

    return bytes(serialize_msg_to_ws_v1(message(kind), "shell", pack))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(("write", "is_v1"), [(text, False), (binary, False), (v1, True)])
def test_a_messages_type(write: Callable[[str], str | bytes], is_v1: bool) -> None:
    for kind in ("execute_request", "kernel_info_request"):
        assert message_type(write(kind), v1=is_v1) == kind


@pytest.mark.parametrize(
    ("what", "is_v1"),
    [
        ("", False),
        ("[]", False),
        ("{}", False),
        ('{"header": 7}', False),
        ("[" * 100_000, False),
        (b"", False),
        (b"\0\0\0\1", False),
        (struct.pack("!iI", 1, 8) + b"no json", False),
        ("a text", True),
        (b"", True),
        (v1("execute_request")[:-60], True),
        (v1("execute_request").replace(b'"msg_type"', b'"msg_typo"'), True),
    ],
)
def test_what_is_no_message(what: str | bytes, is_v1: bool) -> None:
    with pytest.raises(UNREADABLE):
        message_type(what, v1=is_v1)


@pytest.mark.parametrize(
    ("sent", "is_use"),
    [
        (v1("execute_request"), True),
        (v1("complete_request"), True),
        (v1("kernel_info_request"), False),
        (v1("comm_info_request"), False),
        (v1("execute_request").replace(b'"msg_type"', b'"msg_typo"'), True),
    ],
    ids=["cell", "completion", "kernel info", "comm info", "unreadable"],
)
async def test_what_a_page_asks_by_itself_is_no_use(
    api: Api, jp_ws_fetch: Any, sent: bytes, is_use: bool
) -> None:
    body = {"image": IMAGE, "idle_timeout": 3600}
    environment = (await api("POST", "/environments", body)).json["name"]
    launch = (await api("POST", "/launches", {"environment": environment})).json["id"]
    await api.until(launch, Phase.RUNNING)
    await settled(api, launch)
    await Later(api).go(3660)
    assert api.services.launches.get(launch).idle is not None
    socket = await jp_ws_fetch("api", "kernels", launch, "channels", subprotocols=[PROTOCOL_V1])
    await socket.write_message(sent, binary=True)
    if is_use:
        await changed(api, launch, lambda launch: launch.idle is None)
    else:  # messages of a page are read in their order
        used: list[str] = []
        api.services.idle.used = used.append  # type: ignore[method-assign]
        await socket.write_message(v1("history_request"), binary=True)
        await changed_to(used, [launch])
        assert api.services.launches.get(launch).idle is not None
    socket.close()
    await end_all(api)


async def test_small_messages_do_not_wait_for_each_other(
    api: Api, jp_ws_fetch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: list[int] = []
    connect = PatientWebsocketConnection.connect

    def look(self: Any) -> Any:
        connected = connect(self)
        server_side = self.websocket_handler.ws_connection.stream.socket
        options.append(server_side.getsockopt(IPPROTO_TCP, TCP_NODELAY))
        return connected

    monkeypatch.setattr(PatientWebsocketConnection, "connect", look)
    environment = (await api("POST", "/environments", {"image": IMAGE})).json["name"]
    launch = (await api("POST", "/launches", {"environment": environment})).json["id"]
    await api.until(launch, Phase.RUNNING)
    socket = await jp_ws_fetch("api", "kernels", launch, "channels", subprotocols=[PROTOCOL_V1])
    await socket.write_message(v1("kernel_info_request"), binary=True)
    await socket.read_message()
    assert [option != 0 for option in options] == [True]
    socket.close()
    await end_all(api)


async def test_a_kernel_that_is_busy_with_the_servers_question_is_listened_to_first(
    api: Api, jp_ws_fetch: Any, jp_fetch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the first outputs of the cells that a page sends during the start may be lost."""
    states: list[str] = []
    prepare, nudge = ZMQChannelsWebsocketConnection.prepare, ZMQChannelsWebsocketConnection.nudge

    async def prepared(self: Any) -> None:
        await prepare(self)  # type: ignore[no-untyped-call]
        self.kernel_manager.execution_state = "busy"

    def look(self: Any) -> Any:
        states.append(self.kernel_manager.execution_state)
        return nudge(self)

    monkeypatch.setattr(ZMQChannelsWebsocketConnection, "prepare", prepared)
    monkeypatch.setattr(ZMQChannelsWebsocketConnection, "nudge", look)
    environment = (await api("POST", "/environments", {"image": IMAGE})).json["name"]
    asked = json.dumps({"name": environment})
    kernel = json.loads((await jp_fetch("api", "kernels", method="POST", body=asked)).body)["id"]
    socket = await jp_ws_fetch("api", "kernels", kernel, "channels", subprotocols=[PROTOCOL_V1])
    await socket.write_message(v1("kernel_info_request"), binary=True)
    while b"kernel_info_reply" not in await socket.read_message():
        pass
    assert states == ["starting"]
    socket.close()
    await end_all(api)


async def changed_to(used: list[str], expected: list[str]) -> None:
    """Wait until the server has read a message that is use."""

    async def poll() -> None:
        while used != expected:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    await asyncio.wait_for(poll(), 60)
