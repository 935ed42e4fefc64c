"""Containers that wait for kernels, and what they cost, as a page sees them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.errors import EngineUnreachableError
from jupyter_gpu_containers.model.kernel.launch import Phase
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


@pytest.fixture
def with_gpus(jp_server_config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    # processes can wait as well as containers; a demonstration only has no use for it
    monkeypatch.setattr(MemoryBackend, "demo", False)
    jp_server_config["GpuContainers"] |= {"spare_gpus": 1}


async def ended(pool: asyncio.Future[None]) -> None:
    """End what a server with names of its own does by itself; nothing waits then."""
    pool.cancel()
    await asyncio.wait({pool})


async def one_and_one_that_waits(api: Api, environment: str) -> tuple[str, dict[str, Any]]:
    """Start a kernel; return its launch's id, and what waits for the next one then."""
    waits = asyncio.Event()
    api.services.pool.on_change(waits.set)
    launch_id = (await api("POST", "/launches", {"environment": environment})).json["id"]
    await api.until(launch_id, Phase.RUNNING)
    await asyncio.wait_for(waits.wait(), 30)
    (spare,) = (await api("GET", "/spares")).json["spares"]
    return launch_id, spare


async def test_gpus_wait_with_it_until_somebody_else_wants_them(with_gpus: None, api: Api) -> None:
    """Of two: one is a kernel's, one waits; a launch of two gets it, and does not wait itself."""
    image = await api.services.images.get(TORCH)
    one = api.services.environments.add(image, reference=TORCH, gpus=1)
    two = api.services.environments.add(image, reference=TORCH, gpus=2)
    pool = asyncio.ensure_future(api.services.pool.run())
    first, spare = await one_and_one_that_waits(api, one.name)
    assert len(spare["gpus"]) == 1
    assert (await api("GET", "/status")).json["spares"]["gpus"] == 1
    rows = (await api("GET", "/report")).json["rows"]
    assert [row["running"] for row in rows if row["waiting"]] == [True]
    await api("DELETE", f"/launches/{first}")
    second = (await api("POST", "/launches", {"environment": two.name})).json["id"]
    launch = await api.until(second, Phase.RUNNING)
    assert len(launch.gpus) == 2
    assert (await api("GET", "/spares")).json["spares"] == []
    rows = (await api("GET", "/report")).json["rows"]
    assert [row["running"] for row in rows if row["waiting"]] == [False]
    await api("DELETE", f"/launches/{second}")
    await ended(pool)


async def test_the_next_kernel_has_the_gpus_that_wait(with_gpus: None, api: Api) -> None:
    image = await api.services.images.get(TORCH)
    one = api.services.environments.add(image, reference=TORCH, gpus=1)
    pool = asyncio.ensure_future(api.services.pool.run())
    first, spare = await one_and_one_that_waits(api, one.name)
    second = (await api("POST", "/launches", {"environment": one.name})).json["id"]
    launch = await api.until(second, Phase.RUNNING)
    assert (launch.container_id, list(launch.gpus)) == (spare["container_id"], spare["gpus"])
    rows = (await api("GET", "/report?by=kernel")).json["rows"]
    (waited,) = (row for row in rows if row["waiting"])  # perhaps with what waits now
    assert {(gpu["uuid"]) for gpu in waited["gpus"]} >= set(spare["gpus"])
    assert (waited["user"], waited["kernels"]) == (api.services.kernels.seats.caller.name, 0)
    assert {row["kernel"] for row in rows if not row["waiting"]} == {first, second}
    for each in (first, second):
        await api("DELETE", f"/launches/{each}")
    await ended(pool)
