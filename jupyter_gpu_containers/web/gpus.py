"""``/gpu-containers/gpus`` and ``limits``: what there is for kernels, and how much of it."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from .base import BaseHandler
from .serializers import gpus_model, limits_model


class GpusHandler(BaseHandler):
    """GPUs of this machine."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return all leaf devices and who holds them."""
        usage = await self.services.gpu_usage()
        self.services.loads.asked(usage)
        await self.answer(gpus_model(usage, self.services.gate.max_gpus))


class LimitsHandler(BaseHandler):
    """What a kernel gets by default, and may have at most."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return what the configuration and its rules say; nobody else is asked."""
        self.finish(limits_model(self.services.policy, self.services.gate))
