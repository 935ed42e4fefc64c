"""``/gpu-containers/spares``: containers that wait for kernels to come."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from .base import BaseHandler
from .serializers import spares_model


class SparesHandler(BaseHandler):
    """What waits, and what it costs."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return those of this server."""
        pool = self.services.pool
        self.finish(spares_model(await pool.standing(), pool.rules))

    @web.authenticated
    @authorized
    async def delete(self) -> None:
        """Give them up; they are gone when this answers."""
        await self.services.pool.give_up()
        self.set_status(204)
        self.finish()
