"""``/gpu-containers/catalogue`` and ``/gpu-containers/search``: where images can be found."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from .base import BaseHandler
from .image_serializers import catalogue_model, result_model


class CatalogueHandler(BaseHandler):
    """Curated images."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return all entries with their verdicts; no registry is asked."""
        rows = await self.services.inspection.catalogue()
        await self.answer({"entries": [catalogue_model(row) for row in rows]})


class SearchHandler(BaseHandler):
    """Repositories of Docker Hub."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return what the search found, most stars first."""
        query = self.query("/search")
        results = await self.services.registry.search(query["q"], limit=query["limit"])
        self.finish({"results": [result_model(result) for result in results]})
