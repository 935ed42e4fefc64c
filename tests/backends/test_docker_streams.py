"""Answers that are read in one thread and ended in another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from jupyter_gpu_containers.backends.docker.streams import JsonStream


class Response:
    """A response that is read until it is told to end; notes in which threads it was closed."""

    raw: Any = None  # there is no socket to wake anybody with

    def __init__(self) -> None:
        self.read, self.end = threading.Event(), threading.Event()
        self.closed: list[str] = []

    def iter_lines(self, chunk_size: int | None) -> Iterator[bytes]:
        assert chunk_size is None
        yield b'{"id": 1}'
        self.read.set()
        assert self.end.wait(30)

    def close(self) -> None:
        self.closed.append(threading.current_thread().name)


@pytest.fixture
def response() -> Response:
    return Response()


def stream_of(response: Response) -> JsonStream:
    return JsonStream(response)  # type: ignore[arg-type]


def test_the_thread_that_reads_gives_the_connection_back(response: Response) -> None:
    stream, lines = stream_of(response), list[Any]()
    reader = threading.Thread(target=lambda: lines.extend(stream), name="reader")
    reader.start()
    assert response.read.wait(30)
    stream.close()
    assert response.closed == []  # its socket alone was ended
    response.end.set()
    reader.join(30)
    assert (lines, response.closed) == ([{"id": 1}], ["reader"])
    stream.close()
    assert response.closed == ["reader"]  # its connection may be another's now


def test_one_that_is_not_read_is_closed_at_once(response: Response) -> None:
    stream = stream_of(response)
    stream.close()
    assert response.closed == [threading.current_thread().name]
    assert list(stream) == []
    assert not response.read.is_set()


def test_one_that_is_left_is_closed(response: Response) -> None:
    lines = iter(stream_of(response))
    assert next(lines) == {"id": 1}
    del lines
    assert response.closed == [threading.current_thread().name]
