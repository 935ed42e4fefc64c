"""Which of the engine's events are a change that pages show."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_gpu_containers.backends.docker.change import change_of
from jupyter_gpu_containers.model.change import EngineChange
from jupyter_gpu_containers.model.kernel import labels

CLAIM = {labels.VERSION: "1", labels.GPUS: "GPU-1"}
PROBE = {labels.VERSION: "1", labels.GPUS: ""}


def event(kind: str, action: str, attributes: dict[str, str] | None = None) -> dict[str, Any]:
    """An event as Docker Engine 20.10 tells it."""
    actor = {"ID": "0" * 64, "Attributes": {"image": "debian:12", **(attributes or {})}}
    return {"status": action, "id": "0" * 64, "Type": kind, "Action": action, "Actor": actor}


@pytest.mark.parametrize("action", ["pull", "tag", "untag", "delete", "import", "load", "remove"])
def test_images(action: str) -> None:
    assert change_of(event("image", action)) is EngineChange.IMAGES


@pytest.mark.parametrize("action", ["create", "destroy", "remove"])
def test_claims_that_come_and_go(action: str) -> None:
    assert change_of(event("container", action, CLAIM)) is EngineChange.CONTAINERS


@pytest.mark.parametrize(
    "other",
    [
        event("image", "push"),
        event("image", "save"),
        event("container", "start", CLAIM),
        event("container", "die", CLAIM),
        event("container", "create"),
        event("container", "destroy", PROBE),
        {"Type": "container", "Action": "create", "Actor": None},
        {},
    ],
)
def test_what_changes_nothing_that_is_shown(other: dict[str, Any]) -> None:
    assert change_of(other) is None
