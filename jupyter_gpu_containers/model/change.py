"""What may change, in the words of the engine and of pages."""

from __future__ import annotations

from enum import Enum


class EngineChange(Enum):
    """What somebody, not only this process, has changed on the engine."""

    IMAGES = "images"
    CONTAINERS = "containers"  # of ours with GPUs: one was made or removed
    CONNECTION = "connection"  # the engine went away or came back


class Resource(str, Enum):
    """What pages show and can ask for again."""

    STATUS = "status"
    GPUS = "gpus"
    IMAGES = "images"
    ENVIRONMENTS = "environments"
    REGISTRIES = "registries"
