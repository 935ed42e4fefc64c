"""A socket that answers like an engine and tells of events, as a test has it."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import socketserver
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

VERSION = {"ApiVersion": "1.41", "Version": "20.10.24"}
_BREAK, _END = object(), object()


class EventfulEngine:
    """Has images and a stream of events, which it repeats from a time on like Docker.

    Parameters
    ----------
    info : dict
        What ``GET /info`` answers.
    """

    def __init__(self, **info: Any) -> None:
        self.info = {"Architecture": "x86_64", **info}
        self.version: dict[str, Any] = dict(VERSION)
        self.names: list[str] = ["example.org/first:1"]
        self.requests: list[str] = []  # "GET /images/json", without version and query
        self.refuse = False  # whether it takes no streams of events
        self.before_list: Callable[[], None] = lambda: None  # called when it has read its images
        self.url = ""
        self.streams = threading.Semaphore(0)  # released for each stream that is open
        self._events: list[dict[str, Any]] = []
        self._open: list[queue.SimpleQueue[Any]] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def serve(self, *, network: bool = False) -> Iterator[EventfulEngine]:
        """Listen at a Unix socket, or at a port of the loopback interface."""
        engine = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):  # the client went away
                    while engine._answer(self):
                        pass

        with contextlib.ExitStack() as stack:
            server: socketserver.BaseServer
            if network:
                server = stack.enter_context(_Network(("127.0.0.1", 0), Handler))
                self.url = f"tcp://127.0.0.1:{server.server_address[1]}"
            else:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="jgc-"))
                server = stack.enter_context(_Local(str(Path(folder) / "engine.sock"), Handler))
                self.url = f"unix://{server.server_address}"
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield self
            finally:
                self.refuse = True
                self.hang_up()
                server.shutdown()
                thread.join()

    def change(self, *names: str, told: bool = True) -> None:
        """Have other images from now on, and tell of that."""
        self.names = list(names)
        if told:
            self.tell()

    def tell(self, action: str = "tag", at: int | None = None) -> None:
        """Tell that something was done to an image."""
        event = {"Type": "image", "Action": action, "timeNano": at or time.time_ns()}
        with self._lock:
            self._events.append(event)
            for stream in self._open:
                stream.put(event)

    def hang_up(self, *, in_order: bool = False) -> None:
        """End all streams of events: break them off, or say that there is no more."""
        with self._lock:
            for stream in self._open:
                stream.put(_END if in_order else _BREAK)

    def count(self, request: str) -> int:
        """Return how often this was asked."""
        return self.requests.count(request)

    # --- one request --------------------------------------------------------------------------

    def _answer(self, client: socketserver.StreamRequestHandler) -> bool:
        head = client.rfile.readline().decode()
        while client.rfile.readline() not in (b"\r\n", b""):
            pass
        if not head:
            return False
        method, target, _ = head.split()
        url = urlsplit(target)
        path = "/" + url.path.removeprefix("/v1.41").lstrip("/")
        self.requests.append(f"{method} {path}")
        if path == "/events":
            return self._stream(client, float(parse_qs(url.query)["since"][0]))
        answer: Any = {"/version": self.version, "/info": self.info}.get(path, {})
        if path == "/images/json":
            answer = [_row(name) for name in self.names]
            self.before_list()
        body = json.dumps(answer).encode()
        text = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        client.wfile.write(text.encode() + b"\r\n\r\n" + body)
        return True

    def _stream(self, client: socketserver.StreamRequestHandler, since: float) -> bool:
        if self.refuse:
            return False
        mine: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with self._lock:
            for event in self._events:
                if event["timeNano"] >= since * 1e9:
                    mine.put(event)
            self._open.append(mine)
        hung_up = threading.Thread(target=_watch, args=(client.connection, mine), daemon=True)
        try:
            client.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            hung_up.start()
            self.streams.release()
            while (event := mine.get()) is not _BREAK and event is not _END:
                line = json.dumps(event).encode() + b"\n"
                client.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            if event is _END:
                client.wfile.write(b"0\r\n\r\n")
            with contextlib.suppress(OSError):
                client.connection.shutdown(socket.SHUT_RDWR)
        finally:
            with self._lock:
                self._open.remove(mine)
        return False


class _Local(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class _Network(socketserver.ThreadingTCPServer):
    daemon_threads = True


def _watch(connection: socket.socket, stream: queue.SimpleQueue[Any]) -> None:
    with contextlib.suppress(OSError):
        while connection.recv(1 << 12):
            pass
    stream.put(_BREAK)


def _row(name: str) -> dict[str, Any]:
    return {"Id": f"sha256:{name.encode().hex():0<64.64}", "RepoTags": [name], "Created": 1}
