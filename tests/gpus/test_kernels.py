"""The whole road with GPUs: jupyter_client, provisioner, NVML, claim, engine, kernel."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_gpu_containers.model.kernel.per_run import GPUS
from jupyter_gpu_containers.service.gpu.usage import GpuState
from tests.doubles.engine import HookEngine
from tests.doubles.nvml import uuid_of
from tests.gpus import kernel_scenarios
from tests.gpus.child import run_with
from tests.rooms import Room

pytestmark = [pytest.mark.engine, pytest.mark.root]

CLAIMED = GpuState.CLAIMED


@pytest.fixture
def run_here(hook_engine: HookEngine, room: Room) -> Callable[..., Any]:
    """Run a scenario in a Jupyter process of its own, with the fake driver, in the room."""

    def run(scenario: Callable[..., Any], *args: Any) -> Any:
        return run_with(hook_engine.driver, scenario, *args, env=room.environ())

    return run


def test_kernel_has_its_gpus_until_it_is_shut_down(
    run_here: Callable[..., Any], images: SimpleNamespace
) -> None:
    """Two of six whole ones: the same over a restart, and all are free afterwards."""
    first, second, held, freed = run_here(kernel_scenarios.life, images.debian12, 2)
    assert len(first.nodes) == 2
    assert first.listing.count("GPU-") == 2
    assert second == first
    assert held.count(CLAIMED) == 2
    assert freed.count(CLAIMED) == 0
    assert len(freed) == len(held) == 6 + 7 + 4


def test_a_run_has_the_gpus_that_it_names(
    hook_engine: HookEngine, room: Room, images: SimpleNamespace
) -> None:
    """One by its index and one by its UUID, of an environment that has none."""
    uuid = uuid_of("dgx-a100-mig", "gpu5")
    env = {**room.environ(), GPUS: f"device=3,{uuid}"}
    first, second, held, freed = run_with(
        hook_engine.driver, kernel_scenarios.life, images.debian12, 0, env=env
    )
    assert first.nodes == ["/dev/nvidia3", "/dev/nvidia5"]
    assert uuid in first.listing
    assert second == first
    assert (held.count(CLAIMED), freed.count(CLAIMED)) == (2, 0)


def test_a_kernel_takes_a_container_that_waits_with_gpus(
    run_here: Callable[..., Any], images: SimpleNamespace
) -> None:
    """The devices in the container are those that were claimed when it was made."""
    container, first, second, waited, freed = run_here(kernel_scenarios.taken, images.debian12, 2)
    assert first.container == container
    assert len(first.nodes) == 2
    assert first.listing.count("GPU-") == 2
    assert second == first
    assert waited.count(CLAIMED) == 2
    assert freed.count(CLAIMED) == 0


def test_mig_instance(
    run_here: Callable[..., Any], hook_engine: HookEngine, images: SimpleNamespace
) -> None:
    """On a machine with split GPUs only, a kernel gets one instance and sees no other."""
    for number in range(2, 8):
        hook_engine.driver.edit(f"gpu{number}", state="reset_required")
    first, second, held, _ = run_here(kernel_scenarios.life, images.debian12, 1)
    assert len(first.nodes) == 1
    assert first.nodes[0] in ("/dev/nvidia0", "/dev/nvidia1")
    assert first.listing.count("UUID: MIG-") == 1
    assert second == first
    assert held.count(CLAIMED) == 1


def test_only_gpu_is_given_to_one(
    run_here: Callable[..., Any], hook_engine: HookEngine, images: SimpleNamespace
) -> None:
    hook_engine.driver.reset("h200")
    refusal, sight = run_here(kernel_scenarios.one_after_the_other, images.debian12)
    assert refusal["code"] == "gpus_busy"
    assert refusal["hint"]
    assert sight.nodes == ["/dev/nvidia0"]
    assert uuid_of("h200", "gpu0") in sight.listing


def test_kernel_without_gpu_gets_none(
    run_here: Callable[..., Any], hook_engine: HookEngine, images: SimpleNamespace
) -> None:
    """From an image that asks for all, where NVIDIA's runtime is the engine's default."""
    hook_engine.set_up(default_runtime=True)
    hook_engine.restart()
    first, _, held, _ = run_here(kernel_scenarios.life, images.cuda, 0)
    assert first.nodes == []
    assert first.listing == ""
    assert CLAIMED not in held


@pytest.mark.parametrize(
    ("cuda", "gpus", "variable"), [("12020", 1, "1"), ("12040", 1, "None"), ("12020", 0, "None")]
)
def test_the_hooks_check_is_waived_where_only_minor_versions_are_missing(
    run_here: Callable[..., Any],
    hook_engine: HookEngine,
    images: SimpleNamespace,
    cuda: str,
    gpus: int,
    variable: str,
) -> None:
    """The image says cuda>=12.4: with a driver for 12.2 the hook would refuse it."""
    hook_engine.driver.edit("system", driver="550.54.15", cuda=cuda)
    sight, told = run_here(kernel_scenarios.waiver, images.cuda, gpus)
    assert len(sight.nodes) == gpus
    assert told == variable


def test_an_image_that_the_driver_cannot_run_is_refused_before_the_hook_does(
    run_here: Callable[..., Any], hook_engine: HookEngine, images: SimpleNamespace
) -> None:
    hook_engine.driver.edit("system", driver="470.182.03", cuda="11040")
    told = run_here(kernel_scenarios.refusal, images.cuda)
    assert told["code"] == "requirement_not_met"
    assert "CUDA 12.4.1 needs driver >= 525.60.13; this machine has 470.182.03" in told["message"]
    assert "NVIDIA_DISABLE_REQUIRE=1" in told["hint"]
