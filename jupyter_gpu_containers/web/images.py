"""``/gpu-containers/images``: what is on the engine, and what a registry tells of one image."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from .base import BaseHandler
from .image_serializers import details_model
from .serializers import image_model


class ImagesHandler(BaseHandler):
    """Images on the engine."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return all images, newest first, each with its verdict."""
        images = self.services.images
        models = [image_model(image, images.problem(image)) for image in await images.list()]
        self.finish({"images": models})

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Give an image one more name."""
        wanted = self.body("NewTag")
        await self.services.images.tag(wanted["source"], wanted["reference"])
        self.created(201, wanted, "images", wanted["reference"])


class ImageHandler(BaseHandler):
    """One image."""

    @web.authenticated
    @authorized
    async def get(self, reference: str) -> None:
        """Return an image of the engine (the first time that means a look inside), or a remote."""
        details = await self.services.inspection.details(reference)
        problem = details.image and self.services.images.problem(details.image)
        self.finish(details_model(details, problem))

    @web.authenticated
    @authorized
    async def delete(self, reference: str) -> None:
        """Remove a name, and with the last one the image."""
        force = self.query("/images/{reference}")["force"]
        self.finish({"removed": await self.services.inspection.remove(reference, force=force)})
