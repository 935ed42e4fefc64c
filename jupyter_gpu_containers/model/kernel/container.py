"""Containers as the engine sees them: what to create, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from .usage import ContainerUsage


class ContainerStatus(str, Enum):
    """State names of the Docker Engine API (``State.Status``)."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


class Network(str, Enum):
    """What a kernel can reach; its own messages never need a network."""

    BRIDGE = "bridge"  # the engine's default bridge: the internet, no published port
    NONE = "none"  # loopback only


@dataclass(frozen=True)
class Mount:
    """A bind mount. ``source`` is on the host and must exist; the engine never creates it.

    It is a path without symbolic links: where the engine follows one, the container is refused.
    """

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class ContainerSpec:
    """All that a container of ours is made of. Built by one pure function from policy."""

    image: str  # image id
    command: tuple[str, ...]  # complete argv; the image's own entry point is not run
    name: str
    user: str  # "uid:gid", numeric
    working_dir: str
    labels: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    # of the container's own file system, parents first: made before the start, and the user's
    folders: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()  # UUIDs of leaf devices; empty = none whatever the image says
    memory: int | None = None  # bytes
    shm_size: int | None = None  # bytes of /dev/shm
    pids_limit: int | None = None
    cap_add: tuple[str, ...] = ()  # all others are dropped
    network: Network = Network.BRIDGE
    hostname: str = "kernel"


@dataclass(frozen=True)
class Container:
    """A container on the engine, of ours or not."""

    id: str
    name: str
    status: ContainerStatus
    image: str  # image id
    labels: dict[str, str] = field(default_factory=dict)
    created: float = 0.0  # seconds since the epoch; for display only


@dataclass(frozen=True)
class ContainerExit:
    """How a container's process ended."""

    exit_code: int  # 128 + signal for a signal, as a shell says it
    oom_killed: bool = False  # a process of it was killed for memory
    error: str = ""  # the engine's own words
    lost: bool = False  # True: the container was removed behind our back, nothing more is known
    engine_restarted: bool = False  # the engine ended it when it stopped or came back
    evicted: str = ""  # an orchestrator's own words, where one took the container away
    # For people; two ends are the same whatever stands here. Seconds since the epoch, 0 = not told.
    finished: float = field(default=0.0, compare=False)
    usage: ContainerUsage | None = field(default=None, compare=False)  # as it was at the end


@dataclass(frozen=True)
class EngineInfo:
    """Which engine answers, and what it offers."""

    name: str  # "Docker Engine", "Podman Engine", "memory"
    version: str
    api_version: str
    architecture: str  # Go's name, "amd64"
    cdi_devices: tuple[str, ...] | None = None  # names of CDI devices; None = engine has no CDI
    nvidia_runtime: bool = False  # "nvidia" is among the runtimes
    root_dir: str = ""  # where images are kept
    details: dict[str, str] = field(default_factory=dict)  # for `doctor`: runc, storage driver, …
