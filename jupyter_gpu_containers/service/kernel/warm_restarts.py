"""Restarts for which the container goes on: ordered, counted anew, or given up for a cold one.

A restarted kernel must be a clean one. What the container's own process can see to, it does
(`runtime.keeper`); the rest is looked at here. Whatever is not as expected, the container is ended
and started again, as it is without all this.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from jupyter_gpu_containers.model.kernel.usage import ContainerUsage, UsageSource
from jupyter_gpu_containers.ports import ContainerBackend
from jupyter_gpu_containers.runtime.keeper_link import KeeperLink, NotKeptError, has_pipes
from jupyter_gpu_containers.service.futures import from_thread
from jupyter_gpu_containers.service.recovery.crashpoints import reached

from .endings import Endings

if TYPE_CHECKING:
    from .kernels import KernelContainer

COUNTED = 0.1  # seconds; control groups are read in less, an engine is not waited for
GOES = 5.0  # seconds for a keeper to begin a kernel
ENDS = 2.0  # seconds for a keeper to end; then its container is killed
KILLED = 10.0  # seconds for the engine to tell that it has ended
Run = Callable[[Callable[[], Awaitable[None]] | None], Coroutine[Any, Any, "KernelContainer"]]
ROOM = 256 << 20  # bytes below the limit that must be free for two interpreters at once


class WarmRestarts:
    """Orders that containers outlive their kernels.

    Parameters
    ----------
    backend : ContainerBackend
    endings : Endings
        Learns from when on to count.
    """

    def __init__(
        self, backend: ContainerBackend, endings: Endings, *, log: logging.Logger | None = None
    ) -> None:
        self._backend = backend
        self._endings = endings
        self.log = log or logging.getLogger(__name__)

    async def order(self, kernel: KernelContainer, *, kill: bool = False) -> KeeperLink | None:
        """Order that a container outlives its kernel; None: a restart will be a cold one.

        Parameters
        ----------
        kernel : KernelContainer
        kill : bool
            End the kernel at once; else somebody else asks it to end.
        """
        if not has_pipes(kernel.seat.run_dir):
            return None
        usage = await self._clean_counters(kernel)
        if usage is None or kernel.ended.done():
            return None
        try:
            link = KeeperLink(kernel.seat.run_dir)
        except NotKeptError as exc:
            self.log.debug("container %s is not kept: %s", kernel.container_id, exc)
            return None
        limit, used = usage.memory_limit, usage.memory or 0
        link.restart(ahead=not kill and (limit is None or used + ROOM <= limit))
        if kill:
            link.kill()
        reached("restart.ordered")
        return link

    async def go(self, kernel: KernelContainer, link: KeeperLink) -> None:
        """Let the next kernel begin, in a container of whose last one nothing is left.

        Raises
        ------
        NotKeptError
            It does not.
        """
        if link.exit_code is None:
            raise NotKeptError("the last kernel has not ended")
        usage = await self._clean_counters(kernel)
        if usage is None:
            raise NotKeptError("its counters are not those of a new container")
        self._endings.begin_anew(kernel.container_id, usage)
        reached("restart.cleared")
        started = asyncio.ensure_future(from_thread(link.go()))
        try:
            await asyncio.wait({started}, timeout=GOES)
            if not started.done():
                raise NotKeptError(f"it did not begin within {GOES:g} seconds")
            started.result()
        finally:
            started.cancel()
            await asyncio.gather(started, return_exceptions=True)
        reached("restart.gone_on")

    async def give_up(self, kernel: KernelContainer, link: KeeperLink) -> None:
        """End the container, for it to be started again."""
        link.close()
        if not await has_ended(kernel, ENDS):
            await self._backend.signal(kernel.container_id, signal.SIGKILL)
            await has_ended(kernel, KILLED)

    async def _clean_counters(self, kernel: KernelContainer) -> ContainerUsage | None:
        """Read what is counted of a container; None where that cannot be told from a new one's.

        The engine's own record that a process was killed for memory holds for the container's
        whole run, and would be taken for the reason of the next kernel's end.
        """
        asked = asyncio.ensure_future(self._backend.usage(kernel.container_id))
        await asyncio.wait({asked}, timeout=COUNTED)
        if not asked.done():
            asked.cancel()
        (usage,) = await asyncio.gather(asked, return_exceptions=True)
        if not isinstance(usage, ContainerUsage) or usage.source is not UsageSource.CGROUP:
            return None
        return usage if usage.oom_kills == 0 and not usage.forks_refused else None


async def restarted(
    warm: WarmRestarts, link: KeeperLink | None, kernel: KernelContainer, run: Run
) -> KernelContainer:
    """Run a kernel again, in the container that was kept, or that is started again.

    Parameters
    ----------
    warm : WarmRestarts
    link : KeeperLink, optional
        It is closed.
    kernel : KernelContainer
    run : callable
        Runs the kernel, given what begins it; None: the engine does.
    """
    if link is not None:
        try:
            return await run(lambda: warm.go(kernel, link))
        except NotKeptError as exc:
            warm.log.info("kernel %s is restarted cold: %s", kernel.seat.kernel_id, exc)
            await warm.give_up(kernel, link)
        finally:
            link.close()
    return await run(None)


async def has_ended(kernel: KernelContainer, seconds: float) -> bool:
    """Wait some seconds for the end of a container's run; tell whether it came."""
    ended = asyncio.ensure_future(from_thread(kernel.ended))
    await asyncio.wait({ended}, timeout=seconds)
    ended.cancel()
    await asyncio.gather(ended, return_exceptions=True)
    return kernel.ended.done()
