"""The memory backend: containers are records, local processes stand in for them.

For the demonstration on machines without an engine and for tests of everything above a backend.
Nothing is isolated: a "container" is a child process with the server's own rights, its mounts are
translated paths, and its GPUs are no more than written down. The UI says so (`demo`).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import signal
import threading
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future

from jupyter_gpu_containers.backends.output import plain_text
from jupyter_gpu_containers.errors import (
    ContainerNotFoundError,
    EngineError,
    GpuVanishedError,
    KernelTimeoutError,
    WorkspaceError,
)
from jupyter_gpu_containers.model.change import EngineChange
from jupyter_gpu_containers.model.gpu.foreign import ForeignContainer
from jupyter_gpu_containers.model.image.build import BuildPlan
from jupyter_gpu_containers.model.image.container_diff import ContainerDiff
from jupyter_gpu_containers.model.image.image import Image
from jupyter_gpu_containers.model.image.registry import Credential
from jupyter_gpu_containers.model.kernel.container import (
    Container,
    ContainerExit,
    ContainerSpec,
    ContainerStatus,
    EngineInfo,
)
from jupyter_gpu_containers.model.kernel.shell import Program, TerminalSize
from jupyter_gpu_containers.model.kernel.usage import ContainerUsage
from jupyter_gpu_containers.ports import ContainerBackend, Execution, Progress
from jupyter_gpu_containers.runtime.threads import in_thread

from . import build, commit, library, shell
from .images import DEMO_IMAGES, host_architecture
from .process import Process
from .store import MemoryStore, Record

__all__ = ["MemoryBackend", "MemoryStore"]


class MemoryBackend(ContainerBackend):
    """Containers as records in this process.

    Parameters
    ----------
    images : iterable of Image
        What `images` lists. Ignored where a store is given.
    store : MemoryStore, optional
        To be shared with other backends, as servers share an engine.
    transfer_seconds : float
        How long a pull or push takes: long enough to be seen.
    """

    demo = True

    def __init__(
        self,
        images: Iterable[Image] = DEMO_IMAGES,
        *,
        store: MemoryStore | None = None,
        transfer_seconds: float = 1.0,
    ) -> None:
        self._transfer_seconds = transfer_seconds
        self._store = store or MemoryStore(images)
        self._closed = False
        self._listeners: list[Callable[[EngineChange], None]] = []  # those of this backend
        with self._store.lock:
            self._store.users += 1

    async def info(self) -> EngineInfo:
        """Say that this is no engine."""
        return EngineInfo(
            name="memory", version="1", api_version="1", architecture=host_architecture()
        )

    async def images(self) -> list[Image]:
        """List the images."""
        return [image for image in self._store.images.values() if image.references]

    async def image(self, reference: str) -> Image:
        """Look one image up by id or reference. Raises `ImageNotFoundError`."""
        return library.find(self._store, reference)

    async def pull(
        self,
        reference: str,
        *,
        credential: Credential | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Pretend to fetch an image of `memory_registry`. Raises `RegistryError`."""
        await self._transfer(library.pull, reference, credential, progress)

    async def push(
        self,
        reference: str,
        *,
        credential: Credential | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Pretend to send an image, which can be pulled from then on."""
        await self._transfer(library.push, reference, credential, progress)

    async def build(self, plan: BuildPlan, *, progress: Progress | None = None) -> None:
        """Pretend to build an image on one of those that are known."""
        await self._transfer(build.build, plan, None, progress)

    async def _transfer(
        self,
        work: Callable[..., None],
        what: str | BuildPlan,
        credential: Credential | None,
        progress: Progress | None,
    ) -> None:
        stop = threading.Event()
        # a thread of its own: the event loop's executor would wait for it when it ends
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()

        def run() -> None:
            try:
                work(
                    self._store,
                    what,
                    progress,
                    logged_in=credential is not None,
                    seconds=self._transfer_seconds,
                    stop=stop,
                )
            except BaseException as exc:  # noqa: BLE001  the waiting side gets it
                future.set_exception(exc)
            else:
                future.set_result(None)

        threading.Thread(target=run, name="gpu-containers-transfer", daemon=True).start()
        try:
            await asyncio.wrap_future(future)
        finally:
            stop.set()

    async def tag(self, image: str, reference: str) -> None:
        """Give an image another name. Raises `ImageNotFoundError`."""
        library.tag(self._store, image, reference)

    async def remove_image(self, reference: str, *, force: bool = False) -> list[str]:
        """Untag or delete. Raises `ImageNotFoundError`, `ImageInUseError`."""
        return library.remove(self._store, reference, force)

    async def diff(self, container_id: str) -> ContainerDiff:
        """Tell that nothing has changed: no file here is a container's."""
        with self._store.lock:
            return commit.diff(self._record(container_id))

    async def commit(
        self, container_id: str, reference: str, *, env: Mapping[str, str] | None = None
    ) -> str:
        """Write an image down that is as the container's own; see `commit`."""
        with self._store.lock:
            record = self._record(container_id)
        return commit.commit(self._store, record, reference, env or {})

    async def containers(self, label: str) -> list[Container]:
        """List containers with a label, ``key`` or ``key=value``, in every state."""
        key, given, value = label.partition("=")
        with self._store.lock:
            return [
                record.as_container()
                for record in self._store.records.values()
                if key in record.spec.labels and (not given or record.spec.labels[key] == value)
            ]

    async def foreign_gpu_containers(self) -> list[ForeignContainer]:
        """List none: nobody else is here."""
        return []

    def on_change(self, listener: Callable[[EngineChange], None]) -> None:
        """Call the listener with what any backend of the store has changed."""
        with self._store.lock:
            self._listeners.append(listener)
            self._store.listeners.append(listener)

    async def create(self, spec: ContainerSpec) -> str:
        """Write a container down. Raises as the Docker backend does."""
        await self.image(spec.image)
        _check_mounts(spec)
        with self._store.lock:
            if any(record.spec.name == spec.name for record in self._store.records.values()):
                raise EngineError(f"The container name {spec.name} is in use.")
            container_id = hashlib.sha256(secrets.token_bytes(32)).hexdigest()
            self._store.records[container_id] = Record(container_id, spec, time.time())
            self._store.tell_of(spec)
            return container_id

    async def start(self, container_id: str) -> None:
        """Start the process that stands in for the container."""
        await asyncio.to_thread(self._start, container_id)

    def _start(self, container_id: str) -> None:
        with self._store.lock:
            record = self._record(container_id)
            if record.status is ContainerStatus.REMOVING:
                raise _not_found(container_id)
            if record.status is ContainerStatus.RUNNING:
                return
            record.process = Process(
                record.spec, record.log, lambda code: self._ended(record, ContainerExit(code))
            )
            record.runs += 1
            record.status = ContainerStatus.RUNNING

    def _ended(self, record: Record, end: ContainerExit) -> None:
        with self._store.lock:
            record.process = None
            record.log.end_run()
            record.exit = end
            if record.status is not ContainerStatus.REMOVING:
                record.status = ContainerStatus.EXITED
            waiting = record.take()
        if waiting is not None:
            waiting.set_result(end)

    async def verify_gpus(self, container_id: str, minor_numbers: Collection[int]) -> None:
        """Compare the record with the request: no device is really there or not there.

        Raises `GpuVanishedError` where one says GPUs and the other says none.
        """
        with self._store.lock:
            record = self._record(container_id)
        if bool(record.spec.gpus) != bool(minor_numbers):
            raise GpuVanishedError(
                f"The container was created with {len(record.spec.gpus)} GPUs, but "
                f"{len(minor_numbers)} were expected.",
            )

    async def refused_gpus(
        self, container_id: str, minor_numbers: Collection[int]
    ) -> frozenset[int]:
        """Tell of none: nothing is taken away from a record."""
        return frozenset()

    def watch(self, container_id: str) -> Future[ContainerExit]:
        """Return a future for the end of the present run.

        The present run is the one that the container is in, or will be in when it is started;
        where the container has exited and no future told so yet, that past run.
        """
        with self._store.lock:
            record = self._store.find(container_id)
            if record is not None and record.waiting is not None:
                return record.waiting
            future: Future[ContainerExit] = Future()
            future.set_running_or_notify_cancel()  # several may wait: nobody can cancel it
            if record is None:
                future.set_result(_LOST)
            elif record.status is ContainerStatus.EXITED and record.reported < record.runs:
                assert record.exit is not None
                record.reported = record.runs
                future.set_result(record.exit)
            else:
                record.waiting = future
            return future

    def on_memory_kill(self, listener: Callable[[str], None]) -> None:
        """Call nobody: processes have no memory limit here."""

    async def usage(self, container_id: str) -> ContainerUsage | None:
        """Tell nothing: a record has no control group of its own."""
        return None

    async def signal(self, container_id: str, signum: int) -> None:
        """Send a signal to the process group; no error when it has ended."""
        with self._store.lock:
            record = self._store.find(container_id)
            process = record.process if record else None
        if process is not None:
            process.signal(signum)

    async def run(self, spec: ContainerSpec, *, timeout: float) -> tuple[int, str]:
        """Run to the end and remove: exit code and standard output."""
        container_id = await self.create(spec)
        try:
            end = self.watch(container_id)
            await self.start(container_id)
            exited = await asyncio.wait_for(asyncio.wrap_future(end), timeout)
            with self._store.lock:
                output = self._record(container_id).log.read(stderr=False)
        except (TimeoutError, asyncio.TimeoutError) as exc:
            raise KernelTimeoutError(
                f"{spec.command[0]} did not end in {timeout:g} seconds."
            ) from exc
        finally:
            await asyncio.shield(asyncio.to_thread(self._remove, container_id))
        return exited.exit_code, plain_text(output)

    async def logs(self, container_id: str, *, tail: int = 20) -> str:
        """Return the last lines, without terminal escapes; "" when the container is gone."""
        with self._store.lock:
            record = self._store.find(container_id)
        if record is None or tail <= 0:
            return ""
        return "".join(plain_text(record.log.read()).splitlines(keepends=True)[-tail:])

    def stream_logs(self, container_id: str, *, tail: int, follow: bool) -> AsyncGenerator[str]:
        """Yield the last lines, and where wanted what is written while its run goes on."""
        return shell.stream(self._store, container_id, tail, follow=follow)

    async def execute(
        self,
        container_id: str,
        command: Sequence[str] = (),
        *,
        terminal: TerminalSize | None = None,
        term: str | None = None,
    ) -> Execution:
        """Run a program beside the container's process, with the server's own rights."""
        with self._store.lock:
            program = shell.program(self._record(container_id), command)
        return await asyncio.to_thread(shell.LocalExecution, program, terminal, term)

    def local_shell(self, container_id: str) -> Program | None:
        """Return the process that is a shell beside the container's."""
        with self._store.lock:
            return shell.program(self._record(container_id))

    async def remove(self, container_id: str) -> None:
        """Kill the process, wait for its end, and forget the container."""
        await in_thread(None, lambda: self._remove(container_id))

    def _remove(self, container_id: str) -> None:
        with self._store.lock:
            record = self._store.find(container_id)
            process = record.process if record else None
            if record is not None:
                record.status = ContainerStatus.REMOVING  # nobody starts it any more
        if process is not None:
            process.signal(signal.SIGKILL)
            process.join()
        with self._store.lock:
            if record is None or self._store.records.pop(record.id, None) is None:
                return
            self._store.tell_of(record.spec)
            waiting = record.take()
        if waiting is not None:
            waiting.set_result(_LOST)

    def close(self) -> None:
        """Leave the store; the last one to leave ends all processes."""
        with self._store.lock:
            self._store.users -= not self._closed
            self._closed = True
            for listener in self._listeners:
                self._store.listeners.remove(listener)
            self._listeners.clear()
            last = self._store.users == 0
        if last:
            self._store.kill_all()

    def _record(self, container_id: str) -> Record:
        record = self._store.find(container_id)
        if record is None:
            raise _not_found(container_id)
        return record


_LOST = ContainerExit(-1, error="The container was removed.", lost=True)


def _not_found(container_id: str) -> ContainerNotFoundError:
    return ContainerNotFoundError(
        f"The container {container_id[:12]} does not exist any more.", "Start a new kernel."
    )


def _check_mounts(spec: ContainerSpec) -> None:
    for mount in spec.mounts:
        if not os.path.exists(mount.source):
            raise WorkspaceError(
                f"The folder {mount.source} cannot be mounted: it does not exist.",
                "The folder must exist on this machine.",
            )
