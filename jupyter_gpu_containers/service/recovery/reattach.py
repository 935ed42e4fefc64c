"""A server comes back: it takes over the kernels that its former life left running.

At the start of a server every recorded kernel is shown at once, as one that is pending; then the
engine is asked, for as long as it takes, what became of its container. A container that runs, is
ours, and whose kernel answers is taken over; one that ended says why; one that does not answer is
stopped after a grace. Each step can be repeated: a server that dies meanwhile begins anew.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from collections.abc import Coroutine, Iterable
from dataclasses import replace
from typing import Any, Protocol

from jupyter_gpu_containers.errors import (
    ContainerNotFoundError,
    GpuContainersError,
    KernelExitedError,
    UnavailableError,
)
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container, ContainerExit, ContainerStatus
from jupyter_gpu_containers.model.kernel.launch import Launch
from jupyter_gpu_containers.model.kernel.record import KernelRecord
from jupyter_gpu_containers.ports import ContainerBackend, GpuInventory
from jupyter_gpu_containers.runtime.heartbeat import heartbeat
from jupyter_gpu_containers.runtime.threads import in_thread
from jupyter_gpu_containers.service.futures import from_thread
from jupyter_gpu_containers.service.kernel import owner
from jupyter_gpu_containers.service.kernel.kernels import KernelContainer, Kernels
from jupyter_gpu_containers.service.launch.launches import Launches

from .crashpoints import reached
from .reconcile import ENDED, HOST_REBOOTED, NOT_RECOVERED, Reconciler
from .records import Records
from .sockets import all_there, ports_of
from .starts import INTERRUPTED

RETRY = 1.0  # seconds between questions to an engine that is away
LOOK = 0.1  # seconds between looks for sockets that the kernel has not made yet


class Adopter(Protocol):
    """Jupyter's kernel and session managers, as far as a kernel that is taken over needs them."""

    def adopt(
        self, record: KernelRecord, found: Coroutine[Any, Any, KernelContainer]
    ) -> asyncio.Task[None]:
        """List a kernel as pending and its sessions; await what was found and go on with it."""

    def discard(self, kernel_id: str) -> None:
        """Remove what Jupyter itself left behind of a kernel."""


class Reattach:
    """Finds the kernels of this server's former life.

    Parameters
    ----------
    grace : float
        Seconds for which a kernel may stay silent.
    """

    def __init__(
        self,
        backend: ContainerBackend,
        inventory: GpuInventory,
        reconciler: Reconciler,
        kernels: Kernels,
        launches: Launches,
        records: Records,
        *,
        grace: float = 900.0,
        log: logging.Logger | None = None,
    ) -> None:
        self._backend = backend
        self._inventory = inventory
        self._reconciler = reconciler
        self._kernels = kernels
        self._launches = launches
        self._records = records
        self._grace = grace
        self._log = log or logging.getLogger(__name__)
        self._pending: dict[str, KernelRecord] = {}  # by kernel id
        self._tasks: set[asyncio.Task[None]] = set()
        self._drops: dict[str, asyncio.Task[None]] = {}  # by kernel id
        reconciler.drives = self._drives
        reconciler.on_removed = self._removed
        launches.on_change(self._note_start)

    def begin(self, adopter: Adopter) -> None:
        """Take up every kernel on record; returns at once, so that no page finds one missing."""
        server = self._reconciler.server or ""
        unfinished = {launch.id: launch for launch in self._records.starts.of_server(server)}
        for record in self._records.of_server(server):
            kernel_id = record.kernel_id
            self._pending[kernel_id] = record
            if record.over:
                unfinished.pop(kernel_id, None)
                adopter.discard(kernel_id)
                self._drops[kernel_id] = task = asyncio.ensure_future(self._drop(record))
            elif record.answered:
                unfinished.pop(kernel_id, None)
                self._launches.recover(record.launch)
                task = adopter.adopt(record, self._find(record))
            else:
                unfinished[kernel_id] = record.launch
                self._drops[kernel_id] = task = asyncio.ensure_future(self._drop(record))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        for kernel_id, launch in unfinished.items():
            adopter.discard(kernel_id)
            if self._launches.find(kernel_id) is None:  # else it waited, and goes on
                self._launches.lost(launch, INTERRUPTED)
        reached("reattach.begun")

    async def cleared(self, kernel_id: str) -> None:
        """Wait until nothing is left of a start that this server's former life did not finish."""
        drop = self._drops.get(kernel_id)
        if drop is not None:
            await asyncio.wait({drop})

    async def close(self) -> None:
        """End what was not found yet: a server that is stopped stops its kernels.

        Where the engine does not answer, record and container stay for the next server.
        """
        self._records.starts.forget_told(age=0.0)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for record in list(self._pending.values()):
            try:
                await self._remove_containers(record)
            except UnavailableError as exc:
                self._log.warning("kernel %s is left for later: %s", record.kernel_id, exc)
            else:
                self._kernels.seats.leave(record.seat)
                self._forget(record)

    async def sweep_folders(self, standing: Iterable[Container]) -> None:
        """Remove the folders of kernels that are over.

        Parameters
        ----------
        standing : iterable of Container
            All containers of ours on the engine, in any state. Another server of this user may work
            with another engine: kernels on record are kept as long as it may come back.
        """
        self._records.starts.forget_told()
        kept = {container.labels.get(labels.KERNEL, "") for container in standing}
        kept |= await in_thread(None, lambda: self._records.awaited(self._reconciler.may_return))
        await in_thread(None, lambda: self._kernels.seats.sweep(kept))

    # --- one kernel ---------------------------------------------------------------------------

    async def _find(self, record: KernelRecord) -> KernelContainer:
        """Return the container of a kernel that answers, now this process's own.

        Raises
        ------
        GpuContainersError
            There is nothing to take over any more; container, folders and record are gone, and the
            launch says why.
        """
        kernel = self._as_recorded(record)
        try:
            kernel = await self._answering(record, kernel)
        except GpuContainersError as exc:
            self._log.warning("kernel %s: %s", record.kernel_id, exc)
            self._launches.fail(record.kernel_id, exc)
            reached("reattach.failed")
            if isinstance(exc, ContainerNotFoundError):  # gone, or not ours to remove
                self._kernels.seats.leave(record.seat)
            else:
                await self._kernels.remove(kernel)
            reached("reattach.removed")
            self._forget(record)
            raise
        reached("reattach.answered")
        taken = self._kernels.adopt(kernel)
        self._pending.pop(record.kernel_id, None)
        self._records.put(replace(record, seat=taken.seat))
        self._launches.found(record.kernel_id)
        self._log.info("kernel %s was recovered", record.kernel_id)
        return taken

    async def _answering(self, record: KernelRecord, kernel: KernelContainer) -> KernelContainer:
        """Wait until the kernel has answered; raise why it never will."""
        container = await self._container(record)
        reached("reattach.found")
        if container.status is ContainerStatus.CREATED:
            raise KernelExitedError(INTERRUPTED.message, INTERRUPTED.hint, code=INTERRUPTED.code)
        snapshot = await self._inventory.snapshot()
        kernel = replace(
            kernel,
            gpus=tuple(gpu for gpu in snapshot.gpus if gpu.uuid in record.gpus),
            ended=self._backend.watch(container.id),
        )
        if container.status in ENDED:  # its sockets may be gone, as after a start of the machine
            await from_thread(kernel.ended)
            raise await self._ending(container, kernel)
        answered: asyncio.Task[None] = asyncio.ensure_future(self._answered(record))
        ended: asyncio.Task[ContainerExit] = asyncio.ensure_future(from_thread(kernel.ended))
        try:
            while not (answered.done() or ended.done()):
                await asyncio.wait(
                    {answered, ended}, timeout=self._grace, return_when=asyncio.FIRST_COMPLETED
                )
                if not (answered.done() or ended.done()):
                    await self._refuse_silence(record)
            if ended.done():
                raise await self._ending(container, kernel)
            answered.result()
        finally:
            answered.cancel()
            ended.cancel()
            await asyncio.gather(answered, ended, return_exceptions=True)
        return kernel

    async def _container(self, record: KernelRecord) -> Container:
        """Ask the engine for a kernel's container until it answers."""
        while True:
            try:
                found = await self._containers(record)
                break
            except UnavailableError as exc:
                self._log.debug("kernel %s: %s", record.kernel_id, exc)
                await asyncio.sleep(RETRY)
        for container in found:
            if container.id == record.container_id:
                return container
        raise ContainerNotFoundError(
            "The kernel's container was removed while its Jupyter server was not running.",
            "Start the kernel again; its variables are lost.",
            code="container_removed",
        )

    async def _answered(self, record: KernelRecord) -> None:
        """Wait for the kernel's sockets, then for its heartbeat."""
        run_dir, uid = record.seat.run_dir, record.seat.caller.uid
        ports = ports_of(record.connection, run_dir)
        while not all_there(run_dir, ports, uid):  # noqa: ASYNC110  nothing tells of new sockets
            await asyncio.sleep(LOOK)
        await heartbeat(self._as_recorded(record).heartbeat_url)

    async def _refuse_silence(self, record: KernelRecord) -> None:
        """Raise where a kernel had the time to answer; one that is paused has not."""
        container = await self._container(record)
        if container.status is ContainerStatus.RUNNING:
            raise KernelExitedError(
                NOT_RECOVERED.message, NOT_RECOVERED.hint, code=NOT_RECOVERED.code
            )

    async def _ending(self, container: Container, kernel: KernelContainer) -> GpuContainersError:
        if owner.is_of_another_boot(container.labels.get(labels.OWNER, "")):
            return KernelExitedError(
                HOST_REBOOTED.message, HOST_REBOOTED.hint, code=HOST_REBOOTED.code
            )
        return await self._kernels.explain(kernel)

    async def _drop(self, record: KernelRecord) -> None:
        """Remove what a start or a shutdown left that its server did not live to finish."""
        while True:
            try:
                await self._remove_containers(record)
                break
            except UnavailableError as exc:
                self._log.debug("kernel %s: %s", record.kernel_id, exc)
                await asyncio.sleep(RETRY)
        reached("reattach.dropped")
        self._kernels.seats.leave(record.seat)
        self._forget(record)

    async def _remove_containers(self, record: KernelRecord) -> None:
        """Remove a kernel's containers; there are two where a first one was lost in its start."""
        for container in await self._containers(record):
            await self._reconciler.release(container.id)

    async def _containers(self, record: KernelRecord) -> list[Container]:
        found = await self._backend.containers(f"{labels.KERNEL}={record.kernel_id}")
        return [
            container
            for container in found
            if container.labels.get(labels.SERVER) == record.server
            and self._reconciler.signer.is_ours(container)
        ]

    def _as_recorded(self, record: KernelRecord) -> KernelContainer:
        connection = record.connection
        return KernelContainer(
            container_id=record.container_id,
            environment=record.environment,
            seat=record.seat,
            gpus=(),
            memory=record.memory,
            heartbeat_url=f"ipc://{connection.get('ip')}-{connection.get('hb_port')}",
            ended=concurrent.futures.Future(),
            warnings=record.launch.warnings,
        )

    def _forget(self, record: KernelRecord) -> None:
        self._pending.pop(record.kernel_id, None)
        self._records.remove(record.kernel_id)

    # --- what the reconciler asks and tells ---------------------------------------------------

    def _drives(self, container: Container) -> bool:
        """Tell whether this process drives a container, or is about to take it over."""
        kernel_id = container.labels.get(labels.KERNEL, "")
        kernel = self._kernels.get(kernel_id)
        return kernel_id in self._pending or (
            kernel is not None and kernel.container_id == container.id
        )

    def _note_start(self, launch: Launch) -> None:
        if self._reconciler.server:  # else nobody comes back to read of it
            self._records.starts.note(launch, self._reconciler.server)

    def _removed(self, container: Container, why: Problem | None) -> None:
        """Note the end of a kernel of this server that nothing was known about any more."""
        text = container.labels
        if why is None or text.get(labels.SERVER, "") != self._reconciler.server:
            return
        kernel_id = text.get(labels.KERNEL, "")
        launch = Launch(
            kernel_id,
            environment=text.get(labels.ENVIRONMENT, ""),
            display_name=text.get(labels.DISPLAY_NAME, ""),
            path=text.get(labels.NOTEBOOK, ""),
            kernel_id=kernel_id,
            gpus=tuple(sorted(labels.gpus_of(container))),
        )
        self._launches.lost(launch, why)
        self._records.remove(kernel_id)
