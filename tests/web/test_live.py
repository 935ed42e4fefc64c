"""What pages are told without asking, by whoever it was done; held to the events' schemas."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, FormatChecker

from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import GpuProcess, GpuSnapshot
from jupyter_gpu_containers.model.gpu.health import GpuEvent, GpuEventKind
from jupyter_gpu_containers.model.kernel.launch import Phase
from jupyter_gpu_containers.web.events import CHANGED_EVENT, EVENTS, GPU_LOAD_EVENT

from .conftest import TIMEOUT, Api

TORCH = DEMO_IMAGES[1].references[0]
GIB = 1 << 30


class Bus:
    """Hears the event bus as a page does; every event is held to its schema."""

    def __init__(self, logger: Any) -> None:
        self._events: list[tuple[str, dict[str, Any]]] = []
        self._news = asyncio.Event()
        for schema_id, file in (
            (CHANGED_EVENT, "changed.v1.yaml"),
            (GPU_LOAD_EVENT, "gpu-load.v1.yaml"),
        ):
            schema = yaml.safe_load((EVENTS / file).read_text("utf-8"))
            validator = Draft7Validator(schema, format_checker=FormatChecker())
            logger.add_listener(schema_id=schema_id, listener=self._listener(validator))

    def _listener(self, validator: Draft7Validator) -> Callable[..., Any]:
        async def listen(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
            validator.validate(data)
            self._events.append((schema_id, data))
            self._news.set()

        return listen

    async def until(self, is_so: Callable[[str, dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for an event that is so; those before it are forgotten."""
        while True:
            while self._events:
                schema_id, data = self._events.pop(0)
                if is_so(schema_id, data):
                    return data
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), TIMEOUT)

    async def changed(self, resource: str) -> None:
        """Wait until somebody is told that this resource has changed."""
        await self.until(lambda schema_id, data: data == {"resource": resource})

    def forget(self) -> None:
        """Begin anew."""
        self._events.clear()


@pytest.fixture
def bus(api: Api, jp_serverapp: Any, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Bus]:
    """The bus of a server whose extension was started, as at the end of a server's start."""
    jp_asyncio_loop.run_until_complete(jp_serverapp.extension_manager.start_all_extensions())
    yield Bus(jp_serverapp.event_logger)
    jp_asyncio_loop.run_until_complete(jp_serverapp.extension_manager.stop_all_extensions())


async def test_a_name_that_anybody_gives(api: Api, bus: Bus) -> None:
    """By REST, or on the engine by whatever program."""
    await api("POST", "/images", {"source": TORCH, "reference": "example.org/mine:1"})
    await bus.changed("images")
    await api.services.backend.tag(TORCH, "example.org/mine:2")
    await bus.changed("images")
    await api.services.backend.remove_image("example.org/mine:2")
    await bus.changed("environments")


async def test_environments(api: Api, bus: Bus) -> None:
    made = await api("POST", "/environments", {"image": TORCH})
    await bus.changed("environments")
    await api("DELETE", f"/environments/{made.json['name']}")
    await bus.changed("environments")


async def test_logins(api: Api, bus: Bus) -> None:
    await api("POST", "/registries/nvcr.io/login", {"secret": "nvapi-0123456789"})
    await bus.changed("registries")
    await api("DELETE", "/registries/nvcr.io/login")
    await bus.changed("registries")


async def test_a_kernel_that_takes_and_gives_back_a_gpu(api: Api, bus: Bus) -> None:
    launched = await api("POST", "/launches", {"image": TORCH, "gpus": 1})
    await bus.changed("gpus")
    await api.until(launched.json["id"], Phase.RUNNING)
    bus.forget()
    await api("DELETE", f"/launches/{launched.json['id']}")
    await bus.changed("gpus")


async def test_the_load_is_told_to_who_has_asked(
    api: Api, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a kernel's container its share, from the moment it computes."""
    launched = await api("POST", "/launches", {"image": TORCH, "gpus": 1})
    launch = await api.until(launched.json["id"], Phase.RUNNING)
    told = (await api("GET", "/gpus")).json["gpus"]
    busy = next(gpu for gpu in told if gpu["holders"])
    assert busy["holders"][0]["memory_used"] == 0
    snapshot = FixedInventory.snapshot

    async def computing(inventory: FixedInventory) -> GpuSnapshot:
        before = await snapshot(inventory)
        processes = (GpuProcess(1, 2 * GIB, launch.container_id), GpuProcess(2, GIB, ""))
        gpus = tuple(
            replace(gpu, memory_used=3 * GIB, utilization=80, processes=processes)
            if gpu.uuid == busy["uuid"]
            else gpu
            for gpu in before.gpus
        )
        return replace(before, gpus=gpus)

    monkeypatch.setattr(FixedInventory, "snapshot", computing)
    load = await bus.until(lambda schema_id, data: schema_id == GPU_LOAD_EVENT)
    assert load["gpus"] == [
        {
            "uuid": busy["uuid"],
            "memory_used": 3 * GIB,
            "utilization": 80,
            "holders": [{"container_id": launch.container_id, "memory_used": 2 * GIB}],
        }
    ]
    now = (await api("GET", "/gpus")).json["gpus"]
    holder = next(gpu for gpu in now if gpu["holders"])["holders"][0]
    assert holder["memory_used"] == 2 * GIB


async def test_a_gpu_that_fails(api: Api, bus: Bus) -> None:
    """As NVML's thread reports it."""
    lost = (await api("GET", "/gpus")).json["gpus"][1]["uuid"]
    event = GpuEvent(GpuEventKind.XID, lost, time.monotonic(), 79)
    await asyncio.to_thread(api.services.inventory.take, event)
    await bus.changed("gpus")
    states = [gpu["state"] for gpu in (await api("GET", "/gpus")).json["gpus"]]
    assert states == ["free", "unavailable"]


@pytest.mark.parametrize(
    "data",
    [
        {"at": "2026-11-22T08:00:00Z", "gpus": [{"uuid": "GPU-1", "memory_used": "<b>"}]},
        {"at": "2026-11-22T08:00:00Z"},
        {},
    ],
)
async def test_what_is_no_event_of_ours_is_not_passed_on(
    bus: Bus, http_server_client: Any, jp_auth_header: Any, jp_base_url: str, data: object
) -> None:
    """Put on the bus by whoever may use the server; what keeps to the schema comes through."""

    async def put(body: object) -> int:
        answer = await http_server_client.fetch(
            f"{jp_base_url}api/events",
            method="POST",
            headers=jp_auth_header,
            body=json.dumps({"schema_id": GPU_LOAD_EVENT, "version": "1", "data": body}),
            raise_error=False,
        )
        return int(answer.code)

    assert await put(data) >= 400
    right = {"at": "2026-11-22T08:00:00Z", "gpus": []}
    assert await put(right) == 204
    first = await bus.until(lambda schema_id, data: schema_id == GPU_LOAD_EVENT)
    assert first["gpus"] == []


async def test_nobody_looks_when_the_server_has_ended(api: Api, jp_serverapp: Any) -> None:
    manager = jp_serverapp.extension_manager
    await manager.start_all_extensions()
    await api("GET", "/gpus")
    assert api.services.loads.running
    await manager.stop_all_extensions()
    assert not api.services.loads.running
