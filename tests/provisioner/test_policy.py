"""Rules and kernels that Jupyter itself starts by a kernelspec, which its user may have edited."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from jupyter_client.manager import AsyncKernelManager

from jupyter_gpu_containers.errors import InvalidRequestError, PolicyError
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerSpec
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.service.kernel.owner import Owner
from tests.kernels import running
from tests.rooms import ENGINE_IMAGE, MEMORY_IMAGE, Room

GPUS = [{"name": "NVIDIA H200", "memory_gib": 141, "count": 2}]


async def edited(room: Room, change: Callable[[dict[str, Any]], None]) -> str:
    """Add an environment and edit its kernelspec; return its name."""
    environment = await room.environment(MEMORY_IMAGE, gpus=1)
    file = room.data / "kernels" / environment.name / "kernel.json"
    spec = json.loads(file.read_text())
    change(spec["metadata"]["kernel_provisioner"]["config"])
    file.write_text(json.dumps(spec))
    return environment.name


@pytest.mark.parametrize(
    ("rule", "change", "code"),
    [
        ({"max_gpus_per_kernel": 1}, {"gpus": 2}, "policy_gpus"),
        ({"max_gpus_per_kernel": 1}, {"gpu_uuids": ["GPU-a", "GPU-b"]}, "policy_gpus"),
        ({"max_memory": "2g"}, {"memory": 3 << 30}, "policy_memory"),
        ({"networks": ["none"]}, {"network": "bridge"}, "policy_network"),
        ({"allowed_images": ["quay.io/*"]}, {"reference": "quay.io/team/x:1"}, "policy_image"),
        ({"allowed_images": ["quay.io/*"]}, {"image_id": "quay.io/x"}, "policy_image"),
        ({"max_kernels_per_user": 0}, {}, "policy_kernels"),
    ],
)
async def test_a_kernelspec_gets_around_no_rule(
    memory_room: Room, rule: dict[str, Any], change: dict[str, Any], code: str
) -> None:
    name = await edited(memory_room, lambda config: config.update(change))
    memory_room.configure(fixed_gpus=GPUS, **rule)
    manager = AsyncKernelManager(kernel_name=name)
    with pytest.raises(PolicyError) as caught:
        await manager.start_kernel(kernel_id="k")
    assert caught.value.error_code == code
    launch = memory_room.services.launches.get("k")
    assert launch.phase is Phase.FAILED
    assert launch.error is not None
    assert launch.error.code == code
    assert await memory_room.services.backend.containers(labels.VERSION) == []


@pytest.mark.parametrize("change", [{"gpus": -1}, {"memory": -1}, {"shm_size": -1}])
async def test_a_negative_number_is_no_way_around(
    memory_room: Room, change: dict[str, Any]
) -> None:
    name = await edited(memory_room, lambda config: config.update(change))
    memory_room.configure(fixed_gpus=GPUS, max_gpus_per_user=1, max_memory="2g")
    manager = AsyncKernelManager(kernel_name=name)
    with pytest.raises(InvalidRequestError, match=r"damaged: .*-1 is negative"):
        await manager.start_kernel(kernel_id="k")
    assert await memory_room.services.backend.containers(labels.VERSION) == []


async def test_another_server_that_was_as_fast_leaves_room_for_none(memory_room: Room) -> None:
    """Its container comes after the first look and before ours: ours goes again."""
    environment = await memory_room.environment(MEMORY_IMAGE, gpus=1)
    memory_room.configure(fixed_gpus=GPUS, max_gpus_per_user=1)
    services = memory_room.services
    services.claims.backoff = 0.0
    uuid = (await services.inventory.snapshot()).gpus[0].uuid
    signer = services.claims.reconciler.signer
    spec = ContainerSpec(
        image=environment.image_id,
        command=("sleep", "1000"),
        name="theirs",
        user="0:0",
        working_dir="/",
        labels=labels.make_labels(
            purpose="kernel",
            owner=str(Owner.current()),
            user=services.kernels.seats.caller.name,
            kernel_id="theirs",
            gpus=(uuid,),
        ),
    )

    def look(launch: Launch) -> None:
        if launch.phase is Phase.CREATING and not made:
            create = services.backend.create(signer.signed(spec))
            thread = threading.Thread(target=lambda: made.append(asyncio.run(create)))
            thread.start()
            thread.join()

    made: list[str] = []
    services.launches.on_change(look)
    manager = AsyncKernelManager(kernel_name=environment.name)
    with pytest.raises(PolicyError) as caught:
        await manager.start_kernel(kernel_id="k")
    assert caught.value.error_code == "policy_gpus"
    assert [c.id for c in await services.backend.containers(labels.VERSION)] == made
    await services.claims.release(made[0])


async def test_a_kernel_without_a_server_is_stopped_when_its_time_is_up(memory_room: Room) -> None:
    environment = await memory_room.environment(MEMORY_IMAGE)
    memory_room.configure(fixed_gpus=GPUS, max_run_time=3.0)
    async with running(environment.name) as kernel:
        (launch,) = memory_room.services.launches.list()
        container = memory_room.services.kernels.get(launch.id)
        assert container is not None
        exit_ = await asyncio.wait_for(asyncio.wrap_future(container.ended), 30)
        assert exit_.exit_code == 137
        assert not await kernel.manager.is_alive()
        failed = memory_room.services.launches.get(launch.id)
        assert failed.error is not None
        assert failed.error.code == "policy_run_time"
        assert "3 seconds (c.GpuContainers.max_run_time)" in failed.error.message


@pytest.mark.engine
async def test_a_real_engine_tells_what_an_image_is(engine_room: Room) -> None:
    """The kernelspec names an allowed image, and the id of another; then the same is allowed."""
    environment = await engine_room.environment(ENGINE_IMAGE)
    file = engine_room.data / "kernels" / environment.name / "kernel.json"
    spec = json.loads(file.read_text())
    spec["metadata"]["kernel_provisioner"]["config"]["reference"] = "jgc-test/debian13:py313"
    file.write_text(json.dumps(spec))
    engine_room.configure(allowed_images=["jgc-test/debian13"], max_kernels_per_user=1)
    with pytest.raises(PolicyError) as caught:
        await AsyncKernelManager(kernel_name=environment.name).start_kernel()
    assert caught.value.error_code == "policy_image"
    assert ENGINE_IMAGE in caught.value.message
    engine_room.configure(allowed_images=["jgc-test/debian12:*"])
    async with running(environment.name) as kernel:
        assert await kernel.run("print(6 * 7)") == "42"
        with pytest.raises(PolicyError) as second:
            await AsyncKernelManager(kernel_name=environment.name).start_kernel()
        assert second.value.error_code == "policy_kernels"
