"""A page's side of a terminal."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.web.conftest import TIMEOUT


class Terminal:
    """What it shows, and what is typed."""

    def __init__(self) -> None:
        self.text = ""
        self._ended = False
        self._told = asyncio.Event()
        self._answered = asyncio.Event()
        self._socket: WebSocketClientConnection | None = None

    async def connect(self, request: HTTPRequest) -> None:
        self._socket = await websocket_connect(request, on_message_callback=self._receive)
        self._socket.on_pong = lambda _: self._answered.set()  # type: ignore[method-assign]

    async def until(self, wanted: str) -> None:
        while wanted not in self.text:
            assert not self._ended, self.text
            await self._more()

    async def to_end(self) -> None:
        while not self._ended:
            await self._more()
        assert self._socket is not None
        self._socket.close()

    async def type(self, line: str) -> None:
        """Type a line; return when the server has dealt with it, and noted that it has.

        Jupyter notes it after a thread has written it, which may be after the echo was shown; a
        server answers a ping after the messages before it.
        """
        assert self._socket is not None
        self._answered.clear()
        self._socket.write_message(json.dumps(["stdin", f"{line}\r"]))
        self._socket.ping()  # at once: the line may end the terminal
        await asyncio.wait_for(self._answered.wait(), TIMEOUT)

    async def _more(self) -> None:
        self._told.clear()
        await asyncio.wait_for(self._told.wait(), TIMEOUT)

    def _receive(self, message: Any) -> None:
        if message is None:
            self._ended = True
            self._answered.set()
        else:
            kind, *content = json.loads(message)
            if kind == "stdout":
                self.text += content[0]
        self._told.set()


async def connected(  # type: ignore[no-untyped-def]
    name: str, jp_http_port, jp_base_url, jp_auth_header
) -> Terminal:
    """Return a page on a terminal."""
    url = f"ws://127.0.0.1:{jp_http_port}{jp_base_url}terminals/websocket/{name}"
    terminal = Terminal()
    await terminal.connect(HTTPRequest(url, headers=jp_auth_header))
    return terminal
