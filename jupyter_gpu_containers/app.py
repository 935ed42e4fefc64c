"""The Jupyter server extension: wires the services to the server, and its kernels to launches."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_data_dir
from jupyter_server.extension.application import ExtensionApp
from traitlets.config import Config

from jupyter_gpu_containers.service.futures import set_within
from jupyter_gpu_containers.service.queue.file import QueueFile
from jupyter_gpu_containers.service.recovery.server_id import ServerId

from .config import CONFIG_NAME, build_services, share_services
from .errors import GpuContainersError
from .service.services import Services
from .settings import GpuContainers
from .web.adoption import ServerAdopter, can_adopt
from .web.events import EventBus
from .web.kernel_manager import CancellingKernelManager, forget_starts
from .web.restarter import BoundedRestarter
from .web.routes import handlers
from .web.server_kernels import ServerKernels
from .web.session_manager import RememberingSessionManager
from .web.shells import keep_names
from .web.websocket import PatientWebsocketConnection

KERNEL_MANAGERS = ("ServerKernelManager", "AsyncIOLoopKernelManager")  # those of one kernel
MANAGERS = ("AsyncMappingKernelManager", "MappingKernelManager", "AsyncMultiKernelManager")
RECONCILE_INTERVAL = 30.0  # seconds


class GpuContainersApp(ExtensionApp):
    """``jupyter server extension enable jupyter_gpu_containers``; done by the installation."""

    name = "jupyter_gpu_containers"
    extension_url = "/lab"
    load_other_extensions = True
    classes = [GpuContainers]  # noqa: RUF012 (a trait-like attribute of traitlets' Application)
    _reconciling: asyncio.Task[None] | None = None
    _watching: asyncio.Task[None] | None = None
    _culling: asyncio.Task[None] | None = None
    _pooling: asyncio.Task[None] | None = None
    _looking: asyncio.Task[None] | None = None
    _server_id: ServerId | None = None  # None where no kernel outlives this server
    services: Services | None = None  # also stays None where the configuration cannot be used

    def _config_file_name_default(self) -> str:
        """The file that the other doors read too; Jupyter would put “jupyter_” before it."""
        return CONFIG_NAME

    @property
    def _server(self) -> Any:
        """The server that this extension is linked to."""
        return self.serverapp

    def _link_jupyter_server_extension(self, serverapp: Any) -> None:
        """Set the server's traits that long starts need; what the user set wins.

        Runs before the server makes its managers. With stock settings a page's request blocks until
        the container runs, cells that are run meanwhile are lost, and a reload starts a second one;
        a start cannot be given up.
        """
        ours = Config()
        configured = serverapp.config
        if "kernel_manager_class" not in configured.get("ServerApp", {}):
            ours.ServerApp.kernel_manager_class = CancellingKernelManager
        if "kernel_websocket_connection_class" not in configured.get("ServerApp", {}):
            ours.ServerApp.kernel_websocket_connection_class = PatientWebsocketConnection
            if not any("use_pending_kernels" in configured.get(name, {}) for name in MANAGERS):
                ours.AsyncMappingKernelManager.use_pending_kernels = True
        if not any("restarter_class" in configured.get(name, {}) for name in KERNEL_MANAGERS):
            ours.AsyncIOLoopKernelManager.restarter_class = BoundedRestarter
        if "session_manager_class" not in configured.get("ServerApp", {}):
            ours.ServerApp.session_manager_class = RememberingSessionManager
        serverapp.update_config(ours)
        super()._link_jupyter_server_extension(serverapp)

    def initialize_settings(self) -> None:
        """Build the services and join them to the server's kernels and events."""
        services = build_services(
            self.config, workspace=os.path.abspath(self._server.root_dir), log=self.log
        )
        services.launches.door = door = ServerKernels(self._server)
        services.launches.on_change(door.follow)
        EventBus(self._server.event_logger).join(services)
        share_services(services)
        self.services = services
        self._server_id = self._take_name(services)
        self.settings["gpu_containers"] = services
        services.operations.metrics.register()
        self._restore_queue(services)

    def _restore_queue(self, services: Services) -> None:
        """Show who waited for GPUs when this server's former life ended, before anybody asks."""
        folder = Path(jupyter_data_dir(), "gpu_containers")
        try:
            file = QueueFile.take(folder, self._server.root_dir)
        except OSError as exc:
            self.log.warning("who waits for GPUs is not kept over a restart: %s", exc)
        else:
            if file is not None:
                services.launches.restore(file)

    def _take_name(self, services: Services) -> ServerId | None:
        """Become the server whose kernels outlive it; None where they cannot be taken over."""
        if services.backend.demo or not can_adopt(self._server):
            return None
        try:
            taken = services.servers.take(self._server.root_dir)
        except OSError as exc:
            self.log.warning("kernels will not outlive this server: %s", exc)
            return None
        if taken is not None:
            services.claims.reconciler.server = services.kernels.seats.server = taken.name
            self._server.session_manager.listener = services.records.note_sessions
        return taken

    def initialize_handlers(self) -> None:
        """Add the REST resources."""
        self.handlers.extend(handlers)

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """Take over what a former life left, and begin to reconcile, as soon as the loop runs."""
        if self.services is None:
            return
        if (terminals := self._server.web_app.settings.get("terminal_manager")) is not None:
            keep_names(terminals)
        if self._server_id is not None:
            self.services.reattach.begin(ServerAdopter(self._server))
        self.services.launches.resume(self.services.reattach.cleared)
        self.services.watch_changes()
        self.services.kernels.removals.background = True
        self._watching = asyncio.ensure_future(self.services.kernel_watch.run())
        self._culling = asyncio.ensure_future(self.services.idle.run())
        self._looking = asyncio.ensure_future(self.services.operations.held.run())
        if self._server_id is not None:  # else nobody could tell them from kernels
            self._pooling = asyncio.ensure_future(self.services.pool.run())
        self._reconciling = asyncio.ensure_future(
            reconcile_for_ever(self.services, self._server_id, self.log)
        )

    async def stop_extension(self) -> None:
        """Give up what is in progress, so that the server ends."""
        if self.services is None:
            return
        self.services.changes.close()
        self.services.operations.metrics.unregister()
        await self.services.doctor.close()
        await self.services.loads.close()
        await self.services.jobs.close()  # and with them the engine's transfers
        await self.services.inspection.close()
        await self.services.launches.close()
        await self.services.kernels.cancel_all()  # starts that pages asked Jupyter for
        await self.services.kernels.removals.close()  # those of Jupyter's own shutdown it awaits
        tasks = (self._reconciling, self._watching, self._culling, self._pooling, self._looking)
        background = {task for task in tasks if task is not None}
        for task in background:
            task.cancel()
        if background:
            await asyncio.wait(background)
        await self.services.reattach.close()
        forget_starts(self._server.kernel_manager)
        if self._server_id is not None:
            self._server_id.close()


async def reconcile_for_ever(services: Services, server: ServerId | None, log: Any) -> None:
    """Remove what dead processes left behind: now, every half minute, and after each gap."""
    loop, gap = asyncio.get_running_loop(), asyncio.Event()

    def again() -> None:
        with contextlib.suppress(RuntimeError):  # the server has ended
            loop.call_soon_threadsafe(gap.set)

    services.backend.on_reconnect(again)
    while True:
        try:
            if server is not None:
                server.beat()
            await services.backend.info()  # the first start need not ask what the engine is
            swept = await services.claims.reconcile()
            await services.reattach.sweep_folders(swept.standing)
        except (GpuContainersError, OSError) as exc:  # the engine is away; it may come back
            log.debug("reconcile: %s", exc)
        await set_within(gap, RECONCILE_INTERVAL)
        gap.clear()
