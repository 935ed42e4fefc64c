"""What the engine's lookup tells of images beyond its list; asked once for each id."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from jupyter_gpu_containers.errors import ImageNotFoundError
from jupyter_gpu_containers.model.image.image import Image
from jupyter_gpu_containers.ports import ContainerBackend

AT_ONCE = 8  # requests


class Lookups:
    """Images with configuration, architecture and layers, which never change for an id.

    An engine's list has none of them: the first time costs one small request an image, and no
    container is run.

    Parameters
    ----------
    backend : ContainerBackend
    """

    def __init__(self, backend: ContainerBackend) -> None:
        self._backend = backend
        self._known: dict[str, Image] = {}  # by id

    async def get(self, image_ids: Iterable[str]) -> dict[str, Image]:
        """Return the images by id; those that are gone meanwhile are left out.

        Raises
        ------
        UnavailableError
        """
        wanted = list(dict.fromkeys(image_ids))
        missing = [image_id for image_id in wanted if image_id not in self._known]
        gate = asyncio.Semaphore(AT_ONCE)

        async def look(image_id: str) -> None:
            async with gate:
                try:
                    self._known[image_id] = await self._backend.image(image_id)
                except ImageNotFoundError:
                    self._known.pop(image_id, None)

        await asyncio.gather(*map(look, missing))
        return {key: self._known[key] for key in wanted if key in self._known}

    def knows(self, image_id: str) -> bool:
        """Tell whether `get` has this image without a request."""
        return image_id in self._known

    async def layers(self) -> list[tuple[str, ...]]:
        """Return of each image on the engine the diff ids of its layers, lowest first."""
        images = await self._backend.images()
        found = await self.get(image.id for image in images)
        return [image.layers for image in found.values()]
