"""Puts a kernel that runs already into Jupyter's kernel and session managers.

jupyter_server has no way to do so (seen with jupyter_server 2.21, jupyter_client 8.10): what
`start_kernel` does around a launch is done here around a kernel that was found.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_server._tz import utcnow
from jupyter_server.prometheus.metrics import KERNEL_CURRENTLY_RUNNING_TOTAL
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

from jupyter_gpu_containers.errors import GpuContainersError
from jupyter_gpu_containers.model.kernel.record import KernelRecord
from jupyter_gpu_containers.service.kernel.kernels import KernelContainer

from .kernel_state import presume_busy
from .session_manager import RememberingSessionManager

Found = Coroutine[Any, Any, KernelContainer]


def can_adopt(serverapp: Any) -> bool:
    """Tell whether a server's managers are of the kind that this module knows."""
    return isinstance(serverapp.kernel_manager, AsyncMappingKernelManager) and isinstance(
        serverapp.session_manager, RememberingSessionManager
    )


class ServerAdopter:
    """`service.recovery.reattach.Adopter` over the managers of a Jupyter server."""

    def __init__(self, serverapp: Any) -> None:
        self._app = serverapp

    def adopt(self, record: KernelRecord, found: Found) -> asyncio.Task[None]:
        """List the kernel as pending, and its sessions; go on when it is found."""
        manager: Any = self._app.kernel_manager
        kernel = self._kernel(manager, record)
        kernel_id = record.kernel_id
        manager._kernels[kernel_id] = kernel
        manager._kernel_connections[kernel_id] = 0
        task = asyncio.ensure_future(self._join(manager, kernel, record, found))
        manager._pending_kernels[kernel_id] = task
        return task

    def discard(self, kernel_id: str) -> None:
        """Remove the connection file that a start left behind."""
        folder = self._app.kernel_manager.connection_dir
        Path(folder, f"kernel-{kernel_id}.json").unlink(missing_ok=True)

    def _kernel(self, manager: Any, record: KernelRecord) -> Any:
        """Return a kernel's manager as `start_kernel` would have left it, but for `ready`."""
        name, kernel_id = record.environment.name, record.kernel_id
        kernel, _, _ = manager.pre_start_kernel(name, {"kernel_id": kernel_id})
        kernel.kernel_id = kernel_id
        # as it was when the kernel started; the environment may have been removed since
        kernel._kernel_spec = KernelSpec(resource_dir="", **record.environment.to_kernelspec())
        kernel._attempted_start = True
        kernel._launch_args = {  # for a restart
            "cwd": record.seat.working_dir,
            "env": {**os.environ, **record.seat.env},
        }
        kernel.load_connection_info(dict(record.connection))
        kernel.cache_ports = False
        Path(kernel.connection_file).unlink(missing_ok=True)
        kernel.write_connection_file()
        kernel.provisioner = KernelProvisionerFactory.instance(
            parent=kernel.parent
        ).create_provisioner_instance(kernel_id, kernel.kernel_spec, parent=kernel)
        kernel.execution_state = "starting"
        kernel.reason = ""
        kernel.last_activity = utcnow()
        return kernel

    async def _join(self, manager: Any, kernel: Any, record: KernelRecord, found: Found) -> None:
        kernel_id = record.kernel_id
        ready = kernel.ready  # made in this loop
        KERNEL_CURRENTLY_RUNNING_TOTAL.labels(type=kernel.kernel_name).inc()
        try:
            await self._app.session_manager.restore(kernel_id, record.sessions)
            container = await found
            await kernel.provisioner.load_provisioner_info(
                {
                    "kernel_id": kernel_id,
                    "connection_info": kernel.get_connection_info(),
                    "container_id": container.container_id,
                }
            )
            await kernel._async_post_start_kernel()
            manager._kernel_ports[kernel_id] = kernel.ports
            manager.start_watching_activity(kernel_id)
            manager.add_restart_callback(
                kernel_id, lambda: manager._handle_kernel_died(kernel_id), "dead"
            )
            manager.initialize_culler()
            presume_busy(kernel)
            ready.set_result(None)
        except BaseException as exc:
            found.close()
            KERNEL_CURRENTLY_RUNNING_TOTAL.labels(type=kernel.kernel_name).dec()
            manager.remove_kernel(kernel_id)
            manager._kernel_connections.pop(kernel_id, None)
            if isinstance(exc, asyncio.CancelledError):  # the server ends; the next one finds it
                ready.cancel()
                raise
            kernel.cleanup_connection_file()
            ready.set_exception(exc)
            ready.exception()  # who waits for the kernel is told; nobody need wait
            if not isinstance(exc, GpuContainersError):
                manager.log.error("kernel %s was not recovered", kernel_id, exc_info=exc)
        finally:
            manager._pending_kernels.pop(kernel_id, None)
