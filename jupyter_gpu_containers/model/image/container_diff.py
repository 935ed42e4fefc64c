"""How a container differs from its image, as an engine tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class ChangeKind(str, Enum):
    """What became of a path or a package."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True)
class ChangedPath:
    """A path in which a container differs from its image."""

    path: str
    kind: ChangeKind
    size: int | None = None  # bytes; None = not known
    folder: bool = False


@dataclass(frozen=True)
class Outside:
    """A place in a container that is not of its own file system, so no part of an image."""

    target: str
    kind: str  # "bind", "volume", "tmpfs"
    source: str = ""  # on the host


@dataclass(frozen=True)
class ContainerDiff:
    """What an engine tells of a container's differences."""

    container_id: str
    image_id: str
    command: tuple[str, ...] = ()
    image_user: str = ""  # USER of the image
    paths: tuple[ChangedPath, ...] = ()
    size: int | None = None  # bytes that the container's own layer holds; None = not known
    outside: tuple[Outside, ...] = ()
    apt: Mapping[str, str] = field(default_factory=dict)  # versions of what changed there
