"""What is told of an image before it is fetched, and what the engine then really fetches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.catalogue import curated_entries, nvidia_matrix
from jupyter_gpu_containers.errors import TagUnknownError, WrongArchitectureError
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.fitness.rating import Rating
from jupyter_gpu_containers.model.job import Step
from jupyter_gpu_containers.ports import ContainerBackend
from jupyter_gpu_containers.registries.client import RegistryClient
from jupyter_gpu_containers.registries.credentials import DockerCredentials
from jupyter_gpu_containers.runtime.facts import FileImageFacts
from jupyter_gpu_containers.service.image.catalogue import Catalogue
from jupyter_gpu_containers.service.image.images import Images
from jupyter_gpu_containers.service.image.inspection import Inspection
from jupyter_gpu_containers.service.image.verdicts import Verdicts
from jupyter_gpu_containers.service.kernel.environments import Environments

from .content import PYTORCH_ENV, SAMPLES, image, noise
from .real import RealRegistry

RTX = {"name": "NVIDIA RTX A6000", "compute_capability": "8.6", "memory_gib": 48}
Make = Callable[[ContainerBackend], Inspection]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    registry = RegistryClient(DockerCredentials(tmp_path / "docker"), cache=tmp_path / "cache")

    def _make(backend: ContainerBackend) -> Inspection:
        return Inspection(
            backend,
            Images(backend, FileImageFacts(tmp_path / "facts"), owner="me", user="ada"),
            Environments(tmp_path / "kernels", dict),
            registry,
            Verdicts(
                backend,
                FixedInventory([RTX], driver_version="535.161.08", cuda_version="12.2"),
            ),
            Catalogue(curated_entries(), nvidia_matrix()),
        )

    yield _make
    registry.close()


@pytest.mark.engine
async def test_a_remote_image_is_told_with_its_verdict(
    make: Make, plain_registry: RealRegistry
) -> None:
    name = plain_registry.reference("test/multi:oci")
    details = await make(MemoryBackend(())).details(name)
    assert details.remote is not None
    assert details.remote.digest == SAMPLES["test/multi:oci"].digest
    assert "linux/arm64/v8" in map(str, details.remote.platforms)
    assert details.remote.config.env == PYTORCH_ENV
    assert (details.on_engine, details.download) == (False, details.remote.size)
    assert details.verdict.gpus[0].driver == "minor-compat"
    assert details.verdict.rating is not Rating.CPU


@pytest.mark.engine
async def test_what_no_platform_of_ours_offers_is_an_error(
    make: Make, plain_registry: RealRegistry
) -> None:
    inspection = make(MemoryBackend(()))
    with pytest.raises(WrongArchitectureError):
        await inspection.details(plain_registry.reference("test/elsewhere:s390x"))
    with pytest.raises(TagUnknownError):
        await inspection.details(plain_registry.reference("test/single:nothing"))


@pytest.mark.engine
async def test_the_engine_fetches_what_was_said(
    make: Make, plain_registry: RealRegistry, engine_host: str
) -> None:
    base, other, top = (noise(200_000, seed) for seed in (101, 102, 103))
    names = {
        # of one whose layer is there, but upon another one, the whole is fetched
        name: plain_registry.put(f"inspection/{name}:1", image(layers=layers))
        for name, layers in {"first": [base, other], "second": [base, top], "third": [top]}.items()
    }
    backend = DockerBackend(engine_host)
    inspection = make(backend)
    try:
        for name, expected in (
            ("first", [base, other]),
            ("second", [top]),
            ("third", [top]),
        ):
            told = await inspection.details(names[name])
            assert told.download == sum(len(blob.data) for blob in expected)
            steps: list[Step] = []
            await backend.pull(names[name], progress=steps.append)
            kept = {step.id for step in steps if step.status == "Already exists"}
            fetched = {step.id for step in steps if step.status == "Pull complete"} - kept
            assert fetched == {blob.digest.removeprefix("sha256:")[:12] for blob in expected}
            here = await inspection.details(names[name])
            assert (here.on_engine, here.download) == (True, 0)
    finally:
        for reference in names.values():
            await asyncio.shield(_removed(inspection, reference))
        backend.close()


async def _removed(inspection: Inspection, reference: str) -> None:
    assert reference in await inspection.remove(reference)
