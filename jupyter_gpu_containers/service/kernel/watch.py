"""Watches kernels that run: counters, GPUs that fail under them, devices that are taken away.

What a user must know of a kernel that goes on is a warning on its launch; what may be needed for
the reason of its death is remembered (`service.kernel.endings`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from jupyter_gpu_containers.errors import GpuContainersError
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.gpu.health import access_warning, lost_warning
from jupyter_gpu_containers.model.kernel.ending import child_killed
from jupyter_gpu_containers.ports import ContainerBackend
from jupyter_gpu_containers.service.futures import from_thread, set_within
from jupyter_gpu_containers.service.gpu.health import GpuHealth

from .kernels import KernelContainer, Kernels

INTERVAL = 30.0  # seconds between two looks
ACCESS_EVERY = 4  # looks; each runs a program in each container with GPUs
SETTLE = 2.0  # seconds in which a kernel that is killed for memory has ended


class EventSource(Protocol):
    """What tells of GPUs that fail, in a thread of its own."""

    def start(self) -> None:
        """Begin."""

    def close(self) -> None:
        """End; does not wait long."""


class Warnings(Protocol):
    """Where warnings go."""

    def warn(self, launch_id: str, warning: Problem) -> None:
        """Show a warning on a running kernel; one of each code."""


class KernelWatch:
    """Looks at the kernels of this process; of a server, whose loop runs for long.

    Parameters
    ----------
    backend : ContainerBackend
    kernels : Kernels
    launches : Warnings
    health : GpuHealth
    sources : sequence of EventSource
        Started and closed with the watch.
    interval : float
        Seconds.
    """

    def __init__(
        self,
        backend: ContainerBackend,
        kernels: Kernels,
        launches: Warnings,
        health: GpuHealth,
        *,
        sources: Sequence[EventSource] = (),
        interval: float = INTERVAL,
        log: logging.Logger | None = None,
    ) -> None:
        self._backend = backend
        self._kernels = kernels
        self._launches = launches
        self._health = health
        self._sources = sources
        self._interval = interval
        self._log = log or logging.getLogger(__name__)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._killed: set[str] = set()  # ids of containers of which a process was killed
        kernels.endings.failures = lambda kernel: health.failures(kernel.gpus, kernel.began)
        backend.on_memory_kill(self._memory_kill)
        health.on_failure(self._call)

    async def run(self) -> None:
        """Watch until it is cancelled."""
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        await self._health.snapshot()  # from now on it knows which GPUs there are
        for source in self._sources:
            source.start()
        looks = 0
        try:
            while True:
                try:
                    await self.look(access=looks % ACCESS_EVERY == 0)
                except Exception:  # noqa: BLE001  a bug in one look must not end the watch
                    self._log.exception("looking at the kernels failed")
                looks += 1
                await set_within(self._wake, self._interval)
                self._wake.clear()
        finally:
            self._wake = None
            for source in self._sources:
                await asyncio.to_thread(source.close)

    async def look(self, *, access: bool = True) -> None:
        """Look once at everything that runs.

        Parameters
        ----------
        access : bool
            Whether to try the GPUs' device nodes.
        """
        await self._health.snapshot()  # who is well again is given out again
        killed, self._killed = self._killed, set()
        await asyncio.gather(
            *(self._settled(k) for k in self._kernels.running() if k.container_id in killed)
        )
        running = self._kernels.running()
        counters = await self._kernels.endings.sample(running)
        for kernel in running:
            usage = counters.get(kernel.seat.kernel_id)
            was_killed = kernel.container_id in killed or bool(usage and usage.oom_kills)
            if was_killed and not kernel.ended.done():
                self._warn(kernel, child_killed(usage, kernel.memory))
            for failure in self._health.failures(kernel.gpus, kernel.began):
                self._warn(kernel, lost_warning(failure))
            if access and kernel.gpus:
                await self._try_devices(kernel)

    async def _settled(self, kernel: KernelContainer) -> None:
        """Wait for the end of a kernel, if it is the one that was killed."""
        ended = asyncio.ensure_future(from_thread(kernel.ended))
        await asyncio.wait({ended}, timeout=SETTLE)
        ended.cancel()

    async def _try_devices(self, kernel: KernelContainer) -> None:
        minors = {gpu.minor_number for gpu in kernel.gpus if gpu.minor_number is not None}
        try:
            refused = await self._backend.refused_gpus(kernel.container_id, minors)
        except GpuContainersError as exc:
            self._log.debug("devices of %s: %s", kernel.container_id, exc)
            return
        if refused:
            nodes = tuple(f"/dev/nvidia{number}" for number in sorted(refused))
            self._warn(kernel, access_warning(nodes))

    def _warn(self, kernel: KernelContainer, warning: Problem) -> None:
        self._launches.warn(kernel.seat.kernel_id, warning)

    # -- from foreign threads -----------------------------------------------------------------

    def _memory_kill(self, container_id: str) -> None:
        self._killed.add(container_id)
        self._call()

    def _call(self) -> None:
        """Look soon."""
        loop, wake = self._loop, self._wake
        if loop is None or wake is None:
            return
        try:
            loop.call_soon_threadsafe(wake.set)
        except RuntimeError:  # closed between the two lines: nobody watches any more
            return
