"""``/gpu-containers/gpus``, ``limits``, ``report``: what there is for kernels, and what it did."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_gpu_containers.model.accounting.report import By

from .base import BaseHandler
from .report_serializers import report_model
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


class ReportHandler(BaseHandler):
    """What GPUs were used for."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return what the ledger tells since a time, and what is not in it yet."""
        query = self.query("/report")
        report = await self.services.gpu_report(query["since"], By(query["by"]))
        self.finish(report_model(report))
