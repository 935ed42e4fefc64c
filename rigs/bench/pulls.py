"""A pull through a job beside the engine's own, from a registry on this machine's loopback."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter

import docker

from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.model.job import JobKind, JobState
from jupyter_gpu_containers.registries.client import RegistryClient
from jupyter_gpu_containers.registries.credentials import DockerCredentials
from jupyter_gpu_containers.runtime.facts import FileImageFacts
from jupyter_gpu_containers.service.image.images import Images
from jupyter_gpu_containers.service.image.jobs import Jobs
from jupyter_gpu_containers.service.image.transfers import Transfers
from tests.registries.content import image, noise
from tests.registries.real import RealRegistry

from .place import Place, remove_images
from .rounds import Case, Gate, Sample, Samples, interleave

LAYERS = 6
LAYER = 20_000_000  # bytes, which no compression makes smaller
COMMAND = "docker pull"
JOB = "a job of ours"


@dataclass
class Pulls:
    """What was found."""

    size: int  # bytes that travel
    layers: int
    samples: Samples


async def measure(
    place: Place, client: docker.DockerClient, upstream: str, rounds: int, gate: Gate
) -> Pulls:
    """Fill a registry, pull from it in both ways in turn, and remove what came."""
    content = image(layers=[noise(LAYER, number) for number in range(LAYERS)])
    registry = await asyncio.to_thread(RealRegistry)
    backend = DockerBackend(f"unix://{upstream}")
    client_of_registries = RegistryClient(DockerCredentials(place.folder / "docker"))
    images = Images(backend, FileImageFacts(place.folder / "facts"), "bench", "bench")
    logins = DockerCredentials(place.folder / "docker")
    jobs = Jobs(Transfers(backend, images, client_of_registries, logins))
    reference = await asyncio.to_thread(registry.put, "bench/noise:1", content)

    async def ours() -> Sample:
        began = perf_counter()
        job = await jobs.finished(jobs.submit(JobKind.PULL, reference).id)
        took = perf_counter() - began
        assert job.state is JobState.SUCCEEDED, job.error
        assert job.current == job.total == content_size
        await asyncio.to_thread(client.images.remove, reference)
        return {"pull": took}

    async def command() -> Sample:
        began = perf_counter()
        process = await asyncio.create_subprocess_exec(
            "docker", "--host", f"unix://{upstream}", "pull", reference,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        await process.communicate()
        took = perf_counter() - began
        assert process.returncode == 0
        await asyncio.to_thread(client.images.remove, reference)
        return {"pull": took}

    content_size = sum(len(layer.data) for layer in content.layers)
    cases: dict[str, Case] = {COMMAND: command, JOB: ours}
    try:
        samples = await interleave(cases, rounds, gate)
    finally:
        await jobs.close()
        client_of_registries.close()
        backend.close()
        remove_images(client, [reference])
        registry.close()
    return Pulls(content_size, LAYERS, samples)
