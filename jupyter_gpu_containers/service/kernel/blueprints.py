"""What a kernel's container is made of, gathered before any GPU is claimed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from jupyter_gpu_containers.model.gpu.device import Gpu
from jupyter_gpu_containers.model.image.image import Image
from jupyter_gpu_containers.model.image.user_packages import user_folders
from jupyter_gpu_containers.model.kernel.container import ContainerSpec
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import Policy, Seat, make_container_spec
from jupyter_gpu_containers.ports import ImageFactsStore

from .runtimes import KernelRuntimes
from .waivers import Waiver, Waivers


@dataclass(frozen=True)
class Blueprint:
    """All but the GPUs and the name."""

    environment: Environment
    seat: Seat
    policy: Policy
    runtime: str | None  # the folder that is carried in
    folders: tuple[str, ...]
    waiver: Waiver
    can_wait: bool  # its launcher knows how to wait for a kernel

    def make_spec(self, gpus: tuple[Gpu, ...], name: str) -> ContainerSpec:
        """Return the container with these GPUs, under this name."""
        return make_container_spec(
            self.environment,
            gpus,
            self.seat,
            self.policy,
            name,
            self.runtime,
            self.folders,
            waived=self.waiver(gpus) is not None,
        )


class Blueprints:
    """Knows what images need.

    Parameters
    ----------
    policy : Policy
    runtimes : KernelRuntimes, optional
        What carries a kernel into images that have none.
    facts : ImageFactsStore, optional
        What is known of images; tells which folders a user's packages need.
    waivers : Waivers, optional
        What decides whether NVIDIA's runtime is to skip an image's conditions.
    """

    def __init__(
        self,
        policy: Policy,
        runtimes: KernelRuntimes | None,
        facts: ImageFactsStore | None,
        waivers: Waivers | None,
    ) -> None:
        self._policy = policy
        self._runtimes = runtimes
        self._facts = facts
        self._waivers = waivers

    async def of(self, environment: Environment, seat: Seat) -> Blueprint:
        """Gather everything; a runtime that is not there is fetched.

        Raises
        ------
        RuntimeUnavailableError, ImageNotFoundError
        """
        image = await self._image(environment)
        probe = image.probe if image is not None else None
        runtime = await self._runtimes.folder(environment, probe) if self._runtimes else None
        return Blueprint(
            environment,
            seat,
            self._policy,
            runtime,
            user_folders(image, seat.caller.uid),
            await self._waiver(environment, seat),
            self._runtimes is not None and self._runtimes.can_wait(environment, runtime),
        )

    async def _image(self, environment: Environment) -> Image | None:
        """Return what is known of an environment's image."""
        if self._facts is None:
            return None
        known = await asyncio.to_thread(self._facts.get, [environment.image_id])
        return known.get(environment.image_id)

    async def _waiver(self, environment: Environment, seat: Seat) -> Waiver:
        if self._waivers is None:
            return lambda gpus: None
        own = {**self._policy.environment_variables, **seat.env}
        return await self._waivers.of(environment, own)
