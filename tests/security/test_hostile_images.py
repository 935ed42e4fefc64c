"""T6, T7, T8, T15: hostile images get the GPUs of their claim and nothing else of the host."""

from __future__ import annotations

import asyncio
import json
import os
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_gpu_containers.errors import ProfileMismatchError
from jupyter_gpu_containers.model.kernel import labels
from tests.doubles.engine import HookEngine
from tests.gpus.conftest import MACHINE, GpuRig, devices
from tests.gpus.test_hook import gpus_by_default
from tests.security.hostile import CANARY, LOOK, TRICKS, build, volumes

pytestmark = [pytest.mark.engine, pytest.mark.root]

KEY = b"k" * 32
UID = 1234  # an ordinary user, whoever runs the tests


async def looked(rig: GpuRig, image: str, *gpus: str) -> dict[str, Any]:
    """Run a kernel's container of an image, with labels as kernels have; what it saw."""
    made = labels.make_labels(purpose="kernel", owner="o", user="u", gpus=gpus)
    made_spec = await rig.spec(
        *gpus,
        image=image,
        command=("python3", "-c", LOOK),
        user=f"{UID}:{UID}",
        labels=labels.signed(made, KEY),
        name=f"jgc-hostile-{os.urandom(8).hex()}",
    )
    code, output = await rig.backend.run(made_spec, timeout=60)
    assert code == 0, output
    assert CANARY not in output
    seen: dict[str, Any] = json.loads(output)
    return seen


@pytest.fixture(scope="module")
def built(_hook_engine: HookEngine, images: SimpleNamespace) -> dict[str, str]:
    """The images' ids by trick; the engine keeps them."""
    return build(_hook_engine, images.debian12)


@pytest.mark.parametrize("default_runtime", [False, True], ids=["runc", "nvidia"])
@pytest.mark.parametrize("kind", ["CPU", "GPU"])
def test_images_get_the_claimed_gpus_and_nothing_else(
    hook_rig: GpuRig,
    hook_engine: HookEngine,
    built: dict[str, str],
    default_runtime: bool,
    kind: str,
) -> None:
    if default_runtime:
        hook_engine.set_up(default_runtime=True)
        hook_engine.restart()
    before = volumes(hook_engine)
    chosen = devices(MACHINE, "gpu3", "gpu5") if kind == "GPU" else []

    async def outcomes() -> dict[str, object]:
        found: dict[str, object] = {}
        for name, image in built.items():
            try:
                found[name] = await looked(hook_rig, image, *(gpu.uuid for gpu in chosen))
            except ProfileMismatchError as exc:
                found[name] = exc.message
        return found

    found = asyncio.run(outcomes())
    for name, seen in found.items():
        trick = TRICKS[name]
        where = f"{name}, {kind} kernel"
        if trick.refused:
            assert isinstance(seen, str), where
            assert trick.refused in seen, where
            continue
        assert isinstance(seen, dict), f"{where}: {seen}"
        claimed = ["/dev/nvidia3", "/dev/nvidia5"] if kind == "GPU" else []
        devices_said = ",".join(gpu.uuid for gpu in chosen) if kind == "GPU" else "void"
        assert seen == {
            "gpus": claimed,
            "more": [],
            "uid": UID,
            "cwd": "/tmp",
            "capabilities": "0" * 16,
            "no_new_privileges": "1",
            "core": ["0", "0"],
            "setuid": [],
            "env": {
                "NVIDIA_VISIBLE_DEVICES": devices_said,
                "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
                "NVIDIA_GDS": "disabled",
                "NVIDIA_MOFED": "disabled",
                "NVIDIA_NVSWITCH": "disabled",
                "NVIDIA_GDRCOPY": "disabled",
                "NVIDIA_IMEX_CHANNELS": "",
                "NVIDIA_MIG_CONFIG_DEVICES": "",
                "NVIDIA_MIG_MONITOR_DEVICES": "",
                "LD_PRELOAD": "",
                "LD_AUDIT": "",
            },
        }, where
    assert volumes(hook_engine) == before  # anonymous ones went with their containers
    assert len(found) == len(TRICKS)
    # The rig would have shown it: the engine's own way with these images takes all eight.
    for name in ("all GPUs", "legacy image"):
        assert gpus_by_default(hook_engine, built[name]) == (8 if default_runtime else 0)
    with hook_engine.client().api as client:
        assert client.containers(all=True) == []  # those refused are gone, too
