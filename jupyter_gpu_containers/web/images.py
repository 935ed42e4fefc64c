"""``/gpu-containers/images``."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from .base import BaseHandler
from .serializers import image_model


class ImagesHandler(BaseHandler):
    """Images on the engine."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return all images, newest first."""
        images = self.services.images
        models = [image_model(image, images.problem(image)) for image in await images.list()]
        self.finish({"images": models})


class ImageHandler(BaseHandler):
    """One image."""

    @web.authenticated
    @authorized
    async def get(self, reference: str) -> None:
        """Return an image with its kernels; the first time that means a look inside."""
        image = await self.services.images.look(reference)
        self.finish(image_model(image, self.services.images.problem(image)))
