"""Backends to test, and containers that are gone after each test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.errors import ImageNotFoundError
from jupyter_gpu_containers.model.kernel.container import Container, ContainerSpec, Mount, Network
from jupyter_gpu_containers.ports import ContainerBackend
from jupyter_gpu_containers.runtime.threads import aside
from tests.conftest import IMAGES
from tests.podman import PrivatePodman
from tests.registries.real import RealRegistry
from tests.registry_fixtures import *  # noqa: F403
from tests.rootless import RootlessEngine

LABEL = "jupyter-gpu-containers-test"

# Podman and a rootless Docker, too: they cannot reach the registries that other tests of images
# make on this machine
EVERY_BACKEND = pytest.mark.parametrize(
    "bench",
    [
        "memory",
        pytest.param("docker", marks=pytest.mark.engine),
        pytest.param("podman", marks=[pytest.mark.engine, pytest.mark.root]),
        pytest.param("rootless", marks=[pytest.mark.engine, pytest.mark.root]),
    ],
    indirect=True,
)
TIMEOUT = 30.0  # seconds; a test that takes that long has failed


class Pipe:
    """A named pipe between a test and a container; either end waits for the other.

    Aside: a thread of the loop's, whose container never came, would keep pytest from ending.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)

    def __str__(self) -> str:
        return str(self.path)

    async def read(self) -> str:
        """Wait until the container has written and closed its end; or has died."""
        return await asyncio.wait_for(aside(self.path.read_text), TIMEOUT)

    async def write(self, text: str = "") -> None:
        """Wait until the container reads."""
        await asyncio.wait_for(aside(self.path.write_text, text), TIMEOUT)


class Bench:
    """A backend under test, with an image that has Python, and a label of this test's own."""

    def __init__(self, backend: ContainerBackend, reference: str, folder: Path) -> None:
        self.backend = backend
        self.reference = reference
        self.folder = folder
        self.names: list[str] = []  # of images, to be taken away again
        self.label = f"{LABEL}-{uuid.uuid4().hex}=1"  # the key too: other workers have containers
        self._image_id = ""
        self._pipes = 0

    async def image_id(self) -> str:
        if not self._image_id:
            self._image_id = (await self.backend.image(self.reference)).id
        return self._image_id

    async def spec(self, *command: str, **changes: object) -> ContainerSpec:
        key, _, value = self.label.partition("=")
        fields: dict[str, object] = {
            "image": await self.image_id(),
            "command": command or ("python3", "-c", "pass"),
            "name": f"{LABEL}-{uuid.uuid4().hex}",
            "user": f"{os.getuid()}:{os.getgid()}",
            "working_dir": "/tmp",
            "labels": {key: value},
            "network": Network.NONE,
        }
        return ContainerSpec(**(fields | changes))  # type: ignore[arg-type]

    async def python(self, code: str, **changes: object) -> ContainerSpec:
        return await self.spec("python3", "-c", code, **changes)

    async def create(self, code: str = "pass", **changes: object) -> str:
        return await self.backend.create(await self.python(code, **changes))

    async def listed(self) -> list[Container]:
        return await self.backend.containers(self.label)

    def pipe(self) -> Pipe:
        self._pipes += 1
        return Pipe(self.folder / f"pipe-{self._pipes}")

    @property
    def mounts(self) -> tuple[Mount, ...]:
        return (Mount(str(self.folder), str(self.folder)),)

    def name(self) -> str:
        """Return a name for an image that nobody else has."""
        self.names.append(f"localhost/{LABEL}-{uuid.uuid4().hex}:1")
        return self.names[-1]

    async def remove_containers(self) -> None:
        for container in await self.listed():
            await self.backend.remove(container.id)

    async def remove_all(self) -> None:
        await self.remove_containers()
        for name in self.names:
            with contextlib.suppress(ImageNotFoundError):
                await self.backend.remove_image(name, force=True)


def benches(backend: ContainerBackend, reference: str, folder: Path) -> Iterator[Bench]:
    """Yield a bench, and clear away what was made on it."""
    bench = Bench(backend, reference, folder)
    yield bench
    asyncio.run(bench.remove_all())
    backend.close()


@pytest.fixture(scope="session")
def podman_engine(engine_host: str) -> Iterator[PrivatePodman]:
    """A Podman of this run's own, with the smallest image that has Python."""
    engine = PrivatePodman()
    try:
        engine.start()
        engine.load(IMAGES.debian11, source=engine_host)
        yield engine
    finally:
        engine.remove()


@pytest.fixture(scope="session")
def podman_host(podman_engine: PrivatePodman) -> str:
    """DOCKER_HOST of Podman."""
    return podman_engine.host


@pytest.fixture(scope="session")
def rootless_engine(engine_host: str) -> Iterator[RootlessEngine]:
    """A rootless Docker of this run's own, with the smallest image that has Python."""
    engine = RootlessEngine()
    try:
        engine.start()
        engine.load(IMAGES.debian11, source=engine_host)
        yield engine
    finally:
        engine.remove()


@pytest.fixture
def rootless(rootless_engine: RootlessEngine) -> Iterator[Bench]:
    """The bench of a rootless Docker, in a folder that its user can reach."""
    folder = rootless_engine.make_folder()
    umask = os.umask(0o002)
    try:
        yield from benches(DockerBackend(rootless_engine.host), IMAGES.debian11, folder)
    finally:
        os.umask(umask)
        shutil.rmtree(folder)


@pytest.fixture(params=["memory", pytest.param("docker", marks=pytest.mark.engine)])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """The bench of each backend in turn."""
    if request.param == "memory":
        yield from benches(
            MemoryBackend(transfer_seconds=0),
            "quay.io/jupyter/scipy-notebook:python-3.12",
            tmp_path,
        )
    elif request.param == "docker":
        backend = DockerBackend(request.getfixturevalue("engine_host"))
        yield from benches(backend, IMAGES.debian12, tmp_path)
    elif request.param == "rootless":
        yield request.getfixturevalue("rootless")
    else:
        backend = DockerBackend(request.getfixturevalue("podman_host"))
        yield from benches(backend, f"localhost/{IMAGES.debian11}", tmp_path)


@pytest.fixture
def docker(engine_host: str, tmp_path: Path) -> Iterator[Bench]:
    """The bench of the real engine."""
    yield from benches(DockerBackend(engine_host), IMAGES.debian12, tmp_path)


@pytest.fixture
def podman(podman_host: str, tmp_path: Path) -> Iterator[Bench]:
    """The bench of Podman."""
    yield from benches(DockerBackend(podman_host), f"localhost/{IMAGES.debian11}", tmp_path)


@pytest.fixture
def distant(bench: Bench, request: pytest.FixtureRequest) -> str:
    """A reference that the bench's backend can pull, and has not got."""
    if bench.backend.demo:
        return "quay.io/jupyter/minimal-notebook:2026-01-05"
    registry: RealRegistry = request.getfixturevalue("plain_registry")
    bench.names.append(registry.reference("test/large:latest"))
    return bench.names[-1]
