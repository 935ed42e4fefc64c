"""Waivers: what is known of an image and this machine, for `requirement_waiver` to decide."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from jupyter_gpu_containers.model.fitness.rating import Reason
from jupyter_gpu_containers.model.fitness.requirement_waiver import requirement_waiver
from jupyter_gpu_containers.model.gpu.device import Gpu
from jupyter_gpu_containers.model.image.image import ImageConfig
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.ports import ContainerBackend, ImageFactsStore
from jupyter_gpu_containers.service.image.verdicts import Verdicts

Waiver = Callable[[tuple[Gpu, ...]], Reason | None]


class Waivers:
    """Tells for a start, once its GPUs are chosen, whether the runtime's check is skipped.

    Parameters
    ----------
    backend : ContainerBackend
    facts : ImageFactsStore
        What is known of images; the engine is asked about others.
    verdicts : Verdicts
        What is known of this machine.
    """

    def __init__(
        self, backend: ContainerBackend, facts: ImageFactsStore, verdicts: Verdicts
    ) -> None:
        self._backend = backend
        self._facts = facts
        self._verdicts = verdicts

    async def of(self, environment: Environment, own: Mapping[str, str]) -> Waiver:
        """Return the decision, as a function of the GPUs; what it needs is looked up here.

        Parameters
        ----------
        environment : Environment
        own : mapping
            Variables of the administrator and of the kernelspec.

        Raises
        ------
        ImageNotFoundError, UnavailableError
        """
        if environment.gpus == 0:
            return lambda gpus: None
        config, host = await asyncio.gather(
            self._config(environment.image_id), self._verdicts.host()
        )
        return lambda gpus: requirement_waiver(config, own, environment.reference, gpus, host)

    async def _config(self, image_id: str) -> ImageConfig:
        known = (await asyncio.to_thread(self._facts.get, [image_id])).get(image_id)
        if known is None or known.config is None:
            known = await self._backend.image(image_id)
        return known.config or ImageConfig()
