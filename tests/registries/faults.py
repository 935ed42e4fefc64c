"""A proxy in front of a registry that does what networks and registries do on bad days.

Engines and our client take it for the registry itself. Without a fault it passes everything on, in
a stream, also uploads. Faults are tried in the order of `FaultProxy.faults`; the first that matches
a request and is not used up decides.
"""

from __future__ import annotations

import http.client
import re
import select
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from tests.waiting import wait_until

from .web import Answer, Listener, Seen, refusal

_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "host"}
_CHUNK = 1 << 16
_TIMEOUT = 60.0


@dataclass
class Fault:
    """What happens to requests that match.

    Parameters
    ----------
    where : str
        Regular expression, searched in ``"GET /v2/name/blobs/sha256:…"`` (with the query).
    answer : Answer, optional
        Said instead of what the registry would say.
    cut : int, optional
        The connection breaks after so many bytes of the body.
    corrupt : bool
        The body's last byte is another one.
    rate : float, optional
        Bytes of the body in a second.
    hold : int, optional
        After so many bytes of the body nothing comes until `release`, or until the client has gone;
        `held` tells that it began.
    times : int, optional
        Used up after so many requests.
    """

    where: str = "."
    answer: Answer | None = None
    cut: int | None = None
    corrupt: bool = False
    rate: float | None = None
    hold: int | None = None
    times: int | None = None
    held: threading.Event = field(default_factory=threading.Event)
    released: bool = False
    met: int = 0  # requests that it happened to

    def release(self) -> None:
        """Let what is held go on."""
        self.released = True


MANIFESTS = r"GET /v2/\S+/manifests/"
BLOBS = r"GET /v2/\S+/blobs/"


def unauthorized(where: str = ".", **more: int) -> Fault:
    answer = refusal(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate="Basic")
    return Fault(where, answer, **more)


def forbidden(where: str = ".", **more: int) -> Fault:
    message = "requested access to the resource is denied"
    return Fault(where, refusal(403, "DENIED", message), **more)


def unknown(where: str = MANIFESTS, **more: int) -> Fault:
    return Fault(where, refusal(404, "MANIFEST_UNKNOWN", "manifest unknown"), **more)


def rate_limited(where: str = MANIFESTS, retry_after: object = 60, **more: int) -> Fault:
    message = "You have reached your pull rate limit."
    return Fault(where, refusal(429, "TOOMANYREQUESTS", message, Retry_After=retry_after), **more)


def broken(where: str = ".", status: int = 500, **more: int) -> Fault:
    return Fault(where, Answer(status, b"<html>oops</html>", Content_Type="text/html"), **more)


class FaultProxy(Listener):
    """Stands in front of ``upstream`` (a registry's plain ``host:port``); see `host`."""

    def __init__(self, upstream: str) -> None:
        self.faults: list[Fault] = []
        self.sent = 0  # bytes of bodies, to the client
        self._upstream = upstream
        self._lock = threading.Lock()
        super().__init__()

    def add(self, fault: Fault) -> Fault:
        """Add a fault and return it."""
        self.faults.append(fault)
        return fault

    def close(self) -> None:
        """Let go of everybody who is held, and end."""
        for fault in self.faults:
            fault.release()
        super().close()

    def requests(self, where: str = ".") -> list[str]:
        """Return the requests so far, ``"GET /path"``, that match."""
        return [str(seen) for seen in self.seen if re.search(where, str(seen))]

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """Pass one request on, or not."""
        parts = urlsplit(request.path)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.command, parts.path, parse_qs(parts.query), headers))
        fault = self._fault(f"{request.command} {request.path}")
        if fault.answer is not None:
            for _ in _body(request):  # what the client sends is read, so that it hears the answer
                pass
            self.say(request, fault.answer)
            return
        upstream = http.client.HTTPConnection(self._upstream, timeout=_TIMEOUT)
        try:
            self._forward(request, upstream, fault)
        except OSError:
            request.close_connection = True  # one side went away
        finally:
            upstream.close()

    def _fault(self, line: str) -> Fault:
        with self._lock:
            for fault in self.faults:
                if fault.times != fault.met and re.search(fault.where, line):
                    fault.met += 1
                    return fault
        return Fault()

    def _forward(
        self, request: BaseHTTPRequestHandler, upstream: http.client.HTTPConnection, fault: Fault
    ) -> None:
        chunked = "chunked" in request.headers.get("Transfer-Encoding", "")
        upstream.putrequest(
            request.command, request.path, skip_host=True, skip_accept_encoding=True
        )
        # the registry is to make its addresses from the proxy's name
        for name, value in request.headers.items():
            if name.lower() not in _HOP_BY_HOP or name.lower() == "host":
                upstream.putheader(name, value)
        if chunked:
            upstream.putheader("Transfer-Encoding", "chunked")
        upstream.endheaders()
        for data in _body(request):
            upstream.send(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
        if chunked:
            upstream.send(b"0\r\n\r\n")
        self._return(request, upstream.getresponse(), fault)

    def _return(
        self, request: BaseHTTPRequestHandler, answer: http.client.HTTPResponse, fault: Fault
    ) -> None:
        request.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                request.send_header(name, value)
        if answer.getheader("Content-Length") is None:
            request.send_header("Connection", "close")
            request.close_connection = True
        request.end_headers()
        if request.command == "HEAD":
            return
        length = int(answer.getheader("Content-Length") or 0)
        done = 0
        while data := answer.read(self._portion(fault, done)):
            if fault.corrupt and done + len(data) >= length:
                data = data[:-1] + bytes([data[-1] ^ 1])
            if fault.cut is not None and done + len(data) >= fault.cut:
                request.wfile.write(data[: fault.cut - done])
                request.close_connection = True
                request.connection.shutdown(socket.SHUT_RDWR)
                return
            request.wfile.write(data)
            done += len(data)
            with self._lock:
                self.sent += len(data)
            if fault.rate:
                time.sleep(len(data) / fault.rate)
            if fault.hold is not None and done >= fault.hold:
                fault.held.set()
                wait_until(lambda: fault.released or _is_gone(request.connection), _TIMEOUT)

    def _portion(self, fault: Fault, done: int) -> int:
        """Return how many bytes to read next."""
        if fault.rate:
            return max(1, min(_CHUNK, int(fault.rate / 20)))
        if fault.hold is not None and done < fault.hold:
            return min(_CHUNK, fault.hold - done)
        return _CHUNK


def _is_gone(client: socket.socket) -> bool:
    """Tell whether a client has closed its connection, or its half of it."""
    poll = select.poll()
    poll.register(client, select.POLLRDHUP)
    return bool(poll.poll(0))


def _body(request: BaseHTTPRequestHandler) -> Iterator[bytes]:
    """Yield a request's body in pieces, without the framing of chunks."""
    if "chunked" in request.headers.get("Transfer-Encoding", ""):
        while size := int(request.rfile.readline().split(b";")[0], 16):
            yield request.rfile.read(size)
            request.rfile.readline()
        request.rfile.readline()
        return
    left = int(request.headers.get("Content-Length") or 0)
    while left > 0 and (data := request.rfile.read(min(_CHUNK, left))):
        left -= len(data)
        yield data
