"""A container that is run to its end, for what it prints."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

from jupyter_gpu_containers.backends.output import plain_text
from jupyter_gpu_containers.errors import KernelTimeoutError
from jupyter_gpu_containers.model.kernel.container import ContainerSpec
from jupyter_gpu_containers.ports import ContainerBackend

from .client import EngineClient

OUTPUT_LIMIT = 1024 * 1024  # bytes of output that are returned

Ask = Callable[[str, Callable[[EngineClient], Any]], Awaitable[Any]]


async def run(
    backend: ContainerBackend,
    ask: Ask,
    remove: Callable[[str], Future[None]],
    spec: ContainerSpec,
    timeout: float,
) -> tuple[int, str]:
    """Run a container and remove it: exit code and up to 1 MiB of its output.

    Parameters
    ----------
    backend : ContainerBackend
    ask : callable
        Makes a request about a container.
    remove : callable
        Removes a container in a thread; raises nothing.
    spec : ContainerSpec
    timeout : float
        Seconds.

    Raises
    ------
    KernelTimeoutError
    """
    container_id = await backend.create(spec)
    try:
        end = backend.watch(container_id)
        await backend.start(container_id)
        exited = await asyncio.wait_for(asyncio.wrap_future(end), timeout)
        output = await ask(
            container_id, lambda c: c.read_log(container_id, stderr=False, limit=OUTPUT_LIMIT)
        )
    except (TimeoutError, asyncio.TimeoutError) as exc:
        raise KernelTimeoutError(
            f"The image {spec.image[:19]} did not answer in {timeout:g} seconds.",
            "Try again; the first look into a large image can be slow.",
        ) from exc
    finally:
        # In a thread of its own right: a cancelled caller leaves no container behind.
        await asyncio.shield(asyncio.wrap_future(remove(container_id)))
    return exited.exit_code, plain_text(output)
