"""GPUs in containers of a real engine, by its `nvidia` driver and NVIDIA's runtime hook."""

from __future__ import annotations

import asyncio
import os
import signal
from types import SimpleNamespace

import pytest

from jupyter_gpu_containers.errors import EngineError, GpuVanishedError
from tests.doubles.engine import HookEngine
from tests.doubles.nvml import uuid_of
from tests.gpus.assertions import sees_exactly
from tests.gpus.conftest import MACHINE, GpuRig, devices

pytestmark = [pytest.mark.engine, pytest.mark.root]


def test_two_of_eight(hook_rig: GpuRig) -> None:
    """Exactly two device nodes, and the real pynvml in the container shows just these two."""
    chosen = devices(MACHINE, "gpu3", "gpu5")
    seen = asyncio.run(hook_rig.look_inside(*(gpu.uuid for gpu in chosen)))
    sees_exactly(seen, chosen)


def test_mig_instance(hook_rig: GpuRig) -> None:
    """The node of the parent, the capabilities of one instance, and no other instance."""
    chosen = devices(MACHINE, ("gpu1", 2))
    seen = asyncio.run(hook_rig.look_inside(chosen[0].uuid))
    sees_exactly(seen, chosen)
    assert seen["caps"] == 2  # of its GPU instance and its compute instance


def test_whole_gpu_and_mig_instances(hook_rig: GpuRig) -> None:
    chosen = devices(MACHINE, ("gpu0", 6), ("gpu1", 0), "gpu7")
    seen = asyncio.run(hook_rig.look_inside(*(gpu.uuid for gpu in chosen)))
    sees_exactly(seen, chosen)
    assert seen["caps"] == 4


def test_gpus_that_were_asked_for_are_verified(hook_rig: GpuRig) -> None:
    async def scenario() -> None:
        backend = hook_rig.backend
        container = await hook_rig.started(uuid_of(MACHINE, "gpu2"), uuid_of(MACHINE, "gpu7"))
        await backend.verify_gpus(container, [7, 2])
        for wrong in ([2], [2, 7, 3], []):
            with pytest.raises(GpuVanishedError, match="nvidia2, /dev/nvidia7"):
                await backend.verify_gpus(container, wrong)

    asyncio.run(scenario())


def test_unknown_uuid(hook_rig: GpuRig) -> None:
    async def scenario() -> None:
        with pytest.raises(GpuVanishedError, match="GPU-00000000-0000-0000-0000-000000000000"):
            await hook_rig.started("GPU-00000000-0000-0000-0000-000000000000")

    asyncio.run(scenario())


def test_gpu_vanishes_between_create_and_start(hook_rig: GpuRig, hook_engine: HookEngine) -> None:
    chosen = uuid_of(MACHINE, "gpu2")

    async def scenario() -> None:
        created = await hook_rig.backend.create(await hook_rig.spec(chosen))
        hook_engine.driver.edit("gpu2", uuid="GPU-11111111-1111-1111-1111-111111111111")
        with pytest.raises(GpuVanishedError, match=chosen):
            await hook_rig.backend.start(created)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("section", "values", "words"),
    [
        ("gpu4", {"state": "lost"}, "gpu is lost"),
        ("system", {"init": "driver_not_loaded"}, "driver not loaded"),
        ("system", {"init": "lib_rm_version_mismatch"}, "driver/library version mismatch"),
    ],
)
def test_sick_driver(
    hook_rig: GpuRig, hook_engine: HookEngine, section: str, values: dict[str, str], words: str
) -> None:
    """As with the real hook, one lost GPU refuses all; the words reach the user with a hint."""
    hook_engine.driver.edit(section, **values)

    async def scenario() -> None:
        with pytest.raises(EngineError, match=words) as refusal:
            await hook_rig.started(uuid_of(MACHINE, "gpu2"))
        assert "nvidia-smi" in refusal.value.hint

    asyncio.run(scenario())


def test_image_whose_condition_is_not_met(
    hook_rig: GpuRig, hook_engine: HookEngine, images: SimpleNamespace
) -> None:
    """The hook refuses it, knowing nothing of minor versions; with our variable it starts."""
    hook_engine.driver.edit("system", driver="535.161.08", cuda="12020")

    async def scenario() -> None:
        image = (await hook_rig.backend.image(images.cuda)).id  # it wants cuda>=12.4
        gpu = uuid_of(MACHINE, "gpu2")
        waived = {"NVIDIA_DISABLE_REQUIRE": "1"}
        with pytest.raises(EngineError, match=r"unsatisfied condition: cuda>=12\.4") as refusal:
            await hook_rig.look_inside(gpu, image=image)
        assert "driver" in refusal.value.hint
        seen = await hook_rig.look_inside(gpu, image=image, env=waived)
        sees_exactly(seen, devices(MACHINE, "gpu2"))
        hook_engine.driver.edit("system", cuda="12040")
        sees_exactly(await hook_rig.look_inside(gpu, image=image), devices(MACHINE, "gpu2"))

    asyncio.run(scenario())


def test_restart_keeps_the_gpus(hook_rig: GpuRig) -> None:
    """A kernel's restart starts the same container again: the same GPUs come back."""

    async def scenario() -> None:
        backend = hook_rig.backend
        container = await hook_rig.started(uuid_of(MACHINE, "gpu2"))
        end = backend.watch(container)
        await backend.signal(container, signal.SIGKILL)
        await asyncio.wrap_future(end)
        await backend.start(container)
        await backend.verify_gpus(container, [2])

    asyncio.run(scenario())


@pytest.mark.parametrize("default_runtime", [False, True])
def test_cpu_kernel_gets_no_gpu(
    hook_rig: GpuRig, hook_engine: HookEngine, images: SimpleNamespace, default_runtime: bool
) -> None:
    """Not even from an image that asks for all, on an engine whose default runtime obeys it."""
    hook_engine.set_up(default_runtime=default_runtime)
    hook_engine.restart()

    async def scenario() -> None:
        for reference in (images.cuda, images.debian12):
            image = (await hook_rig.backend.image(reference)).id
            seen = await hook_rig.look_inside(image=image)
            assert (seen["nodes"], seen["uuids"]) == ([], None)

    asyncio.run(scenario())
    # The rig would have shown it: the engine's own way with this image takes all eight.
    assert gpus_by_default(hook_engine, images.cuda) == (8 if default_runtime else 0)


def gpus_by_default(engine: HookEngine, image: str) -> int:
    """Count the GPUs in a container of this image that is started without a word about GPUs."""
    client = engine.client()
    command = ["sh", "-c", "ls /dev | grep -c '^nvidia[0-9]' || true"]
    output = client.containers.run(image, command, entrypoint="", network_mode="none", remove=True)
    client.close()
    return int(output)


def test_image_cannot_ask_for_more(hook_rig: GpuRig, images: SimpleNamespace) -> None:
    """Nor can an environment variable that the user set."""
    chosen = devices(MACHINE, "gpu6")

    async def scenario() -> None:
        cuda = (await hook_rig.backend.image(images.cuda)).id
        asks = {"NVIDIA_VISIBLE_DEVICES": "all"}
        seen = await hook_rig.look_inside(chosen[0].uuid, image=cuda, env=asks)
        sees_exactly(seen, chosen)

    asyncio.run(scenario())


def test_engine_that_ignores_the_request(hook_rig: GpuRig, hook_engine: HookEngine) -> None:
    """A hardened toolkit lets the container start without its GPU; the look inside notices."""
    hook_engine.set_up(hardened=True)
    hook_engine.restart()

    async def scenario() -> None:
        container = await hook_rig.started(uuid_of(MACHINE, "gpu2"))
        with pytest.raises(GpuVanishedError, match="it has no GPU"):
            await hook_rig.backend.verify_gpus(container, [2])

    asyncio.run(scenario())


def test_engine_without_the_toolkit(
    hook_rig: GpuRig, hook_engine: HookEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that found no hook when it started says what to install."""
    monkeypatch.setattr(hook_engine, "path", os.environ["PATH"])
    hook_engine.restart()

    async def scenario() -> None:
        with pytest.raises(EngineError, match="cannot give GPUs") as refusal:
            await hook_rig.started(uuid_of(MACHINE, "gpu2"))
        assert "NVIDIA Container Toolkit" in refusal.value.hint

    try:
        asyncio.run(scenario())
    finally:
        monkeypatch.undo()
        hook_engine.restart()
