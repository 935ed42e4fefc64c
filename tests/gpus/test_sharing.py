"""MIG instances by size and GPUs that kernels share, on a real engine, by CDI and by the hook.

Everything from NVML's answer to the container is the product's: choice, claim, request to the
engine, verification.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jupyter_gpu_containers.errors import GpusBusyError, GpuVanishedError
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuRequest, GpuSnapshot
from jupyter_gpu_containers.model.gpu.slots import GpuSlots
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerSpec
from jupyter_gpu_containers.ports import GpuInventory
from jupyter_gpu_containers.service.kernel.claims import Claim, Claims
from jupyter_gpu_containers.service.kernel.owner import Owner
from tests.doubles.nvml import uuid_of
from tests.gpus import scenarios
from tests.gpus.assertions import sees_exactly
from tests.gpus.child import run_with
from tests.gpus.conftest import MACHINE, GpuRig

pytestmark = [pytest.mark.engine, pytest.mark.root]

SLOTS = GpuSlots.parse({"5": 2})


class Told(GpuInventory):
    """What NVML told a process that sees the fake driver."""

    def __init__(self, snapshot: GpuSnapshot) -> None:
        self.told = snapshot

    async def snapshot(self) -> GpuSnapshot:
        return self.told

    def close(self) -> None:
        """There is nothing to release."""


@dataclass
class Shop:
    """Claims on an engine with GPUs, and a look into what was claimed."""

    rig: GpuRig
    claims: Claims

    async def start(self, request: GpuRequest) -> Claim:
        """Claim devices and start the container that holds them; verify them as `Kernels` does."""
        look = "python3 /opt/inside.py; exec sleep infinity"
        plain = await self.rig.spec(command=("sh", "-c", look))

        def make(gpus: tuple[Gpu, ...], name: str) -> ContainerSpec:
            uuids = tuple(gpu.uuid for gpu in gpus)
            text = labels.make_labels(
                purpose="kernel",
                owner=str(Owner.current()),
                user="ada",
                gpus=uuids,
                slots=[SLOTS.of(gpu) for gpu in gpus],
            )
            return ContainerSpec(**{**vars(plain), "name": name, "gpus": uuids, "labels": text})

        claim = await self.claims.claim(request, make)
        await self.rig.backend.start(claim.container_id)
        minors = {gpu.minor_number for gpu in claim.gpus if gpu.minor_number is not None}
        await self.rig.backend.verify_gpus(claim.container_id, minors)
        return claim

    async def look(self, claim: Claim) -> dict[str, Any]:
        """Return what `inside.py` sees in a claimed container; it runs there at the start."""
        text = ""
        while not text:  # an engine does not tell when a container writes
            text = await self.rig.backend.logs(claim.container_id)
        seen: dict[str, Any] = json.loads(text)
        return seen


@pytest.fixture(params=["hook", "cdi"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    """An engine with eight GPUs, the first two split; two containers may share GPU 5."""
    engine = request.getfixturevalue(f"{request.param}_engine")
    rig = request.getfixturevalue(f"{request.param}_rig")
    snapshot = run_with(engine.driver, scenarios.read_once)
    return Shop(rig, Claims(rig.backend, Told(snapshot), slots=SLOTS))


def test_mig_instances_by_size(shop: Shop) -> None:
    """The only instance of its size; the parent's minor number is what is verified."""

    async def scenario() -> None:
        request = GpuRequest(1, profile="3g.40gb")
        claim = await shop.start(request)
        assert [gpu.uuid for gpu in claim.gpus] == [uuid_of(MACHINE, "gpu1", 0)]
        seen = await shop.look(claim)
        sees_exactly(seen, claim.gpus)
        assert seen["caps"] == 2  # of its GPU instance and its compute instance
        with pytest.raises(GpuVanishedError):  # a neighbour's parent would not do
            await shop.rig.backend.verify_gpus(claim.container_id, {0})
        with pytest.raises(GpusBusyError, match=r"MIG instance 3g\.40gb was asked for, but none"):
            await shop.start(request)
        others = await shop.start(GpuRequest(2, profile="1g.10gb"))
        assert {gpu.mig_profile for gpu in others.gpus} == {"1g.10gb"}
        sees_exactly(await shop.look(others), others.gpus)

    asyncio.run(scenario())


def test_two_share_a_gpu(shop: Shop) -> None:
    """Both see exactly this one; there is no third; a slot comes back with a release."""

    async def scenario() -> None:
        request = GpuRequest(uuids=(uuid_of(MACHINE, "gpu5"),))
        one, two = await shop.start(request), await shop.start(request)
        for claim in (one, two):
            sees_exactly(await shop.look(claim), claim.gpus)
            assert [gpu.index for gpu in claim.gpus] == [5]
        with pytest.raises(GpusBusyError, match="GPU 5 was asked for, but it is not free"):
            await shop.start(request)
        await shop.claims.release(one.container_id)
        three = await shop.start(request)
        sees_exactly(await shop.look(three), three.gpus)
        sees_exactly(await shop.look(two), two.gpus)

    asyncio.run(scenario())


def test_one_slot_is_one_kernel(shop: Shop) -> None:
    async def scenario() -> None:
        request = GpuRequest(uuids=(uuid_of(MACHINE, "gpu4"),))
        await shop.start(request)
        with pytest.raises(GpusBusyError):
            await shop.start(request)

    asyncio.run(scenario())
