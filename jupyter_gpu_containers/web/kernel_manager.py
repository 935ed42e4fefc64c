"""What Jupyter's kernel managers leave undone: starts that are given up, and ends that are awaited.

The stock manager first waits for the end of a start, however long that takes, and holds the request
to shut the kernel down; ours gives the start up. The functions do for any manager, since users may
configure another one.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.manager import KernelManager
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

from jupyter_gpu_containers.errors import GpuContainersError
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import Phase
from jupyter_gpu_containers.service.services import Services

from .offline import OfflineBuffer
from .reasons import culling, idle_words, reason_to_stop

# what pages and their extensions send by themselves, beside what Jupyter Server knows of
BY_ITSELF = frozenset(
    f"{what}_{kind}"
    for what in ("usage", "create_subshell", "delete_subshell", "list_subshell")
    for kind in ("request", "reply")
)


class CancellingKernelManager(AsyncMappingKernelManager):
    """Shuts kernels down that have not started yet, and bounds what is kept of their output."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]
        self._shutdowns: dict[str, asyncio.Future[None]] = {}  # in progress, by kernel id
        self._given_up: set[asyncio.Future[None]] = set()  # shutdowns of kernels that died
        self._restarts: dict[str, asyncio.Future[Any]] = {}  # in progress, by kernel id

    def track_message_type(self, message_type: str) -> bool:
        """Tell whether a message is use of the kernel.

        An open page of jupyter-resource-usage asks every few seconds, and would keep it for ever.
        """
        tracked: bool = super().track_message_type(message_type)  # type: ignore[no-untyped-call]
        return tracked and message_type not in BY_ITSELF

    def pre_start_kernel(
        self, kernel_name: str | None, kwargs: Any
    ) -> tuple[KernelManager, str, str]:
        """Note the start of a kernel of ours, before the page that asked hears of its id.

        The stock manager then goes on in the background, and what has no launch when the server
        dies is unknown to the next one.
        """
        session = (kwargs.get("env") or {}).get("JPY_SESSION_NAME", "")
        services = self._services()
        if services is not None and "kernel_id" not in kwargs:
            # a container that waits has the id of its kernel already
            promised = services.kernels.spares.promise(kernel_name or self.default_kernel_name)
            if promised is not None:
                kwargs["kernel_id"] = promised
        manager, name, kernel_id = super().pre_start_kernel(kernel_name, kwargs)
        if services is not None and services.launches.find(kernel_id) is None:
            with contextlib.suppress(NoSuchKernel, GpuContainersError):  # the start tells
                specs: Any = self.kernel_spec_manager
                spec = specs.get_kernel_spec(name).to_dict()
                environment = Environment.from_kernelspec(name, spec)
                if environment is not None:
                    path = services.kernels.seats.below_workspace(session)
                    services.launches.begin(kernel_id, environment, path)
        return manager, name, kernel_id

    async def shutdown_kernel(  # type: ignore[override]
        self, kernel_id: str, now: bool = False, restart: bool = False
    ) -> None:
        """Shut a kernel down, also in the middle of its start.

        Of two requests at once the second waits for the first: the stock manager would shut the
        kernel down twice, and keep it in its list for ever.
        """
        going = self._shutdowns.get(kernel_id)
        if going is None:
            going = asyncio.ensure_future(self._shut_down(kernel_id, now, restart))
            self._shutdowns[kernel_id] = going
            going.add_done_callback(lambda _: self._shutdowns.pop(kernel_id, None))
        await asyncio.shield(going)

    async def restart_kernel(  # type: ignore[override]
        self, kernel_id: str, now: bool = False
    ) -> Any:
        """Restart a kernel; a shutdown that is asked for meanwhile comes after it."""
        await self._until_ready(kernel_id)
        stock = super().restart_kernel(kernel_id, now=now)  # type: ignore[no-untyped-call]
        going = asyncio.ensure_future(stock)
        self._restarts[kernel_id] = going
        going.add_done_callback(lambda _: self._restarts.pop(kernel_id, None))
        return await going

    def _services(self) -> Services | None:
        web_app: Any = getattr(self.parent, "web_app", None)
        return web_app.settings.get("gpu_containers") if web_app is not None else None

    async def _until_ready(self, kernel_id: str) -> None:
        """Wait where a kernel is told to run already, and jupyter_client does not know it yet.

        It sleeps 0.01 seconds after a start, and refuses to restart a kernel meanwhile.
        """
        kernel = self._kernels.get(kernel_id)
        services = self._services()
        launch = services.launches.find(kernel_id) if services is not None else None
        if kernel is not None and launch is not None and launch.phase is Phase.RUNNING:
            ready: Any = kernel.ready
            await asyncio.wait({ready})

    async def _shut_down(self, kernel_id: str, now: bool, restart: bool) -> None:
        provisioner: Any = getattr(self._kernels.get(kernel_id), "provisioner", None)
        # our provisioner has these methods, those of other kernels have not
        if hasattr(provisioner, "cancel_start"):
            if not restart and (reason := reason_to_stop()) is not None:
                provisioner.note_stop(reason)
            provisioner.cancel_start()
            if (going := self._restarts.get(kernel_id)) is not None:
                await asyncio.wait({going})  # the stock manager fails in the middle of a restart
        await super().shutdown_kernel(  # type: ignore[no-untyped-call]
            kernel_id, now=now, restart=restart
        )
        # Who asked for the end of a kernel, mostly to have its GPU, is answered when it has ended.
        await wait_until_gone(self, kernel_id)

    def _handle_kernel_died(self, kernel_id: str) -> None:
        """Forget a kernel that is not restarted; the stock manager leaves its container behind.

        That holds the kernel's GPUs, in whatever state it is.
        """
        provisioner: Any = getattr(self._kernels.get(kernel_id), "provisioner", None)
        if hasattr(provisioner, "gave_up"):
            going = asyncio.ensure_future(self.shutdown_kernel(kernel_id, now=True))
            self._given_up.add(going)
            going.add_done_callback(self._given_up.discard)
        else:
            super()._handle_kernel_died(kernel_id)  # type: ignore[no-untyped-call]

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """Shut a kernel down that nobody used for long; the reason is told.

        One that is still being started, or waits for a GPU, could not be used yet.
        """
        if kernel_id in self:
            ready: Any = self.get_kernel(kernel_id).ready
            if not ready.done():
                return
        marked = culling.set(idle_words(self, kernel_id))
        try:
            await super().cull_kernel_if_idle(kernel_id)  # type: ignore[no-untyped-call]
        finally:
            culling.reset(marked)

    def start_buffering(self, kernel_id: str, session_key: str, channels: Any) -> None:
        """Keep what a kernel says for the page that has gone, but not without a bound."""
        super().start_buffering(kernel_id, session_key, channels)  # type: ignore[no-untyped-call]
        if kernel_id in self._kernel_buffers:
            kernel: Any = self.get_kernel(kernel_id)
            self._kernel_buffers[kernel_id]["buffer"] = OfflineBuffer(kernel.session)

    async def _finish_kernel_start(self, kernel_id: str) -> None:
        """Wait for the start's end, then let the stock manager finish it.

        wait(), not await: a shutdown cancels this task, and the kernel's own future with it, which
        the start then cannot resolve any more.
        """
        ready: Any = self.get_kernel(kernel_id).ready
        await asyncio.wait({ready})
        await super()._finish_kernel_start(kernel_id)  # type: ignore[no-untyped-call]


async def wait_until_gone(manager: Any, kernel_id: str) -> None:
    """Wait for the rest of a shutdown, or for the end of a start that was given up.

    With pending kernels a shutdown goes on in the background. jupyter_client keeps a start that
    failed; here it is forgotten.

    Parameters
    ----------
    manager : MultiKernelManager
    kernel_id : str
        One that was shut down, or that never came into the manager's list.
    """
    going = manager._pending_kernels.get(kernel_id)
    if going is not None:
        await asyncio.wait({going})
        if kernel_id not in manager:
            manager._pending_kernels.pop(kernel_id, None)


def forget_starts(manager: Any) -> None:
    """Give up and forget all starts that have not come into the manager's list.

    With them jupyter_server fails to shut down at all, and with it all kernels that run (seen with
    jupyter_server 2.21, jupyter_client 8.10).
    """
    for kernel_id, start in list(getattr(manager, "_pending_kernels", {}).items()):
        if kernel_id not in manager:
            start.cancel()
            manager._pending_kernels.pop(kernel_id, None)
