"""GPUs in containers of a real engine, by the Container Device Interface."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from jupyter_gpu_containers.errors import GpuVanishedError
from tests.doubles.engine import CdiEngine
from tests.doubles.nvml import uuid_of
from tests.gpus.assertions import sees_exactly
from tests.gpus.conftest import MACHINE, GpuRig, devices, rig_on

pytestmark = [pytest.mark.engine, pytest.mark.root]


def test_engine_lists_its_devices(cdi_rig: GpuRig) -> None:
    info = asyncio.run(cdi_rig.backend.info())
    assert info.cdi_devices is not None
    assert f"nvidia.com/gpu={uuid_of(MACHINE, 'gpu3')}" in info.cdi_devices
    assert f"nvidia.com/gpu={uuid_of(MACHINE, 'gpu0', mig=6)}" in info.cdi_devices
    assert f"nvidia.com/gpu={uuid_of(MACHINE, 'gpu0')}" not in info.cdi_devices  # it is split


def test_two_of_eight(cdi_rig: GpuRig) -> None:
    """The same outcome as by the hook, which this engine does not even have."""
    chosen = devices(MACHINE, "gpu3", "gpu5")
    seen = asyncio.run(cdi_rig.look_inside(*(gpu.uuid for gpu in chosen)))
    sees_exactly(seen, chosen)
    assert seen["visible"] == "void"  # nothing else is to add GPUs


def test_mig_instance(cdi_rig: GpuRig) -> None:
    """The node of the parent, the capabilities of one instance, and no other instance."""
    chosen = devices(MACHINE, ("gpu1", 2))
    seen = asyncio.run(cdi_rig.look_inside(chosen[0].uuid))
    sees_exactly(seen, chosen)
    assert seen["caps"] == 2  # of its GPU instance and its compute instance


def test_whole_gpu_and_mig_instances(cdi_rig: GpuRig) -> None:
    chosen = devices(MACHINE, ("gpu0", 6), ("gpu1", 0), "gpu7")
    seen = asyncio.run(cdi_rig.look_inside(*(gpu.uuid for gpu in chosen)))
    sees_exactly(seen, chosen)
    assert seen["caps"] == 4


def test_devices_are_verified(cdi_rig: GpuRig) -> None:
    async def scenario() -> None:
        container = await cdi_rig.started(uuid_of(MACHINE, "gpu2"))
        await cdi_rig.backend.verify_gpus(container, [2])
        with pytest.raises(GpuVanishedError):
            await cdi_rig.backend.verify_gpus(container, [3])

    asyncio.run(scenario())


def test_unknown_uuid(cdi_engine: CdiEngine, images: SimpleNamespace) -> None:
    """CDI is asked for a device that the specification does not have (any more)."""

    async def scenario(rig: GpuRig) -> None:
        with pytest.raises(GpuVanishedError, match="unresolvable CDI devices"):
            await rig.started("GPU-00000000-0000-0000-0000-000000000000")

    with rig_on(cdi_engine, images.debian12, injection="cdi") as rig:
        asyncio.run(scenario(rig))


def test_cpu_kernel_gets_no_gpu(cdi_rig: GpuRig, images: SimpleNamespace) -> None:
    async def scenario() -> None:
        for reference in (images.cuda, images.debian12):
            image = (await cdi_rig.backend.image(reference)).id
            seen = await cdi_rig.look_inside(image=image)
            assert (seen["nodes"], seen["uuids"]) == ([], None)

    asyncio.run(scenario())
