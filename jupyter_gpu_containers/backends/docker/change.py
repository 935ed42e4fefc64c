"""Which of the engine's events tell of a change that pages show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_gpu_containers.model.change import EngineChange
from jupyter_gpu_containers.model.kernel import labels

# Docker's names first, then those of Podman where it has others
MADE, GONE = ("create",), ("destroy", "remove")
OF_IMAGES = ("pull", "tag", "untag", "delete", "import", "load", "build", "loadfromarchive")


def change_of(event: Mapping[str, Any]) -> EngineChange | None:
    """Return what an event has changed, None where nothing that is shown."""
    action = str(event.get("status") or event.get("Action") or "")
    if event.get("Type") == "image":
        return EngineChange.IMAGES if action in (*OF_IMAGES, *MADE, *GONE) else None
    attributes = (event.get("Actor") or {}).get("Attributes") or {}
    claims = bool(attributes.get(labels.GPUS))
    return EngineChange.CONTAINERS if claims and action in (*MADE, *GONE) else None
