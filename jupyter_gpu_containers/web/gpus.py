"""``/gpu-containers/gpus``."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_gpu_containers.service.gpu_usage import gpu_usage
from jupyter_gpu_containers.service.owner import Owner

from .base import BaseHandler
from .serializers import gpus_model


class GpusHandler(BaseHandler):
    """GPUs of this machine."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return all leaf devices and who holds them."""
        me = str(Owner.current())
        usage = await gpu_usage(
            self.services.inventory,
            self.services.backend,
            me,
            self.services.policy.gpu_slots,
            server=self.services.kernels.seats.server,
            sight=self.services.claims.sight,
        )
        self.finish(gpus_model(usage))
