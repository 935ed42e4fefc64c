"""Containers of others that have GPUs, on the real engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import docker
import pytest
from docker.types import DeviceRequest

from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.errors import GpusBusyError
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuRequest
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerSpec
from jupyter_gpu_containers.service.kernel.claims import Claims
from jupyter_gpu_containers.service.kernel.owner import Owner
from tests.conftest import IMAGES

pytestmark = pytest.mark.engine


@pytest.fixture
def client(engine_host: str) -> Iterator[docker.APIClient]:
    with closing(docker.APIClient(engine_host, timeout=60)) as client:
        yield client


@pytest.fixture
def backend(engine_host: str) -> Iterator[DockerBackend]:
    with closing(DockerBackend(engine_host)) as backend:
        yield backend


@pytest.fixture
def made(client: docker.APIClient) -> Iterator[list[str]]:
    """Ids of containers that a test makes; they end with it."""
    made: list[str] = []
    yield made
    for container_id in made:
        client.remove_container(container_id, force=True)


def create(client: docker.APIClient, made: list[str], *, command: str = "true", **host: Any) -> str:
    """Create a container as `docker create` does; the engine asks for a GPU only at its start."""
    config = client.create_host_config(**host)
    row = client.create_container(IMAGES.debian12, command, host_config=config)
    made.append(row["Id"])
    return str(row["Id"])


async def found(backend: DockerBackend, container_id: str) -> frozenset[str] | None:
    rows = {row.id: row.devices for row in await backend.foreign_gpu_containers()}
    return rows.get(container_id)


async def test_what_they_asked_for(
    backend: DockerBackend, client: docker.APIClient, made: list[str]
) -> None:
    every = [DeviceRequest(count=-1, capabilities=[["gpu"]])]
    one = [DeviceRequest(device_ids=["GPU-x"], capabilities=[["gpu"]])]
    first = create(client, made, device_requests=every)
    second = create(client, made, device_requests=one)
    without = create(client, made)
    assert await found(backend, first) == {"all"}
    assert await found(backend, second) == {"GPU-x"}
    assert await found(backend, without) is None


async def test_their_gpus_are_busy(
    backend: DockerBackend, client: docker.APIClient, made: list[str]
) -> None:
    """Until they are gone; and who waits reads whose they are."""
    inventory = FixedInventory([{"count": 2}])
    first, second = (await inventory.snapshot()).gpus
    only_first = [DeviceRequest(device_ids=[first.uuid], capabilities=[["gpu"]])]
    other = create(client, made, device_requests=only_first)
    name = client.inspect_container(other)["Name"].lstrip("/")

    def spec(gpus: tuple[Gpu, ...], name: str) -> ContainerSpec:
        text = labels.make_labels(
            purpose="kernel", owner=str(Owner.current()), user="ada", gpus=[g.uuid for g in gpus]
        )
        return ContainerSpec(IMAGES.debian12, ("true",), name, "1:1", "/", text)

    claims = Claims(backend, inventory, backoff=0.001)
    claim = await claims.claim(GpuRequest(1), spec)
    try:
        assert [gpu.uuid for gpu in claim.gpus] == [second.uuid]
        with pytest.raises(GpusBusyError, match=f"the container {name}, which is not ours"):
            await claims.claim(GpuRequest(1), spec)
        watching = Claims(backend, inventory, monitoring=[name], backoff=0.001)
        again = await watching.claim(GpuRequest(1), spec)
        assert [gpu.uuid for gpu in again.gpus] == [first.uuid]
        await watching.release(again.container_id)
        assert client.inspect_container(other)["State"]["Status"] == "created"  # never touched
    finally:
        await claims.release(claim.container_id)
