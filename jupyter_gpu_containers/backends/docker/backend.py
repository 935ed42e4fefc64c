"""The Docker backend: a Docker-compatible engine behind its socket.

Every request is made in a small pool of threads, never in an event loop's, and nothing here
belongs to a loop. The engine is asked, not remembered: after its restart the next request
connects anew. Docker Engine API: https://docs.docker.com/reference/api/engine/
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from jupyter_gpu_containers.backends.output import plain_text
from jupyter_gpu_containers.errors import (
    ContainerNotFoundError,
    EngineUnreachableError,
    GpuContainersError,
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
    EngineInfo,
)
from jupyter_gpu_containers.model.kernel.shell import TerminalSize
from jupyter_gpu_containers.model.kernel.usage import ContainerUsage
from jupyter_gpu_containers.ports import ContainerBackend, Execution, Progress
from jupyter_gpu_containers.runtime.threads import in_thread

from . import access, build, commit, diff, gpus, images, logs, podman, requests, run, shell
from .client import EngineClient, connect, find_engine
from .errors import translated
from .events import ExitWatcher
from .facts import (
    container_from_list,
    image_from_inspect,
    image_from_list,
    usage_from_stats,
)
from .foreign import ForeignContainers
from .kept import Kept
from .refusals import pull_error, push_error
from .transfer import Transfer, finish

log = logging.getLogger(__name__)
T = TypeVar("T")

THREADS = 8
LOG_LIMIT = 64 * 1024  # bytes that `logs` returns, however long the lines are


class DockerBackend(ContainerBackend):
    """Docker Engine (API 1.41 and later), or Podman's Docker-compatible socket.

    Parameters
    ----------
    url : str, optional
        ``unix:///…`` or ``tcp://…``; by default DOCKER_HOST, else the first socket found.
    injection : {"auto", "cdi", "nvidia"}
        How GPUs reach containers; "auto": by CDI where the engine lists all the devices that are
        asked for, else by its ``nvidia`` driver.
    timeout : int
        Seconds that one answer of the engine may take.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        injection: requests.InjectionSetting = "auto",
        timeout: int = 60,
    ) -> None:
        self._url = self.address = url
        self._injection = injection
        self._timeout = timeout
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="gpu-containers-engine")
        self._lock = threading.Lock()
        self._client: EngineClient | None = None
        self._info: EngineInfo | None = None
        self._binds: dict[str, dict[str, str]] = {}  # by container: target -> source
        self._foreign = ForeignContainers()
        self._kept_images = Kept(self._read_images, self._pool)
        self._kept_info = Kept(self._read_info, self._pool)
        kept = (self._kept_images, self._kept_info)
        self._watcher = ExitWatcher(self._request, self._pool.submit, *kept)

    # -- threads and the connection ---------------------------------------------------------

    def _request(self, subject: str, request: Callable[[EngineClient], T]) -> T:
        """Make a request in this thread, with the engine's errors translated.

        Parameters
        ----------
        subject : str
            Image reference or container id that the request is about.
        request : callable
        """
        client = self._connected()
        try:
            with translated(subject):
                return request(client)
        except EngineUnreachableError:
            self._drop(client)
            raise

    def _connected(self) -> EngineClient:
        with self._lock:
            if self._client is None:
                self._client = connect(self._url, self._timeout)
                self._info = None
            return self._client

    def _drop(self, client: EngineClient) -> None:
        """Connect anew for the next request: what comes back may be another version."""
        with self._lock:
            if self._client is client:
                self._client = None
        client.close()  # requests under way keep their connections

    async def _ask(self, subject: str, request: Callable[[EngineClient], T]) -> T:
        return await in_thread(self._pool, lambda: self._request(subject, request))

    # -- the engine and its images ----------------------------------------------------------

    async def info(self) -> EngineInfo:
        """Ask the engine what it is, and which CDI devices it lists now."""
        return await in_thread(self._pool, self._read_info)

    async def known_info(self) -> EngineInfo:
        """Return what it is, asked once for as long as its events come."""
        return await self._kept_info.get()

    def _read_info(self) -> EngineInfo:
        self._info = self._request("", requests.read_info)
        return self._info

    async def images(self) -> list[Image]:
        """List the images that have a name, by one request; by none while nothing has changed.

        Podman is always asked: whoever shares its storage (Buildah, Skopeo) changes it unheard.
        """
        info = self._info
        if info is None or info.name == podman.PODMAN:
            return await in_thread(self._pool, self._read_images)
        return list(await self._kept_images.get())

    def _read_images(self) -> list[Image]:
        rows = self._request("", lambda client: client.images())
        return [image for image in map(image_from_list, rows) if image is not None]

    async def image(self, reference: str) -> Image:
        """Look one image up by reference or id. Raises `ImageNotFoundError`."""
        return image_from_inspect(
            await self._ask(reference, lambda c: requests.inspect_image(c, reference))
        )

    async def pull(
        self,
        reference: str,
        *,
        credential: Credential | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Fetch an image, by default with the login of Docker's own configuration.

        Raises `RegistryError`, `WrongArchitectureError`, `DiskFullError`; cancelling stops the
        engine's work.
        """
        logged_in = credential is not None
        with self._kept_images.changing():
            work = Transfer(
                self._request,
                reference,
                lambda c: c.pull_stream(reference, images.auth_header(reference, credential)),
                lambda said: pull_error(reference, said, logged_in=logged_in),
                progress,
            )
            await finish(work)

    async def push(
        self,
        reference: str,
        *,
        credential: Credential | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Send an image to the registry of its name; as `pull`, and `ImageNotFoundError`."""
        logged_in = credential is not None
        work = Transfer(
            self._request,
            reference,
            lambda c: c.push_stream(reference, images.auth_header(reference, credential)),
            lambda said: push_error(reference, said, logged_in=logged_in),
            progress,
        )
        await finish(work)

    async def build(self, plan: BuildPlan, *, progress: Progress | None = None) -> None:
        """Make an image, by BuildKit where it can be had; see `build.prepare`."""
        info = self._info or await self.info()
        address = self._url or find_engine() or ""
        work = await in_thread(
            self._pool,
            lambda: build.prepare(self._request, address, plan, info, progress),
        )
        with self._kept_images.changing():
            await finish(work)

    async def tag(self, image: str, reference: str) -> None:
        """Give an image another name. Raises `ImageNotFoundError`."""
        with self._kept_images.changing():
            await self._ask(image, lambda client: images.tag(client, image, reference))

    async def remove_image(self, reference: str, *, force: bool = False) -> list[str]:
        """Untag or delete; return what went. Raises `ImageNotFoundError`, `ImageInUseError`."""
        with self._kept_images.changing():
            return await self._ask(reference, lambda c: images.remove(c, reference, force))

    async def diff(self, container_id: str) -> ContainerDiff:
        """Tell in what a container differs from its image; see `diff.read_diff`."""
        return await self._ask(container_id, lambda c: diff.read_diff(c, container_id))

    async def commit(
        self, container_id: str, reference: str, *, env: Mapping[str, str] | None = None
    ) -> str:
        """Make an image of a container; see `commit.commit`."""
        info, stop = self._info or await self.info(), threading.Event()
        try:
            with self._kept_images.changing():
                return await self._ask(
                    container_id,
                    lambda c: commit.commit(c, container_id, reference, env or {}, info, stop),
                )
        except asyncio.CancelledError:
            stop.set()
            raise

    # -- containers -------------------------------------------------------------------------

    async def containers(self, label: str) -> list[Container]:
        """List containers with a label (``key`` or ``key=value``) in every state."""
        filters = {"label": label}
        rows = await self._ask("", lambda client: client.containers(all=True, filters=filters))
        return [container_from_list(row) for row in rows]

    async def foreign_gpu_containers(self) -> list[ForeignContainer]:
        """List containers of others that have GPUs; see `ForeignContainers`."""
        return await self._ask("", self._foreign.find)

    def on_reconnect(self, listener: Callable[[], None]) -> None:
        """Call the listener after each gap in the stream of events."""
        self._watcher.on_reconnect(listener)

    def on_change(self, listener: Callable[[EngineChange], None]) -> None:
        """Call the listener with what the engine's events tell, and when it goes or is back."""
        self._watcher.on_change(listener)

    async def create(self, spec: ContainerSpec) -> str:
        """Create a container and return its id.

        Cancelling while the engine works leaves no container behind.
        Raises `ImageNotFoundError`, `WorkspaceError` (a mount's source is missing), `EngineError`,
        `ProfileMismatchError` (the engine made something else of the request).
        """
        future = self._pool.submit(self._request, spec.image, lambda c: self._create(c, spec))
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            future.add_done_callback(self._discard)
            raise

    def _create(self, client: EngineClient, spec: ContainerSpec) -> str:
        if self._info is None or spec.gpus:
            # The list of CDI devices changes; the rest of the information does not.
            self._info = requests.read_info(client)
        container_id = requests.create(client, spec, self._info, self._injection)
        self._binds[container_id] = {mount.target: mount.source for mount in spec.mounts}
        self._watcher.created(container_id)
        return container_id

    def _discard(self, future: Future[str]) -> None:
        if not future.cancelled() and future.exception() is None:
            self._pool.submit(self._remove_quietly, future.result())

    def _remove_quietly(self, container_id: str) -> None:
        try:
            self._request(container_id, lambda client: self._remove(client, container_id))
        except GpuContainersError as exc:
            log.warning("Container %s is left behind: %s", container_id[:12], exc)

    async def start(self, container_id: str) -> None:
        """Start a created or exited container; one that runs already is no error.

        Raises also `ProfileMismatchError` (a folder was replaced by a link meanwhile).
        """
        await self._ask(container_id, lambda client: self._start(client, container_id))

    def _start(self, client: EngineClient, container_id: str) -> None:
        self._watcher.starting(container_id)
        pid = requests.start(client, container_id, self._binds.get(container_id))
        self._watcher.started(container_id, pid)

    async def verify_gpus(self, container_id: str, minor_numbers: Collection[int]) -> None:
        """Compare the container's device nodes with these; see `gpus.verify`."""
        await self._ask(container_id, lambda c: gpus.verify(c, container_id, minor_numbers))

    async def refused_gpus(
        self, container_id: str, minor_numbers: Collection[int]
    ) -> frozenset[int]:
        """Try to open the container's GPUs; see `access.refused_gpus`."""
        return await self._ask(
            container_id, lambda client: access.refused_gpus(client, container_id, minor_numbers)
        )

    def watch(self, container_id: str) -> Future[ContainerExit]:
        """Return a future for the end of the present run; see `ExitWatcher.watch`."""
        return self._watcher.watch(container_id)

    def on_memory_kill(self, listener: Callable[[str], None]) -> None:
        """Call the listener with the id of each watched container of which a process is killed."""
        self._watcher.on_memory_kill(listener)

    async def usage(self, container_id: str) -> ContainerUsage | None:
        """Return its counters: the control group's where it can be read, else the engine's."""
        counted = self._watcher.counters.read(container_id)
        if counted is not None:
            return counted
        try:
            row = await self._ask(container_id, lambda c: requests.read_stats(c, container_id))
        except ContainerNotFoundError:
            return None
        return usage_from_stats(row, time.time())

    async def signal(self, container_id: str, signum: int) -> None:
        """Send a signal to the process group; no error when it has ended."""
        await self._ask(container_id, lambda client: requests.kill(client, container_id, signum))

    async def run(self, spec: ContainerSpec, *, timeout: float) -> tuple[int, str]:
        """Run a container to its end and remove it: exit code and up to 1 MiB of its output."""

        def remove(container_id: str) -> Future[None]:
            return self._pool.submit(self._remove_quietly, container_id)

        return await run.run(self, self._ask, remove, spec, timeout)

    async def logs(self, container_id: str, *, tail: int = 20) -> str:
        """Return the last lines, without terminal escapes; "" when the container is gone."""
        try:
            data = await self._ask(
                container_id, lambda c: c.read_log(container_id, tail=tail, limit=LOG_LIMIT)
            )
        except ContainerNotFoundError:
            return ""
        return plain_text(data)

    def stream_logs(self, container_id: str, *, tail: int, follow: bool) -> AsyncGenerator[str]:
        """Yield the last lines, and where wanted what is written while its run goes on."""
        return logs.stream(self._ask, self._request, container_id, tail, follow)

    async def execute(
        self,
        container_id: str,
        command: Sequence[str] = (),
        *,
        terminal: TerminalSize | None = None,
        term: str | None = None,
    ) -> Execution:
        """Run a program; see `ContainerBackend.execute`."""
        return await shell.execute(self._pool, self._request, container_id, command, terminal, term)

    async def remove(self, container_id: str) -> None:
        """Kill and remove; returns when the engine confirmed that the container is gone."""
        await self._ask(container_id, lambda client: self._remove(client, container_id))

    def _remove(self, client: EngineClient, container_id: str) -> None:
        requests.remove(client, container_id, self._timeout)
        self._watcher.forget(container_id)
        self._binds.pop(container_id, None)

    def close(self) -> None:
        """Release connections and threads; containers stay as they are."""
        self._watcher.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()
