"""A page's side of a terminal."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.web.conftest import TIMEOUT


class Terminal:
    """What it shows, and what is typed."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self.text = ""

    async def until(self, wanted: str) -> None:
        while wanted not in self.text:
            assert await self._read(), self.text

    async def to_end(self) -> None:
        while await self._read():
            pass
        self._socket.close()

    async def _read(self) -> bool:
        message = await asyncio.wait_for(self._socket.read_message(), TIMEOUT)
        if message is None:
            return False
        kind, *content = json.loads(message)
        if kind == "stdout":
            self.text += content[0]
        return True

    def type(self, line: str) -> None:
        self._socket.write_message(json.dumps(["stdin", f"{line}\r"]))


async def connected(  # type: ignore[no-untyped-def]
    name: str, jp_http_port, jp_base_url, jp_auth_header
) -> Terminal:
    """Return a page on a terminal."""
    url = f"ws://127.0.0.1:{jp_http_port}{jp_base_url}terminals/websocket/{name}"
    return Terminal(await websocket_connect(HTTPRequest(url, headers=jp_auth_header)))
