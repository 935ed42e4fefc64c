"""``/gpu-containers/status`` and the contract itself."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_gpu_containers.service.status import status

from . import contract
from .base import BaseHandler
from .serializers import status_model


class StatusHandler(BaseHandler):
    """Which engine stands behind."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return the engine, or why there is none; what waits for kernels to come, and
        what is wrong with this machine."""
        standing = await self.services.pool.standing()
        found = self.services.doctor.known()
        self.finish(status_model(await status(self.services.backend), standing, found))


class ContractHandler(BaseHandler):
    """openapi.yaml as it is in the package."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return the contract (media type: RFC 9512)."""
        await self.answer(contract.TEXT, media_type="application/yaml")


async def _nothing(_handler: BaseHandler, _path: str) -> None:
    raise web.HTTPError(404)


class UnknownHandler(BaseHandler):
    """Every other address below ours: an error in JSON instead of a page."""

    # each its own: `authorized` keeps the action of the first request that a function answers
    get = web.authenticated(authorized(_nothing))
    post = web.authenticated(authorized(_nothing))
    put = web.authenticated(authorized(_nothing))
    patch = web.authenticated(authorized(_nothing))
    delete = web.authenticated(authorized(_nothing))
