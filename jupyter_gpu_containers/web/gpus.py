"""``/gpu-containers/gpus``."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from .base import BaseHandler
from .serializers import gpus_model


class GpusHandler(BaseHandler):
    """GPUs of this machine."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return all leaf devices and who holds them."""
        usage = await self.services.gpu_usage()
        self.finish(gpus_model(usage, self.services.gate.max_gpus))
