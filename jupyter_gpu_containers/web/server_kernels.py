"""Jupyter's kernel and session managers, as the service's launches see them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from jupyter_server.utils import ensure_async

from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.service.launch.door import Activity

from .kernel_manager import wait_until_gone
from .kernel_state import answers, find_out, has_started, is_free, restarting
from .shells import terminal_activity


class ServerKernels:
    """`service.launch.door.KernelDoor` over the managers of a Jupyter server."""

    def __init__(self, serverapp: Any) -> None:
        self._app = serverapp
        self._asking: dict[str, Callable[[], None]] = {}  # by kernel: gives the answer up
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, kernel_id: str, name: str, path: str) -> None:
        """Start a kernel under an id and wait until it is up."""
        manager = self._app.kernel_manager
        folder = await ensure_async(self._app.contents_manager.get_kernel_path(path=path))
        document = path.rpartition("/")[2] or None
        env = self._app.session_manager.get_kernel_env(folder, document)
        await manager.start_kernel(kernel_id=kernel_id, kernel_name=name, path=folder, env=env)
        # wait(), not await: giving this wait up must not cancel the kernel's own future
        ready = manager.get_kernel(kernel_id).ready
        await asyncio.wait({ready})
        ready.result()

    async def stop(self, kernel_id: str) -> None:
        """Shut a kernel down and wait until it is gone; none of that id is fine.

        Without pending kernels one that starts, or never did, is not in the manager's list.
        """
        manager = self._app.kernel_manager
        if kernel_id in manager:
            await manager.shutdown_kernel(kernel_id, now=True)
        await wait_until_gone(manager, kernel_id)

    async def attached(self, kernel_id: str) -> bool:
        """Tell whether a session or a websocket uses the kernel."""
        manager = self._app.kernel_manager
        if kernel_id not in manager:
            return False
        if manager._kernel_connections.get(kernel_id, 0) > 0:
            return True
        sessions = await self._app.session_manager.list_sessions()
        return any(session["kernel"]["id"] == kernel_id for session in sessions)

    def follow(self, launch: Launch) -> None:
        """Keep a kernel's state right where its messages are not seen; a listener of launches."""
        manager, kernel_id = self._app.kernel_manager, launch.id
        if launch.phase is Phase.RUNNING:
            if kernel_id not in self._asking:
                self._asking[kernel_id] = _nothing
                task = asyncio.ensure_future(self._find_out(kernel_id))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            return
        self._asking.pop(kernel_id, _nothing)()
        if launch.phase is Phase.STARTING and kernel_id in manager:
            restarting(manager.get_kernel(kernel_id))

    async def _find_out(self, kernel_id: str) -> None:
        manager = self._app.kernel_manager
        pending = manager._pending_kernels.get(kernel_id)
        if pending is not None:
            await asyncio.wait({pending})
        if kernel_id not in manager:
            return
        kernel = manager.get_kernel(kernel_id)
        await asyncio.wait({kernel.ready})
        if kernel_id in self._asking and has_started(kernel):
            self._asking[kernel_id] = find_out(kernel)

    def activity(self, kernel_id: str) -> Activity:
        """Tell what the managers know of a kernel; what they do not know is busy."""
        manager = self._app.kernel_manager
        if kernel_id not in manager:
            return Activity(busy=True, last=time.time())
        kernel = manager.get_kernel(kernel_id)
        last = getattr(kernel, "last_activity", None)
        if last is None:
            return Activity(busy=True, last=time.time())
        latest = max([last, *terminal_activity(self._terminals(), kernel_id)])
        return Activity(busy=not is_free(kernel), last=latest.timestamp())

    def _terminals(self) -> Any:
        return self._app.web_app.settings.get("terminal_manager")

    async def answers(self, kernel_id: str) -> bool:
        """Ask the kernel on its shell channel, as a page would."""
        manager = self._app.kernel_manager
        return kernel_id in manager and await answers(manager.get_kernel(kernel_id))


def _nothing() -> None:
    """Nobody was asked yet."""
