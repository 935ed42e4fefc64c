"""A server extension that makes the mistakes for which hostile requests look."""

from __future__ import annotations

from typing import Any

from jupyter_server.serverapp import ServerApp

from jupyter_gpu_containers.web.base import BaseHandler
from jupyter_gpu_containers.web.catalogue import CatalogueHandler, SearchHandler
from jupyter_gpu_containers.web.environments import EnvironmentHandler
from jupyter_gpu_containers.web.gpus import GpusHandler, LimitsHandler
from jupyter_gpu_containers.web.launches import LaunchesHandler
from jupyter_gpu_containers.web.status import StatusHandler


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    """Let everybody remove environments, stumble over a type, and leave the contract."""

    async def delete(self: EnvironmentHandler, name: str) -> None:
        self.services.environments.remove(name)
        self.set_status(204)
        self.finish()

    launch = LaunchesHandler.post

    async def post(self: LaunchesHandler) -> None:
        if self.request.headers.get("Content-Type") != "application/json":
            raise ZeroDivisionError
        await launch(self)

    async def get(self: BaseHandler) -> None:
        self.finish({"version": 1})

    for handler in (EnvironmentHandler, LaunchesHandler):
        handler.check_xsrf_cookie = lambda self: None  # type: ignore[method-assign]
    EnvironmentHandler.delete = delete  # type: ignore[method-assign]
    LaunchesHandler.post = post  # type: ignore[method-assign]
    # one of them is asked for by every seed
    for reader in (StatusHandler, GpusHandler, LimitsHandler, CatalogueHandler, SearchHandler):
        reader.get = get  # type: ignore[attr-defined]
