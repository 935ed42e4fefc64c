"""A restarter that gives up: the stock one restarts a kernel that keeps dying for ever.

https://github.com/jupyter/jupyter_client/issues/186
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from jupyter_client.ioloop.restarter import AsyncIOLoopKernelRestarter

from jupyter_gpu_containers.model.kernel.restarts import MOST, not_restarted, why_not


class BoundedRestarter(AsyncIOLoopKernelRestarter):
    """Restarts kernels in containers by our policy; for all others the stock restarter."""

    clock: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._restarts: deque[float] = deque(maxlen=MOST)

    async def poll(self) -> None:  # type: ignore[override]
        """Look at the kernel; when it died, restart it or say why not."""
        manager: Any = self.kernel_manager
        # our provisioner has this method, those of other kernels have not
        gave_up = getattr(manager.provisioner, "gave_up", None)
        if gave_up is None or manager.shutting_down or await manager.is_alive():
            await super().poll()
            return
        death, now = manager.provisioner.death, self.clock()
        why = why_not(death, tuple(self._restarts), now)
        if why is None:
            self._restarts.append(now)
            await super().poll()
            if death is not None:
                manager.provisioner.came_back(death)
            return
        self.log.warning("kernel %s is not restarted: %s", manager.kernel_id, why)
        self.stop()
        gave_up(not_restarted(death, why))
        self._fire_callbacks("dead")
