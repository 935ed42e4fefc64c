"""The contracts that the service stands on; implementations are in the layer above.

Methods are coroutines unless said otherwise and may be awaited from any event loop: nothing in an
implementation may belong to one loop (jupyter_client's blocking managers make a new one at will).
All of them raise `errors.UnavailableError` (engine unreachable, not permitted, failing) where the
engine does not answer properly: unknown is never "none" and never "gone".
"""

from __future__ import annotations

import concurrent.futures
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence

from jupyter_gpu_containers.model.change import EngineChange
from jupyter_gpu_containers.model.gpu.device import GpuSnapshot
from jupyter_gpu_containers.model.gpu.foreign import ForeignContainer
from jupyter_gpu_containers.model.image.build import BuildPlan
from jupyter_gpu_containers.model.image.container_diff import ContainerDiff
from jupyter_gpu_containers.model.image.image import Image
from jupyter_gpu_containers.model.image.registry import (
    Credential,
    RemoteImage,
    SearchResult,
    TagPage,
)
from jupyter_gpu_containers.model.kernel.container import (
    Container,
    ContainerExit,
    ContainerSpec,
    EngineInfo,
)
from jupyter_gpu_containers.model.kernel.shell import Program, TerminalSize
from jupyter_gpu_containers.model.kernel.usage import ContainerUsage

from .model.job import Step

# Told of each step of a transfer, from a foreign thread, in order; it must be cheap.
Progress = Callable[[Step], None]


class Execution(ABC):
    """A program in a container, beside its kernel. Methods block; each may have its own thread."""

    @abstractmethod
    def read(self) -> tuple[bool, bytes]:
        """Wait for output: whether it is standard error, and what; nothing (b"") at its end.

        On a terminal both streams are one.
        """

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Give input, at the pace at which the program takes it; none when it has ended."""

    @abstractmethod
    def end_input(self) -> None:
        """Tell that there is no more input; a program on a terminal is told by Ctrl-D instead."""

    @abstractmethod
    def resize(self, size: TerminalSize) -> None:
        """Change the size of the program's terminal; nothing happens when it has ended."""

    @abstractmethod
    def exit_code(self) -> int | None:
        """Return how it ended, once there is no more output; None where nobody knows any more."""

    @abstractmethod
    def close(self) -> None:
        """Hang up: a program that runs still is ended as when its terminal is closed.

        To be called in any case, also for a program that has ended.
        """


class ContainerBackend(ABC):
    """A container engine: containers and images by the Docker Engine API's meanings."""

    demo: bool = False  # True: containers are records only, and the UI says so
    address: str | None = None  # the engine's URL, where one was named

    @abstractmethod
    async def info(self) -> EngineInfo:
        """Ask the engine what it is."""

    async def known_info(self) -> EngineInfo:
        """Return what the engine is, perhaps as it said before, if nothing tells that it went away.

        What changes while it runs, its CDI devices, may be old.
        """
        return await self.info()

    @abstractmethod
    async def images(self) -> list[Image]:
        """List images, by one request to the engine at most; `Image.config` is not filled.

        It may be what was listed before, where nothing was told since by which a change would be
        known. What this object itself changed is in the next list.
        """

    @abstractmethod
    async def image(self, reference: str) -> Image:
        """Look one image up, with config and architecture. Raises `ImageNotFoundError`."""

    @abstractmethod
    async def pull(
        self,
        reference: str,
        *,
        credential: Credential | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Fetch an image; cancelling stops the engine's work.

        Without a credential the engine gets the login of Docker's own configuration, if any.
        Raises `RegistryError` and its kinds, `WrongArchitectureError`, `DiskFullError`.
        """

    @abstractmethod
    async def push(
        self,
        reference: str,
        *,
        credential: Credential | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Send an image to the registry of its name, as `pull` fetches one.

        Raises also `ImageNotFoundError`.
        """

    @abstractmethod
    async def build(self, plan: BuildPlan, *, progress: Progress | None = None) -> None:
        """Make an image; cancelling stops the engine's work.

        Progress is told what steps write in `Step.text`. Raises `BuildFailedError`,
        `InvalidRequestError` (no Dockerfile, a context too large, secrets where there is no
        BuildKit), `RegistryError` of the base image, `DiskFullError`.
        """

    @abstractmethod
    async def tag(self, image: str, reference: str) -> None:
        """Give an image, by reference or id, another name; who had that name loses it.

        Raises `ImageNotFoundError`, `InvalidImageReferenceError` (also for one with a digest).
        """

    @abstractmethod
    async def remove_image(self, reference: str, *, force: bool = False) -> list[str]:
        """Take a name away, and with the last name the image; by id, image and name.

        Returns the names, then the ids, that are gone. Raises `ImageNotFoundError`, and
        `ImageInUseError` where a container needs the image. With ``force`` the name goes in spite
        of that, but what a running container needs stays.
        """

    @abstractmethod
    async def diff(self, container_id: str) -> ContainerDiff:
        """Tell in what a container differs from its image. Raises `ContainerNotFoundError`."""

    @abstractmethod
    async def commit(
        self, container_id: str, reference: str, *, env: Mapping[str, str] | None = None
    ) -> str:
        """Make an image of a container's file system; return its id.

        It has the configuration of the image that the container was made of, with these variables
        added: nothing of how the container was started. The container stands still meanwhile, and
        goes on. Who had the name loses it. Cancelling leaves no image.
        Raises `ContainerNotFoundError`, `ImageNotFoundError` (the container's image is gone),
        `InvalidImageReferenceError`, `DiskFullError`.
        """

    @abstractmethod
    async def containers(self, label: str) -> list[Container]:
        """List containers that carry a label, in every state, not only the running ones."""

    @abstractmethod
    async def foreign_gpu_containers(self) -> list[ForeignContainer]:
        """List containers without our labels that have GPUs and are not over.

        One that has exited can be started again by whoever made it, but computes nothing now.
        """

    def on_reconnect(self, listener: Callable[[], None]) -> None:  # noqa: B027  no gaps by default
        """Call the listener, from a foreign thread, after each gap in what the engine tells."""

    @abstractmethod
    def on_change(self, listener: Callable[[EngineChange], None]) -> None:
        """Call the listener, from a foreign thread, when somebody has changed something.

        It is a hint to look again: it may come late, twice, and for a change that was none. From
        the first listener on the engine's events are followed.
        """

    @abstractmethod
    async def create(self, spec: ContainerSpec) -> str:
        """Create a container, not started, and return its id.

        Raises `ImageNotFoundError`, `WorkspaceError` (a mount's source is missing), `EngineError`.
        After it returned, every `containers` call of anybody shows the container: the claim
        protocol rests on that.
        """

    @abstractmethod
    async def start(self, container_id: str) -> None:
        """Start a created or exited container.

        Raises `ContainerNotFoundError`, `GpuVanishedError` (a device is not there any more),
        `KernelExitedError` (the command cannot be executed), `EngineError`.
        """

    @abstractmethod
    async def verify_gpus(self, container_id: str, minor_numbers: Collection[int]) -> None:
        """Look into a running container: exactly ``/dev/nvidiaN`` for these N are there.

        Raises `GpuVanishedError`: some engines ignore requests for devices silently.
        """

    @abstractmethod
    async def refused_gpus(
        self, container_id: str, minor_numbers: Collection[int]
    ) -> frozenset[int]:
        """Return the N of ``/dev/nvidiaN`` that a running container may not open any more."""

    @abstractmethod
    def watch(self, container_id: str) -> concurrent.futures.Future[ContainerExit]:
        """Return a future for the end of the container's present run; not a coroutine.

        Call it before `start`. The future belongs to no loop (`asyncio.wrap_future`), survives gaps
        in the engine's event stream, and never says "ended" because the engine did not answer.
        """

    @abstractmethod
    def on_memory_kill(self, listener: Callable[[str], None]) -> None:
        """Call the listener, from a foreign thread, with the id of a watched container when a
        process in it was killed for memory; it may be the one with which the container ends."""

    @abstractmethod
    async def usage(self, container_id: str) -> ContainerUsage | None:
        """Return what a running container takes of its limits; None where nobody can tell."""

    @abstractmethod
    async def signal(self, container_id: str, signum: int) -> None:
        """Send a signal to the container's process group; no error when it has ended."""

    @abstractmethod
    async def run(self, spec: ContainerSpec, *, timeout: float) -> tuple[int, str]:
        """Run a container to its end and remove it: exit code and standard output.

        Raises `KernelTimeoutError` after ``timeout`` seconds; the container is gone then, too.
        """

    @abstractmethod
    async def logs(self, container_id: str, *, tail: int = 20) -> str:
        """Return the last lines that the container wrote; "" when it is gone."""

    @abstractmethod
    def stream_logs(
        self, container_id: str, *, tail: int, follow: bool
    ) -> AsyncGenerator[str, None]:
        """Yield the last lines; then, to follow, what is written until the present run ends.

        Without terminal escapes; invalid UTF-8 is replaced. Who reads slowly holds little in
        memory. One that does not run yields what there is; of one that is gone that is nothing.
        """

    @abstractmethod
    async def execute(
        self,
        container_id: str,
        command: Sequence[str] = (),
        *,
        terminal: TerminalSize | None = None,
        term: str | None = None,
    ) -> Execution:
        """Run a program, by default a shell, as the kernel's user, with its rights and variables.

        It ends with the container, when it is closed, and when this process ends in any way.

        Parameters
        ----------
        container_id : str
        command : sequence of str
            The whole argument vector; never seen by a shell.
        terminal : TerminalSize, optional
            Give it a terminal.
        term : str, optional
            Kind of the terminal, as in TERM.

        Raises
        ------
        ContainerNotFoundError, KernelNotRunningError
        """

    def local_shell(self, container_id: str) -> Program | None:
        """Return the process that is a shell in a container which only this process knows.

        None: any process gets one by `execute`.
        """
        return None

    @abstractmethod
    async def remove(self, container_id: str) -> None:
        """Kill and remove, with anonymous volumes. Returns only when the engine confirmed that
        it is gone (204 or 404); gone already is no error."""

    @abstractmethod
    def close(self) -> None:
        """Release connections and threads; containers stay as they are."""


class GpuInventory(ABC):
    """Which GPUs this host has."""

    @abstractmethod
    async def snapshot(self) -> GpuSnapshot:
        """Read all GPUs. Never raises: no driver, no GPU, a lost GPU are in the answer."""

    @abstractmethod
    def close(self) -> None:
        """Release the driver library."""


class ImageFactsStore(ABC):
    """Remembers what was found out about images, by image id (which never changes meaning)."""

    @abstractmethod
    def get(self, image_ids: Sequence[str]) -> dict[str, Image]:
        """Return the remembered images among these ids."""

    @abstractmethod
    def put(self, image: Image) -> None:
        """Remember an image's config and probe."""


class Registry(ABC):
    """Any registry of the OCI distribution API, looked at without fetching a layer.

    All methods raise `InvalidImageReferenceError` and the classes below `errors.RegistryError`.
    """

    @abstractmethod
    async def tags(self, repository: str, *, contains: str = "", limit: int = 100) -> TagPage:
        """List a repository's tags by version, newest first; ``contains`` filters."""

    @abstractmethod
    async def image(self, reference: str, architecture: str) -> RemoteImage:
        """Read manifest and configuration; of an index the child for linux/``architecture``.

        At most 4 requests beside those for tokens. Raises `WrongArchitectureError` where an index
        has no such child.
        """

    @abstractmethod
    async def search(self, query: str, *, limit: int = 25) -> list[SearchResult]:
        """Search Docker Hub, most stars first."""

    @abstractmethod
    async def check_login(self, host: str, credential: Credential) -> None:
        """Ask the registry whether it takes this login. Raises `UnauthorizedError`."""

    @abstractmethod
    def close(self) -> None:
        """Release connections."""


class CredentialStore(ABC):
    """Logins, where Docker itself keeps them. Methods block: call them in a thread."""

    @abstractmethod
    def get(self, host: str) -> Credential | None:
        """Return the login for a registry, None where there is none."""

    @abstractmethod
    def put(self, host: str, credential: Credential) -> str:
        """Keep a login; return where, in words. Raises `InvalidRequestError`."""

    @abstractmethod
    def erase(self, host: str) -> bool:
        """Forget a login; False where there was none."""

    @abstractmethod
    def hosts(self) -> dict[str, str]:
        """Return the registries with a login: host -> user name."""
