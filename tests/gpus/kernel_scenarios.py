"""What happens to kernels with GPUs, as coroutines that `child.run_with` runs in a room."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from jupyter_gpu_containers.config import shared_services
from jupyter_gpu_containers.errors import GpuContainersError
from jupyter_gpu_containers.service.gpu.usage import GpuState, gpu_usage
from jupyter_gpu_containers.service.kernel.owner import Owner
from tests.doubles.nvml import FakeDriver
from tests.kernels import Kernel, running

LOOK = """
import glob, json, subprocess
done = subprocess.run(["sh", "-c", "nvidia-smi -L"], capture_output=True, text=True)
print(json.dumps([sorted(glob.glob("/dev/nvidia[0-9]*")), done.stdout]))
"""


@dataclass
class Sight:
    """What a kernel sees of GPUs, and its container."""

    nodes: list[str]
    listing: str  # of nvidia-smi -L
    container: str

    @classmethod
    async def of(cls, kernel: Kernel) -> Sight:
        nodes, listing = json.loads(await kernel.run(LOOK))
        return cls(nodes, listing, await kernel.container_id())


async def make_environment(reference: str, **limits: Any) -> str:
    services = shared_services()
    image = await services.images.get(reference)
    return services.environments.add(image, reference=reference, **limits).name


async def states() -> list[GpuState]:
    """Return the state of every GPU as the panel would show it."""
    services = shared_services()
    usage = await gpu_usage(services.inventory, services.backend, str(Owner.current()))
    return [use.state for use in usage.uses]


async def life(
    driver: FakeDriver, reference: str, gpus: int
) -> tuple[Sight, Sight, list[GpuState], list[GpuState]]:
    """Start, look, restart, look; the GPUs' states before and after the shutdown."""
    async with running(await make_environment(reference, gpus=gpus)) as kernel:
        first = await Sight.of(kernel)
        held = await states()
        await kernel.manager.restart_kernel()
        await kernel.answers_again()
        second = await Sight.of(kernel)
    freed = await states()
    shared_services().close()
    return first, second, held, freed


async def one_after_the_other(driver: FakeDriver, reference: str) -> tuple[dict[str, str], Sight]:
    """Ask twice for the only GPU: refused while it is held, given when it was released."""
    name = await make_environment(reference, gpus=1)
    refusal: dict[str, str] = {}
    async with running(name):
        try:
            async with running(name):
                pass
        except GpuContainersError as error:
            refusal = error.as_dict()
    async with running(name) as kernel:
        sight = await Sight.of(kernel)
    shared_services().close()
    return refusal, sight


async def taken(
    driver: FakeDriver, reference: str, gpus: int
) -> tuple[str, Sight, Sight, list[GpuState], list[GpuState]]:
    """Have a container wait with GPUs, start a kernel in it, look, restart, look.

    The container, what the kernel saw, and the GPUs' states while it waited and in the end.
    """
    services = shared_services()
    name = await make_environment(reference, gpus=gpus)
    environment = services.environments.get(name)
    spare = await services.kernels.spares.make(environment, {})
    assert spare is not None
    waited = await states()
    async with running(name, kernel_id=services.launches.new_id(name)) as kernel:
        first = await Sight.of(kernel)
        await kernel.manager.restart_kernel()
        await kernel.answers_again()
        second = await Sight.of(kernel)
    freed = await states()
    services.close()
    return spare.container_id, first, second, waited, freed


VARIABLE = "import os; print(os.environ.get('NVIDIA_DISABLE_REQUIRE'))"


async def waiver(driver: FakeDriver, reference: str, gpus: int) -> tuple[Sight, str]:
    """Start; what the kernel sees of GPUs, and whether the check of conditions was waived."""
    async with running(await make_environment(reference, gpus=gpus)) as kernel:
        found = await Sight.of(kernel), (await kernel.run(VARIABLE)).strip()
    shared_services().close()
    return found


async def refusal(driver: FakeDriver, reference: str) -> dict[str, str]:
    """Try to start with one GPU, and return what is said."""
    name = await make_environment(reference, gpus=1)
    try:
        async with running(name):
            return {}
    except GpuContainersError as error:
        return error.as_dict()
    finally:
        shared_services().close()
