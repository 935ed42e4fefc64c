"""Reads from the engine how a container's run ended. Pure."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from jupyter_gpu_containers.model.kernel.container import ContainerExit

from .facts import seconds

ENGINES_SIGNALS = (128 + signal.SIGTERM, 128 + signal.SIGKILL)  # exit codes of what an engine ends


def exit_from_state(state: Mapping[str, Any]) -> ContainerExit:
    """Read ``State`` of a container that has exited (``GET /containers/{id}/json``)."""
    return ContainerExit(
        exit_code=int(state.get("ExitCode") or 0),
        oom_killed=bool(state.get("OOMKilled")),
        error=state.get("Error") or "",
        finished=seconds(state.get("FinishedAt") or ""),
    )


def exit_of(died: Mapping[str, Any], *, is_removed: bool) -> ContainerExit:
    """Read the end of a container that tells no more of it than this event."""
    code = _exit_code(died)
    return ContainerExit(code, lost=is_removed and code in ENGINES_SIGNALS)


def _exit_code(died: Mapping[str, Any]) -> int:
    attributes = (died.get("Actor") or {}).get("Attributes") or {}
    return int(attributes.get("exitCode") or attributes.get("containerExitCode") or 0)
