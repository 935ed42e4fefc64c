"""A proxy before the engine's socket on whose calls one may not rely.

Of so many calls each one is dropped, delayed, sent twice, cut short or answered by 500, and the
request itself may or may not have reached the engine: nobody who asks can tell. Which call meets
what is drawn from a seed; of calls that are made at once, who comes first is chance.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import socket
import socketserver
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

KINDS = ("drop", "delay", "duplicate", "truncate", "500")
FAILURE = json.dumps({"message": "the proxy has no good day"}).encode()
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.I)
_CONNECTION = re.compile(rb"\r\nconnection: *[^\r]*", re.I)
_UPGRADE = re.compile(rb"\r\nupgrade: ", re.I)


class _Listener(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128


class FaultyEngine:
    """Stands before an engine; `url` is where to ask.

    Parameters
    ----------
    upstream : str
        Path of the engine's socket.
    share : float
        Of the calls that meet a fault; may be set anew at any time.
    delay : float
        Seconds that a delayed call takes longer, at most.
    """

    def __init__(self, upstream: str, *, share: float, delay: float, seed: int) -> None:
        self.share = share
        self.calls = 0
        self.faults: Counter[str] = Counter()
        self.url = ""
        self._upstream = upstream
        self._delay = delay
        self._random = random.Random(seed)
        self._lock = threading.Condition()
        self._underway = 0  # requests of which the engine may yet hear
        self._over = threading.Event()

    @contextlib.contextmanager
    def serve(self) -> Iterator[FaultyEngine]:
        """Listen, in threads, until the block is left."""
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):  # one side went away
                    proxy._serve(self.request)

        # a short path: the name of a Unix socket has at most 107 characters
        with tempfile.TemporaryDirectory(prefix="jgc-") as folder:
            path = str(Path(folder) / "engine.sock")
            with _Listener(path, Handler) as listener:
                thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
                thread.start()
                self.url = f"unix://{path}"
                try:
                    yield self
                finally:
                    self._over.set()
                    listener.shutdown()
                    thread.join()

    def wait_until_quiet(self, timeout: float) -> bool:
        """Wait until no delayed request is left that the engine has not heard of."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._underway, timeout)

    # --- one call -----------------------------------------------------------------------------

    def _serve(self, client: socket.socket) -> None:
        """Take one call; every connection is closed after it."""
        request = _read_request(client)
        if request is None:
            return
        kind, heard, wait, cut = self._draw()
        with self._held():
            if kind == "delay" and not heard:
                self._over.wait(wait)
            if kind in ("drop", "500") and not heard:
                if kind == "500":
                    client.sendall(_failure())
                return
            if kind == "duplicate":
                with self._asked(request) as first:
                    _read_answer(first)
            engine = self._asked(request)
        with engine:
            if kind == "delay" and heard:
                self._over.wait(wait)
            if kind == "drop" or kind == "500":
                _read_answer(engine)
                if kind == "500":
                    client.sendall(_failure())
            elif _UPGRADE.search(request):
                _join(client, engine)
            else:
                _pass_on(engine, client, cut if kind == "truncate" else None)

    def _draw(self) -> tuple[str, bool, float, int]:
        """Return what happens to a call, whether the engine hears it (at once), how, and where."""
        with self._lock:
            self.calls += 1
            drawn, kind = self._random.random(), self._random.choice(KINDS)
            heard, wait = self._random.random() < 0.5, self._random.uniform(0, self._delay)
            cut = int(self._random.expovariate(1 / 300))  # most answers are short
            if drawn >= self.share:
                return "", True, 0.0, 0
            self.faults[kind] += 1
            return kind, heard, wait, cut

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        with self._lock:
            self._underway += 1
        try:
            yield
        finally:
            with self._lock:
                self._underway -= 1
                self._lock.notify_all()

    def _asked(self, request: bytes) -> socket.socket:
        engine = socket.socket(socket.AF_UNIX)
        try:
            engine.connect(self._upstream)
            engine.sendall(request)
        except BaseException:
            engine.close()
            raise
        return engine


def _read_request(client: socket.socket) -> bytes | None:
    """Read one request whole, and let the engine close its connection after the answer."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        if not (more := client.recv(1 << 16)):
            return None
        data += more
    head, body = data[:end], data[end + 4 :]
    if _CHUNKED.search(head):
        while not body.endswith(b"0\r\n\r\n") and (more := client.recv(1 << 16)):
            body += more
    elif match := _LENGTH.search(head):
        while len(body) < int(match[1]) and (more := client.recv(1 << 16)):
            body += more
    if not _UPGRADE.search(head):
        head = _CONNECTION.sub(b"", head) + b"\r\nConnection: close"
    return head + b"\r\n\r\n" + body


def _read_answer(engine: socket.socket) -> None:
    """Read an answer and forget it; a stream only as far as it has come."""
    head = engine.recv(1 << 16)
    if b"\r\nContent-Length: " in head or b"application/json" not in head:
        return  # what it did is done, and nobody reads what it says
    engine.settimeout(0.2)
    with contextlib.suppress(TimeoutError):
        while engine.recv(1 << 16):
            pass


def _pass_on(engine: socket.socket, client: socket.socket, cut: int | None) -> None:
    """Pass an answer on to its end, or to so many bytes; also until the client hangs up."""
    hung_up = threading.Thread(target=_watch, args=(client, engine), daemon=True)
    hung_up.start()
    sent = 0
    while data := engine.recv(1 << 16):
        if cut is not None and sent + len(data) > cut:
            client.sendall(data[: cut - sent])
            break
        client.sendall(data)
        sent += len(data)
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)
    hung_up.join()


def _watch(client: socket.socket, engine: socket.socket) -> None:
    """End a stream that nobody reads any more."""
    with contextlib.suppress(OSError):
        while client.recv(1 << 16):
            pass
    with contextlib.suppress(OSError):
        engine.shutdown(socket.SHUT_RDWR)


def _join(client: socket.socket, engine: socket.socket) -> None:
    """Let both talk, after the connection became another protocol's."""
    back = threading.Thread(target=_pass_on, args=(engine, client, None), daemon=True)
    back.start()
    with contextlib.suppress(OSError):
        while data := client.recv(1 << 16):
            engine.sendall(data)
    back.join()


def _failure() -> bytes:
    head = (
        "HTTP/1.1 500 Internal Server Error",
        "Content-Type: application/json",
        f"Content-Length: {len(FAILURE)}",
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + FAILURE
