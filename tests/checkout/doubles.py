"""Engines with manners: each listens at a Unix socket and is named after what it does."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
FIRST_STEP = b'{"status": "Pulling from x/y"}\r\n'
REFUSAL = b'{"message": "denied: you may not"}'


class Silent(socketserver.StreamRequestHandler):
    """Accepts, and never says a word."""

    def handle(self) -> None:
        """Read until the other side gives up."""
        while self.request.recv(65536):
            pass


class Answering(Silent):
    """Answers every request with OK."""

    def handle(self) -> None:
        """Answer, then wait for the other side to go."""
        self.request.recv(65536)
        self.wfile.write(self.answer())
        super().handle()

    def answer(self) -> bytes:
        """Return the whole answer as it goes over the wire."""
        return OK


class SilentAfterTheFirstStep(Answering):
    """Begins a pull and then says nothing any more."""

    def answer(self) -> bytes:
        """Return one step of a stream that stays open."""
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head + b"%x\r\n%s\r\n" % (len(FIRST_STEP), FIRST_STEP)


class Refusing(Answering):
    """Answers with a refusal in the API's own format."""

    def answer(self) -> bytes:
        """Return status 403 and a message."""
        return b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(REFUSAL) + REFUSAL


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextmanager
def listening(path: Path, manners: type[socketserver.StreamRequestHandler]) -> Iterator[str]:
    """Listen at `path` while in the block; gives the DOCKER_HOST."""
    with _Server(str(path), manners) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown()
            thread.join()
