"""A container's log that is read while it is written."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing

from jupyter_gpu_containers.backends.output import PlainText
from jupyter_gpu_containers.errors import ContainerNotFoundError, GpuContainersError
from jupyter_gpu_containers.runtime.streams import read_in_thread

from .client import EngineClient, Request
from .errors import translated
from .streams import LogStream

Ask = Callable[[str, Callable[[EngineClient], LogStream]], Awaitable[LogStream]]

KNOWN = 4096  # bytes of the end by which it is known what was read
LAST_LINES, LAST_BYTES = 1000, 256 * 1024  # that are looked at when a log has ended


async def stream(
    ask: Ask, request: Request, container_id: str, tail: int, follow: bool
) -> AsyncGenerator[str, None]:
    """Yield the last lines and what follows; see `ContainerBackend.stream_logs`."""
    try:
        opened = await ask(
            container_id, lambda c: c.log_stream(container_id, tail=tail, follow=follow)
        )
    except ContainerNotFoundError:
        return

    def parts() -> Iterator[str]:
        text, read = PlainText(), b""
        with translated(container_id):
            for part in opened:
                read = (read + part)[-KNOWN:]
                yield text.feed(part)
        if follow and read:
            yield text.feed(_missed(request, container_id, read))
        yield text.feed(b"", final=True)

    reading = read_in_thread(parts(), opened.close, name="gpu-containers-log")
    async with aclosing(reading):
        async for part in reading:
            if part:
                yield part


def _missed(request: Request, container_id: str, read: bytes) -> bytes:
    """Return what an ended log has behind what was read; b"" where that cannot be told.

    Docker ends who follows a log as soon as the container has ended, and does not wait for its last
    words: mostly those that say why.
    """
    try:
        data: bytes = request(
            container_id,
            lambda c: c.read_log(container_id, tail=LAST_LINES, limit=LAST_BYTES),
        )
    except GpuContainersError:  # it is gone, or the engine is
        return b""
    _, found, rest = data.rpartition(read)
    return rest if found else b""
