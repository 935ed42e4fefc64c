"""Answers of the engine that come bit by bit, and that may go on for ever."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from docker.types import CancellableStream
from urllib3.exceptions import ReadTimeoutError

log = logging.getLogger(__name__)

FRAME_HEADER = 8  # bytes
STDERR = 2  # first byte of a frame's header


class JsonStream:
    """A response of JSON objects, one a line.

    Iterating raises `requests` exceptions where the stream breaks, unlike docker-py's own, which
    then just ends.
    """

    def __init__(self, response: requests.Response) -> None:
        self._response = response
        self._lock = threading.Lock()
        self._is_read = False  # or was: by a thread that closes it
        self._closed = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with self._reading() as may_read:
            if may_read:
                for line in self._response.iter_lines(chunk_size=None):
                    if line:
                        yield json.loads(line)

    @contextmanager
    def _reading(self) -> Iterator[bool]:
        """Have the thread that reads give the connection back: two at once would spoil it.

        The one that came second would close a connection that serves another request by then.
        """
        with self._lock:
            may_read = not self._closed
            self._is_read = may_read
        try:
            yield may_read
        finally:
            with self._lock:
                self._closed = True
                self._response.close()

    def close(self) -> None:
        """End the stream, also while another thread reads it."""
        with self._lock:
            self._closed = True
            try:
                # closing alone does not wake a thread that is in recv()
                CancellableStream(iter(()), self._response).close()
            except (OSError, AttributeError):
                log.debug("The stream was closed already.")
            if not self._is_read:
                self._response.close()


class Frames:
    """Takes an attach stream apart: each frame has 8 bytes of header, of which 4 are a length."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> Iterator[tuple[bool, bytes]]:
        """Yield what is complete: whether it is standard error, and the data."""
        buffer = self._buffer
        buffer += chunk
        start = 0
        while len(buffer) - start >= FRAME_HEADER:
            end = start + FRAME_HEADER + int.from_bytes(buffer[start + 4 : start + 8], "big")
            if end > len(buffer):
                break
            yield buffer[start] == STDERR, bytes(buffer[start + FRAME_HEADER : end])
            start = end
        del buffer[:start]


class LogStream(JsonStream):
    """A container's log that goes on until its run ends."""

    def __iter__(self) -> Iterator[bytes]:  # type: ignore[override]
        frames = Frames()
        with self._reading() as may_read:
            if may_read:
                for chunk in self._response.iter_content(64 * 1024):
                    data = b"".join(part for _, part in frames.feed(chunk))
                    if data:
                        yield data


def is_idle(exc: Exception) -> bool:
    """Tell whether there was only no event for a while, which `requests` wraps."""
    return any(isinstance(cause, ReadTimeoutError) for cause in (exc, *exc.args))
