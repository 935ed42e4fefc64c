"""Images: one request for a list, one look inside in an image's life, nothing foreign is run."""

import asyncio
import io
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.errors import (
    EngineUnreachableError,
    ImageNotFoundError,
    InvalidImageReferenceError,
    KernelExitedError,
    KernelTimeoutError,
    RegistryError,
    WrongArchitectureError,
)
from jupyter_gpu_containers.model.image.image import Image, ImageProbe
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerSpec
from jupyter_gpu_containers.runtime.facts import FileImageFacts
from jupyter_gpu_containers.service.image.images import Images

TORCH, *OTHERS = DEMO_IMAGES
TORCH_NAME = TORCH.references[0]
PRINTED = (
    '\x1epython {"version": "3.12.3", "prefix": "/usr", "executable": "/usr/bin/python3", '
    '"ipykernel": true, "debugpy": false}\n'
)


class CountingBackend(MemoryBackend):
    """Images that nobody looked into; counts requests, and prints instead of running."""

    def __init__(self, images: tuple[Image, ...] = DEMO_IMAGES) -> None:
        super().__init__(tuple(replace(image, probe=None) for image in images))
        self.lists = 0
        self.lookups = 0
        self.specs: list[ContainerSpec] = []

    async def images(self) -> list[Image]:
        self.lists += 1
        found = await super().images()
        return [replace(image, config=None, architecture=None) for image in found]

    async def image(self, reference: str) -> Image:
        self.lookups += 1
        return await super().image(reference)

    async def run(self, spec: ContainerSpec, *, timeout: float) -> tuple[int, str]:
        self.specs.append(spec)
        await asyncio.sleep(0)  # others get their turn
        return 0, PRINTED


class FailsBackend(CountingBackend):
    """The container that looks inside fails in a given way, until that is taken back."""

    failure: Exception | None = None

    async def run(self, spec: ContainerSpec, *, timeout: float) -> tuple[int, str]:
        answer = await super().run(spec, timeout=timeout)
        if self.failure:
            raise self.failure
        return answer


@pytest.fixture
def make(tmp_path: Path) -> Callable[[MemoryBackend], Images]:
    """Make the service; all made in one test share what is remembered."""

    def _make(backend: MemoryBackend) -> Images:
        return Images(backend, FileImageFacts(tmp_path), owner="me", user="ada")

    return _make


async def test_a_list_is_one_request_newest_first(make: Callable[..., Images]) -> None:
    many = tuple(
        replace(TORCH, id=f"sha256:{n:064x}", references=(f"x:{n}",), created=float(n))
        for n in range(200)
    )
    backend = CountingBackend(many)
    images = await make(backend).list()
    assert [image.references for image in images] == [(f"x:{n}",) for n in reversed(range(200))]
    assert (backend.lists, backend.lookups, backend.specs) == (1, 0, [])
    assert all(image.probe is None and image.config is None for image in images)


async def test_an_image_is_looked_into_once_in_its_life(make: Callable[..., Images]) -> None:
    backend = CountingBackend()
    image = await make(backend).get(TORCH_NAME)
    assert image.probe is not None
    assert image.probe.python == "3.12.3"
    assert [kernel.name for kernel in image.probe.kernels] == ["python3"]
    assert await make(backend).get(TORCH.id) == image  # by id, and from another process
    assert [spec.image for spec in backend.specs] == [TORCH.id]


async def test_the_list_shows_what_was_found(make: Callable[..., Images]) -> None:
    images = make(CountingBackend())
    looked = await images.get(TORCH_NAME)
    found = {image.id: image for image in await images.list()}
    assert found[TORCH.id] == looked
    assert all(found[other.id].probe is None for other in OTHERS)


async def test_two_who_ask_at_once_look_once(make: Callable[..., Images]) -> None:
    backend = CountingBackend()
    images = make(backend)
    one, two = await asyncio.gather(images.get(TORCH_NAME), images.get(TORCH.id))
    assert one == two
    assert len(backend.specs) == 1


async def test_a_look_that_failed_is_done_again(make: Callable[..., Images]) -> None:
    backend = FailsBackend()
    backend.failure = KernelTimeoutError("It did not end in 60 seconds.")
    images = make(backend)
    results = await asyncio.gather(
        images.get(TORCH_NAME), images.get(TORCH_NAME), return_exceptions=True
    )
    assert [type(result) for result in results] == [KernelTimeoutError] * 2
    backend.failure = None
    assert (await images.get(TORCH_NAME)).probe is not None


async def test_an_image_without_a_shell_has_no_kernels(make: Callable[..., Images]) -> None:
    backend = FailsBackend()
    backend.failure = KernelExitedError("exec /bin/sh: no such file or directory")
    images = make(backend)
    image = await images.get(TORCH_NAME)
    problem = images.problem(image)
    assert image.probe == ImageProbe()
    assert problem is not None
    assert problem.code == "kernel_not_in_image"
    assert "pip install ipykernel" in problem.hint


async def test_a_foreign_architecture_is_told_and_never_run(make: Callable[..., Images]) -> None:
    backend = CountingBackend((replace(TORCH, architecture="s390x"),))
    images = make(backend)
    with pytest.raises(WrongArchitectureError, match="s390x") as caught:
        await images.get(TORCH_NAME)
    assert "--platform linux/" in caught.value.hint
    assert backend.specs == []
    looked = await images.look(TORCH_NAME)
    (listed,) = await images.list()
    assert listed.architecture == "s390x"
    for image in (looked, listed):
        problem = images.problem(image)
        assert problem is not None
        assert problem.code == "wrong_architecture"


async def test_an_image_that_is_fine_has_no_problem(make: Callable[..., Images]) -> None:
    images = make(CountingBackend())
    assert [images.problem(image) for image in await images.list()] == [None] * len(DEMO_IMAGES)
    assert images.problem(await images.get(TORCH_NAME)) is None


async def test_demonstration_images_are_not_run_on_the_host(make: Callable[..., Images]) -> None:
    image = await make(MemoryBackend()).get(TORCH_NAME)
    assert image == TORCH


@pytest.mark.parametrize(
    ("reference", "error"),
    [("No Such", InvalidImageReferenceError), ("nothing:1", ImageNotFoundError)],
)
async def test_references_that_lead_nowhere(
    make: Callable[..., Images], reference: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await make(CountingBackend()).get(reference)


async def test_a_pull_ends_with_the_image(make: Callable[..., Images]) -> None:
    images = make(CountingBackend())
    assert (await images.pull(TORCH_NAME)).id == TORCH.id
    with pytest.raises(RegistryError):
        await images.pull("nothing:1")
    with pytest.raises(InvalidImageReferenceError):
        await images.pull(TORCH.id)


async def test_an_engine_that_does_not_answer_is_not_an_empty_one(
    make: Callable[..., Images],
) -> None:
    class Unreachable(CountingBackend):
        async def images(self) -> list[Image]:
            raise EngineUnreachableError("No container engine answers.")

    with pytest.raises(EngineUnreachableError):
        await make(Unreachable()).list()


@pytest.mark.engine
async def test_real_images(engine_host: str, images, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    backend = DockerBackend(engine_host)
    service = Images(backend, FileImageFacts(tmp_path), owner="me", user="ada")
    try:
        found = {}
        names = (
            "debian12",
            "debian13",
            "two_kernels",
            "cuda",
            "no_kernel",
            "debian11",
            "no_python",
        )
        for name in names:
            image = await service.get(getattr(images, name))
            assert image.probe is not None
            found[name] = (
                (image.probe.python or "")[:4],
                [kernel.name for kernel in image.probe.kernels],
                [python.runtime for python in image.probe.pythons if not python.ipykernel],
            )
        with pytest.raises(WrongArchitectureError):
            await service.get(images.arm64)
        left = await backend.containers(f"{labels.OWNER}=me")
        architecture = (await backend.info()).architecture
    finally:
        backend.close()
    assert found == {
        "debian12": ("3.11", ["python3"], []),
        "debian13": ("3.13", ["python3"], []),
        "two_kernels": ("3.11", ["python3", "plain"], []),
        "cuda": ("3.11", ["python3"], []),
        "no_kernel": ("3.11", ["python3"], [f"cpython-311-glibc-{architecture}"]),
        "debian11": ("3.9.", ["python3"], [f"cpython-39-glibc-{architecture}"]),
        "no_python": ("", [], []),
    }
    assert left == []


@pytest.mark.engine
async def test_a_real_image_without_a_shell(engine_host: str, tmp_path: Path) -> None:
    import docker

    empty = io.BytesIO()
    with tarfile.open(fileobj=empty, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("nothing"))
    client = docker.DockerClient(base_url=engine_host)
    backend = DockerBackend(engine_host)
    client.api.import_image_from_data(empty.getvalue(), repository="jgc-test/empty", tag="1")
    try:
        service = Images(backend, FileImageFacts(tmp_path), owner="me", user="ada")
        assert (await service.get("jgc-test/empty:1")).probe == ImageProbe()
    finally:
        backend.close()
        client.images.remove("jgc-test/empty:1")
        client.close()
