"""Requests as bytes on a socket, so that no library sets right what is wrong about them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

PATIENCE = 60.0  # seconds in which an answer must be there
LARGEST = 64 << 20  # bytes of an answer

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """One request.

    Parameters
    ----------
    kind : str
        What is wrong about it.
    method, target : str
        As they stand in the request line; characters are bytes (Latin-1).
    headers : tuple of (str, str)
        Those beside Host, Content-Length and what authorises it; Latin-1, too.
    framed : bool
        Whether a body is announced by Content-Length; else the headers say how, or nothing does.
    version : str
    answered : bool
        Whether it is HTTP, so that an answer is due; others may be cut off.
    abandoned : bool
        Whether the client goes away without waiting for an answer.
    """

    kind: str
    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""
    framed: bool = True
    version: str = "HTTP/1.1"
    answered: bool = True
    abandoned: bool = False

    def serialise(self, host: str, more: Headers = ()) -> bytes:
        """Return what goes to the server; ``more`` are headers that authorise it."""
        lines = [f"{self.method} {self.target} {self.version}".rstrip()]
        named = {name.lower() for name, _ in self.headers}
        if "host" not in named:
            lines.append(f"Host: {host}")
        lines += [f"{name}: {value}" for name, value in (*more, *self.headers) if name]
        if self.framed and (self.body or self.method in ("POST", "PUT", "PATCH")):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


@dataclass(frozen=True)
class Response:
    """An answer; status 0 means that the server closed the connection instead."""

    status: int
    headers: dict[str, str]  # by name as the server writes it
    body: bytes


CLOSED = Response(0, {}, b"")


class Connection:
    """A connection that is kept as long as the server keeps it."""

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: Request, more: Headers = ()) -> Response:
        """Send a request and return the answer.

        Raises
        ------
        TimeoutError
            No answer came, and the connection stays open.
        """
        kept = self._streams is not None
        try:
            response = await asyncio.wait_for(self._ask(request, more), PATIENCE)
        except (ConnectionError, asyncio.IncompleteReadError):
            await self.close()
            response = CLOSED
        if kept and response is CLOSED and request.answered:
            # a server may close a kept connection at any time (RFC 9112 section 9.5)
            return await self.ask(request, more)
        if not request.answered:
            await self.close()  # what of it the server takes for a second request is nobody's
        return response

    async def close(self) -> None:
        """Close the connection, if there is one."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
            with suppress(ConnectionError):  # the server was quicker
                await streams[1].wait_closed()

    async def _ask(self, request: Request, more: Headers) -> Response:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        reader, writer = self._streams
        writer.write(request.serialise(self.host, more))
        if request.abandoned:
            await writer.drain()
            await self.close()
            return CLOSED
        if not request.answered:
            with suppress(OSError):  # it was closed from the other side
                writer.write_eof()  # it would wait for the rest of what never comes
        with suppress(ConnectionError):  # an answer may come before all was sent
            await writer.drain()
        response = await _read(reader, head=request.method == "HEAD")
        if response.headers.get("Connection", "").lower() == "close" or not _kept(request):
            await self.close()
        return response


def _kept(request: Request) -> bool:
    said = {value.lower() for name, value in request.headers if name.lower() == "connection"}
    return request.version == "HTTP/1.1" and "close" not in said


async def _read(reader: asyncio.StreamReader, *, head: bool) -> Response:
    while True:
        start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(start.split(" ", 2)[1])
        if status >= 200:  # else 100 Continue, of which nobody needs to know
            break
    headers = dict(line.split(": ", 1) for line in lines if line)
    if head or status in (204, 304):
        return Response(status, headers, b"")
    if headers.get("Transfer-Encoding", "") == "chunked":
        return Response(status, headers, await _chunks(reader))
    if "Content-Length" in headers:
        return Response(status, headers, await reader.readexactly(int(headers["Content-Length"])))
    return Response(status, headers, await reader.read(LARGEST))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body


def headers(*pairs: Iterable[str]) -> Headers:
    """Return headers; of one name there may be several."""
    return tuple((name, value) for name, value in pairs)
