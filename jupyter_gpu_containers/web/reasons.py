"""Why a kernel is shut down, as far as the server knows: by whose request, or by its culler."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from jupyter_server.base.call_context import CallContext

from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.kernel.ending import culled, stopped_by

culling: ContextVar[Problem | None] = ContextVar("culling", default=None)


def reason_to_stop() -> Problem | None:
    """Return the reason of a shutdown that happens now; None where nobody asked for it."""
    reason = culling.get()
    if reason is not None:
        return reason
    handler = CallContext.get(CallContext.JUPYTER_HANDLER)
    user = getattr(handler, "current_user", None)
    if user is None:
        return None
    services = handler.settings.get("gpu_containers")
    # who has the server's token or password, but no name of their own, is the server's user
    return stopped_by(_name(user, services.kernels.seats.caller.name if services else ""))


def idle_words(manager: Any, kernel_id: str) -> Problem:
    """Return the reason of Jupyter's own culler."""
    spec = manager.get_kernel(kernel_id).kernel_spec
    metadata = getattr(spec, "metadata", None) or {}
    limit = metadata.get("cull_idle_timeout", manager.cull_idle_timeout)
    return culled(f"nobody used it for {limit:g} seconds (cull_idle_timeout)")


def _name(user: Any, login: str) -> str:
    name = str(getattr(user, "display_name", "") or getattr(user, "username", "") or "")
    # what Jupyter makes up where there is one token or password for all who have it
    return login if not name or name.startswith("Anonymous ") else name
