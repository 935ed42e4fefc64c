"""Containers that wait for kernels, and what they cost, as a page sees them."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.errors import EngineUnreachableError
from jupyter_gpu_containers.model.kernel.usage import ContainerUsage, UsageSource

from .conftest import Api

TORCH = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"


@pytest.fixture
def jp_server_config(jp_server_config: dict[str, Any]) -> dict[str, Any]:
    jp_server_config["GpuContainers"] |= {"spare_kernels": 1, "max_spare_kernels": 3}
    return jp_server_config


async def test_what_waits_is_listed_and_given_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryBackend, "demo", False)  # processes can wait as well
    assert (await api("GET", "/spares")).json == {"max": 3, "spares": []}
    image = await api.services.images.get(TORCH)
    environment = api.services.environments.add(image, reference=TORCH)
    spare = await api.services.kernels.spares.make(environment, {})
    assert spare is not None
    counted = ContainerUsage(UsageSource.CGROUP, memory=40 << 20)

    async def usage(self: MemoryBackend, container_id: str) -> ContainerUsage:
        assert container_id == spare.container_id
        return counted

    monkeypatch.setattr(MemoryBackend, "usage", usage)
    one = {"ready": False}
    while not one["ready"]:  # its interpreter imports what a kernel needs
        (one,) = (await api("GET", "/spares")).json["spares"]
    assert one == {
        "environment": environment.name,
        "display_name": environment.display_name,
        "container_id": spare.container_id,
        "ready": True,
        "memory": 40 << 20,
        "gpus": [],
    }

    assert (await api("GET", "/status")).json["spares"] == {
        "count": 1,
        "memory": 40 << 20,
        "gpus": 0,
    }

    async def away(self: MemoryBackend, container_id: str) -> ContainerUsage:
        raise EngineUnreachableError("The engine does not answer.")

    monkeypatch.setattr(MemoryBackend, "usage", away)
    assert (await api("GET", "/spares")).json["spares"] == [{**one, "memory": None}]
    assert (await api("GET", "/status")).json["spares"] == {
        "count": 1,
        "memory": None,
        "gpus": 0,
    }
    assert (await api("DELETE", "/spares")).status == 204
    assert spare.ended.done()
    assert (await api("GET", "/spares")).json["spares"] == []
