"""A container's log that is read while it is written."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing

from jupyter_gpu_containers.backends.output import PlainText
from jupyter_gpu_containers.errors import ContainerNotFoundError
from jupyter_gpu_containers.runtime.streams import read_in_thread

from .client import EngineClient, LogStream
from .errors import translated

Ask = Callable[[str, Callable[[EngineClient], LogStream]], Awaitable[LogStream]]


async def stream(ask: Ask, container_id: str, tail: int, follow: bool) -> AsyncGenerator[str, None]:
    """Yield the last lines and what follows; see `ContainerBackend.stream_logs`."""
    try:
        opened = await ask(
            container_id, lambda c: c.log_stream(container_id, tail=tail, follow=follow)
        )
    except ContainerNotFoundError:
        return

    def parts() -> Iterator[str]:
        text = PlainText()
        with translated(container_id):
            yield from filter(None, map(text.feed, opened))
        yield from filter(None, [text.feed(b"", final=True)])

    reading = read_in_thread(parts(), opened.close, name="gpu-containers-log")
    async with aclosing(reading):
        async for part in reading:
            yield part
