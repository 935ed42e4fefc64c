"""A server dies whose kernel has a GPU, then the engine: who has the GPU, and what is said."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_gpu_containers.errors import GpusBusyError
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuRequest
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerSpec
from jupyter_gpu_containers.service.kernel.owner import Owner
from tests.doubles.engine import HookEngine
from tests.faults.one_gpu import gpu, one_gpu_engine
from tests.forked_servers import ForkedServer
from tests.rooms import ENGINE_IMAGE, Room
from tests.servers import Server

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture
def engine(engine_room: Room, engine_host: str, tmp_path: Path) -> Iterator[HookEngine]:
    """An engine of this test's own, on a machine with one GPU; its containers outlive a restart."""
    with one_gpu_engine(engine_room, engine_host, tmp_path, **{"live-restore": True}) as engine:
        yield engine


def busy(room: Room) -> str:
    """Ask for the GPU as another program of the user does; return why it is not to be had."""

    def spec(gpus: tuple[Gpu, ...], name: str) -> ContainerSpec:
        uuids = [gpu.uuid for gpu in gpus]
        text = labels.make_labels(
            purpose="kernel", owner=str(Owner.current()), user="ada", gpus=uuids
        )
        return ContainerSpec(ENGINE_IMAGE, ("true",), name, "1:1", "/", text)

    with pytest.raises(GpusBusyError) as caught:
        asyncio.run(room.services.claims.claim(GpuRequest(1), spec))
    return caught.value.message


def test_claimed_all_the_time(engine: HookEngine, engine_room: Room, servers: list[Server]) -> None:
    room = engine_room
    servers.append(first := ForkedServer(room))
    body = {"image": ENGINE_IMAGE, "gpus": 1}
    name = first.ask("POST", "/gpu-containers/environments", body)["name"]
    kernel_id = first.session(name)["kernel"]["id"]
    first.reached(kernel_id, "running")
    page = first.connect(kernel_id)
    assert page.run("x = 42; import os; print(os.path.exists('/dev/nvidia0'))") == "True"
    assert gpu(first)["holder"]["mine"]
    first.kill()
    assert "n.ipynb" in busy(room)

    # the engine goes and comes back while no server is there; the container does not notice
    engine.kill()
    servers.append(second := ForkedServer(room))
    assert second.kernels() == [kernel_id]  # unknown is not gone
    assert second.get_launch(kernel_id)["phase"] == "running"
    engine.start()
    assert second.connect(kernel_id).run("print(x)") == "42"
    assert "n.ipynb" in busy(room)
    second.until(lambda: gpu(second)["state"] == "claimed")
    assert gpu(second)["holder"]["mine"]
    assert len(room.containers()) == 1

    # without live-restore, and both die: the kernel is over, the GPU free, the reason told
    engine.config["live-restore"] = False
    second.kill()
    engine.kill()
    engine.start()
    servers.append(third := ForkedServer(room))
    error = third.reached(kernel_id, "failed")["error"]
    assert error["code"] in ("engine_restarted", "kernel_killed", "kernel_signalled")
    third.until(lambda: third.kernels() == [])
    third.until(lambda: gpu(third)["state"] == "free")
    assert third.terminate() == 0
    assert room.settled() == []
