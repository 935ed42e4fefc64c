"""HTTP servers of the tests' own: each a thread at a free port of the loopback."""

from __future__ import annotations

import base64
import binascii
import json
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]  # names in lower case
    body: bytes = b""

    @property
    def authorization(self) -> str:
        return self.headers.get("authorization", "")

    @property
    def basic(self) -> tuple[str, str] | None:
        """User name and password, where they were sent."""
        scheme, _, coded = self.authorization.partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(coded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return name, password

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Answer(Exception):
    """An answer; also to be raised from wherever it is known."""

    def __init__(self, status: int, body: bytes | object = b"", **headers: object) -> None:
        super().__init__(status)
        self.status = status
        self.headers = {name.replace("_", "-"): str(value) for name, value in headers.items()}
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
            self.headers.setdefault("Content-Type", "application/json")
        self.body = body


def refusal(status: int, code: str, message: str, **headers: object) -> Answer:
    """Return an error in the form of the distribution API."""
    return Answer(status, {"errors": [{"code": code, "message": message}]}, **headers)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of the server's."""


class Listener(ABC):
    """A server that remembers requests in `seen`; `handle` does what is to be done with one."""

    def __init__(self, tls: tuple[Path, Path] | None = None) -> None:
        self.seen: list[Seen] = []
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.scheme = "http"
        if tls is not None:
            key, certificate = tls
            self.scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = int(self._server.server_address[1])
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{self.scheme}://{self.host}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @abstractmethod
    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """Read one request, note it and answer it, in a thread of its own."""

    def say(self, request: BaseHTTPRequestHandler, answer: Answer) -> None:
        """Send an answer."""
        request.send_response(answer.status)
        for name, value in answer.headers.items():
            request.send_header(name, value)
        if "Content-Length" not in answer.headers:
            request.send_header("Content-Length", str(len(answer.body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(answer.body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *args: object) -> None:
                """Say nothing: who listens knows it all."""

            def _do(self) -> None:
                owner.handle(self)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _do

        return Handler


class WebServer(Listener):
    """Answers requests by its method `answer`."""

    @abstractmethod
    def answer(self, seen: Seen) -> Answer:
        """Answer one request."""

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """Read one request, note it, answer it."""
        parts = urlsplit(request.path)
        length = int(request.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = parse_qs(parts.query, keep_blank_values=True)
        seen = Seen(request.command, parts.path, query, headers, request.rfile.read(length))
        self.seen.append(seen)
        try:
            answer = self.answer(seen)
        except Answer as raised:
            answer = raised
        self.say(request, answer)
