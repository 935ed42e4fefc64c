"""``/gpu-containers/images``: what is on the engine, and what a registry tells of one image."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from .base import BaseHandler
from .image_serializers import details_model
from .serializers import image_model, verdict_model


class ImagesHandler(BaseHandler):
    """Images on the engine."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return all images, newest first, with the verdicts that are known."""
        images = self.services.images
        found = await images.list()
        verdicts = await self.services.inspection.rate_known(found)
        models = [
            image_model(one, images.problem(one), verdict_model(verdicts.get(one.id)))
            for one in found
        ]
        await self.answer({"images": models})

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
        self.finish(details_model(details, self.services.images.problem))

    @web.authenticated
    @authorized
    async def delete(self, reference: str) -> None:
        """Remove a name, and with the last one the image."""
        force = self.query("/images/{reference}")["force"]
        self.finish({"removed": await self.services.inspection.remove(reference, force=force)})
