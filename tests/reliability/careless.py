"""A server extension that makes the mistakes for which hostile requests look."""

from __future__ import annotations

from typing import Any

from jupyter_server.serverapp import ServerApp

from jupyter_gpu_containers.web.environments import EnvironmentHandler
from jupyter_gpu_containers.web.gpus import GpusHandler
from jupyter_gpu_containers.web.status import StatusHandler


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    """Let everybody remove environments, stumble over GPUs, and leave the contract."""

    async def delete(self: EnvironmentHandler, name: str) -> None:
        self.services.environments.remove(name)
        self.set_status(204)
        self.finish()

    async def get_gpus(self: GpusHandler) -> None:
        if self.request.headers.get("Content-Type"):
            raise ZeroDivisionError
        self.finish({"driver": None, "problem": None, "gpus": [], "links": [], "max_per_kernel": 1})

    async def get_status(self: StatusHandler) -> None:
        self.finish({"version": 1})

    EnvironmentHandler.delete = delete  # type: ignore[method-assign]
    EnvironmentHandler.check_xsrf_cookie = lambda self: None  # type: ignore[method-assign]
    GpusHandler.get = get_gpus  # type: ignore[method-assign]
    StatusHandler.get = get_status  # type: ignore[method-assign]
