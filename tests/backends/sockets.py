"""Engines that misbehave: a proxy before the real one, and a stub with a few fixed answers."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

_REQUEST = re.compile(rb"(?:GET|POST|DELETE|HEAD|PUT) \S+ HTTP/1\.1")


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextlib.contextmanager
def _serving(handler: type[socketserver.BaseRequestHandler]) -> Iterator[str]:
    # a short path: the name of a Unix socket has at most 107 characters
    with tempfile.TemporaryDirectory(prefix="jgc-") as folder:
        path = str(Path(folder) / "engine.sock")
        with _Server(path, handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield f"unix://{path}"
            finally:
                server.shutdown()
                thread.join()


class Proxy:
    """Passes everything on to an engine, notes the requests, and holds answers back."""

    def __init__(self, engine_host: str) -> None:
        self._engine = engine_host.removeprefix("unix://")
        self.requests: list[str] = []  # "GET /v1.41/images/json"
        self.url = ""
        self._hold = ""
        self.answered = threading.Event()  # the engine has answered the request that is held
        self.release = threading.Event()

    def hold(self, text: str) -> None:
        """Keep the engine's answer to requests with this text until `release` is set."""
        self._hold = text

    @contextlib.contextmanager
    def serve(self) -> Iterator[Proxy]:
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                proxy._pass_on(self.request)

        with _serving(Handler) as self.url:
            yield self
            self.release.set()

    def _pass_on(self, client: socket.socket) -> None:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(self._engine)
            held = threading.Event()
            back = threading.Thread(target=self._back, args=(engine, client, held))
            back.start()
            while data := client.recv(65536):
                if match := _REQUEST.match(data):
                    line = match[0].decode().removesuffix(" HTTP/1.1")
                    self.requests.append(line)
                    if self._hold and self._hold in line:
                        held.set()
                engine.sendall(data)
            with contextlib.suppress(OSError):
                engine.shutdown(socket.SHUT_RDWR)
            back.join()

    def _back(self, engine: socket.socket, client: socket.socket, held: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := engine.recv(65536):
                if held.is_set():
                    self.answered.set()
                    self.release.wait()
                client.sendall(data)


class StubEngine:
    """Answers by path, with JSON; a path that it does not know is never answered.

    Parameters
    ----------
    answers : dict
        End of a path: what it answers with status 200, or a status and what it answers.
    stream : dict
        End of a path: the first line of a stream that then goes on without another one.
    """

    def __init__(self, answers: dict[str, Any], stream: dict[str, Any] | None = None) -> None:
        self._answers = answers
        self._stream = stream or {}
        self.url = ""
        self.streaming = threading.Event()
        self.hung_up = threading.Event()  # the client closed the connection of a stream

    @contextlib.contextmanager
    def serve(self) -> Iterator[StubEngine]:
        stub = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while stub._answer(self):
                    pass

        with _serving(Handler) as self.url:
            yield self

    def _answer(self, handler: socketserver.StreamRequestHandler) -> bool:
        line = handler.rfile.readline().decode()
        if not line:
            return False
        while handler.rfile.readline().strip():
            pass  # headers; requests with a body are not meant for this stub
        path = line.split()[1].partition("?")[0]
        for end, first in self._stream.items():
            if path.endswith(end):
                body = json.dumps(first).encode() + b"\n"
                head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                handler.wfile.write(head.encode() + b"%x\r\n%s\r\n" % (len(body), body))
                self.streaming.set()
                handler.rfile.read()
                self.hung_up.set()
                return False
        for end, answer in self._answers.items():
            if path.endswith(end):
                status, content = answer if isinstance(answer, tuple) else (200, answer)
                data = json.dumps(content).encode()
                head = (
                    f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
                    "Content-Type: application/json",
                    f"Content-Length: {len(data)}",
                )
                handler.wfile.write("\r\n".join((*head, "", "")).encode() + data)
                return True
        handler.rfile.read()  # until the client gives up
        return False
