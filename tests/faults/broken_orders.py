"""Ways to claim GPUs that look right and are not: what the claims machine must find out."""

from __future__ import annotations

import asyncio

from jupyter_gpu_containers.model.gpu.device import Gpu
from jupyter_gpu_containers.service.kernel.claims import Claims


class Unchecked(Claims):
    """The obvious order: who finds a GPU free takes it, and does not look again."""

    async def _is_mine(
        self, container_id: str, gpus: tuple[Gpu, ...], handover: str | None
    ) -> bool:
        return True


class Forgetful(Claims):
    """An order that takes a request for not done because it was not answered."""

    async def _undo(self, creating: asyncio.Future[str], name: str) -> None:
        creating.add_done_callback(lambda done: done.exception())
