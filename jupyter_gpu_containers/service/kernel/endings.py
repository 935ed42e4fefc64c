"""Gathers what is known about a kernel's end, for `model.kernel.ending` to put it into words."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_gpu_containers.errors import GpuContainersError, KernelTimeoutError
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.gpu.health import GpuFailure
from jupyter_gpu_containers.model.kernel.ending import (
    Circumstances,
    FullDisk,
    explain_exit,
    last_words,
    tells_of_full_disk,
)
from jupyter_gpu_containers.model.kernel.usage import ContainerUsage
from jupyter_gpu_containers.ports import ContainerBackend
from jupyter_gpu_containers.runtime.threads import in_thread

if TYPE_CHECKING:
    from .kernels import KernelContainer

NO_ROOM = 1 << 20  # bytes; a disk with less is full: not even a cell's output fits
# given a kernel: which of its GPUs failed during its present run
Failures = Callable[["KernelContainer"], tuple[GpuFailure, ...]]


class Endings:
    """Why kernels end: remembers what must be noted before, and asks the rest when it is over.

    Parameters
    ----------
    backend : ContainerBackend
    pids_limit : int, optional
        Of each container, in processes and threads.
    shm_size : int, optional
        Bytes of each container's /dev/shm, where its environment says nothing else.
    """

    def __init__(
        self,
        backend: ContainerBackend,
        *,
        pids_limit: int | None = None,
        shm_size: int | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        self._backend = backend
        self._pids_limit = pids_limit
        self._shm_size = shm_size
        self._log = log or logging.getLogger(__name__)
        self._reasons: dict[str, Problem] = {}  # by kernel id
        self._samples: dict[str, ContainerUsage] = {}  # by container id
        self._before: dict[str, ContainerUsage] = {}  # by container id; see `begin_anew`
        self.failures: Failures = lambda kernel: ()  # replaced where GPUs' health is watched

    def note(self, kernel_id: str, reason: Problem) -> None:
        """Note why a kernel will end, before it is ended on purpose; the first reason stands."""
        self._reasons.setdefault(kernel_id, reason)

    def reason(self, kernel_id: str) -> Problem | None:
        """Return what was noted."""
        return self._reasons.get(kernel_id)

    def forget(self, kernel_id: str, container_id: str | None = None) -> None:
        """Drop what is remembered of a kernel that is gone, or begins anew."""
        self._reasons.pop(kernel_id, None)
        if container_id is not None:
            self._samples.pop(container_id, None)
            self._before.pop(container_id, None)

    def begin_anew(self, container_id: str, usage: ContainerUsage) -> None:
        """Note what was counted of a container before the kernel that begins in it now."""
        self._before[container_id] = usage

    async def sample(self, kernels: Iterable[KernelContainer]) -> dict[str, ContainerUsage]:
        """Ask for the counters of running kernels, and keep them in case they die.

        Returns them by kernel id. An engine that does not answer leaves the last ones standing.
        """
        found: dict[str, ContainerUsage] = {}
        for kernel in kernels:
            try:
                usage = await self.usage(kernel.container_id)
            except GpuContainersError as exc:
                self._log.debug("no counters of %s: %s", kernel.container_id, exc)
                continue
            if usage is not None:
                self._samples[kernel.container_id] = found[kernel.seat.kernel_id] = usage
        return found

    async def usage(self, container_id: str) -> ContainerUsage | None:
        """Return the counters of any container of ours. Raises `UnavailableError`."""
        return self._since(container_id, await self._backend.usage(container_id))

    async def explain(self, kernel: KernelContainer, *, answered: bool) -> GpuContainersError:
        """Return why a kernel's container ended; it must have.

        Parameters
        ----------
        kernel : KernelContainer
        answered : bool
            Whether the kernel had answered in this run.
        """
        tail = ""
        try:
            tail = await self._backend.logs(kernel.container_id)
        except GpuContainersError as exc:
            self._log.debug("no log of %s: %s", kernel.container_id, exc)
        full = await self._full_disks(kernel) if tells_of_full_disk(tail) else ()
        ending = kernel.ended.result()
        return explain_exit(
            replace(ending, usage=self._since(kernel.container_id, ending.usage)),
            Circumstances(
                memory=kernel.memory,
                shm_size=kernel.environment.shm_size or self._shm_size,
                pids_limit=self._pids_limit,
                usage=self._samples.get(kernel.container_id),
                log_tail=tail,
                answered=answered,
                gpu_failures=self.failures(kernel),
                full_disks=full,
                reason=self._reasons.get(kernel.seat.kernel_id),
            ),
        )

    async def silent(self, kernel: KernelContainer, timeout: float) -> KernelTimeoutError:
        """Return that a kernel which runs did not answer within some seconds."""
        tail = await self._backend.logs(kernel.container_id)
        words = "" if tail else " It wrote nothing to its log."
        return KernelTimeoutError(
            f"The kernel did not answer within {timeout:g} seconds.{words}",
            "If the image only starts slowly, raise c.GpuContainers.start_timeout.",
            log=last_words(tail),
        )

    def _since(self, container_id: str, usage: ContainerUsage | None) -> ContainerUsage | None:
        before = self._before.get(container_id)
        return usage.since(before) if usage is not None and before is not None else usage

    async def _full_disks(self, kernel: KernelContainer) -> tuple[FullDisk, ...]:
        """Look at the disks that a kernel writes to: its mounts, and the engine's own."""
        places = [kernel.seat.workspace.source, kernel.seat.home_dir, kernel.seat.run_dir]
        try:
            places.append((await self._backend.info()).root_dir)
        except GpuContainersError as exc:
            self._log.debug("the engine's disk is not known: %s", exc)
        return await in_thread(None, lambda: full_disks(places))


def full_disks(places: Iterable[str]) -> tuple[FullDisk, ...]:
    """Return those of these folders whose file system has no room, each file system once."""
    found: dict[int, FullDisk] = {}
    for place in places:
        try:
            room = os.statvfs(place)
            device = os.stat(place).st_dev
        except OSError:  # not on this machine, or not for us to see
            continue
        free = room.f_bavail * room.f_frsize
        if free < NO_ROOM:
            found.setdefault(device, FullDisk(place, free))
    return tuple(found.values())
