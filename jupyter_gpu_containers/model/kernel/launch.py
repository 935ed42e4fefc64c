"""A launch: one request to start a kernel, from asked to running; and intent made mechanism."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from jupyter_gpu_containers.errors import DataMountUnknownError, InvalidRequestError
from jupyter_gpu_containers.model.gpu.device import Gpu, Problem
from jupyter_gpu_containers.model.gpu.slots import GpuSlots
from jupyter_gpu_containers.model.image.user_packages import user_variables
from jupyter_gpu_containers.model.queue import QueuePlace
from jupyter_gpu_containers.model.size import format_memory

from . import labels
from .container import ContainerSpec, Mount, Network
from .environment import Environment
from .idle import Idleness
from .nvidia_env import DISABLE_REQUIRE
from .runtime import RUNTIME_FOLDER, quick_argv

HOME = "/home/kernel"
CONNECTION_FILE = "connection.json"
HOSTS_FILE = "hosts"
ROOT_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID")


class Phase(str, Enum):
    """Where a launch is."""

    QUEUED = "queued"  # accepted
    PULLING = "pulling"  # the image is being fetched
    WAITING = "waiting"  # for GPUs, see `Launch.queue`
    CREATING = "creating"  # GPUs are chosen, the container is created
    STARTING = "starting"  # the container runs, its kernel has not answered yet
    RUNNING = "running"  # the kernel answered
    FAILED = "failed"  # with `Launch.error`; also a kernel that died after it had run
    CANCELLED = "cancelled"  # by the user, or the kernel was shut down

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self in (Phase.FAILED, Phase.CANCELLED)


@dataclass(frozen=True)
class LaunchRequest:
    """What a client may ask for: names, counts and sizes; never a path, device or user."""

    environment: str | None = None  # either this …
    image: str | None = None  # … or an image reference, with the next two
    kernel: str | None = None  # default: the image's first one
    gpus: int = 0
    gpu_profile: str | None = None  # MIG instances of this profile instead of whole GPUs
    gpu_uuids: tuple[str, ...] = ()  # these GPUs and no others; their number is that of the GPUs
    memory: int | None = None  # bytes
    shm_size: int | None = None  # bytes
    mounts: tuple[str, ...] | None = None  # names of data mounts; None = the policy's default
    path: str = ""  # the notebook's, relative to the server's root (Contents API)
    replaces: str | None = None  # kernel id whose GPUs may be handed over
    pull: bool = False  # fetch the image when it is not here
    wait: bool = True  # in the queue, where too few GPUs are free; else that is an error

    def __post_init__(self) -> None:
        object.__setattr__(self, "gpu_uuids", tuple(self.gpu_uuids))  # a list on the wire
        if self.mounts is not None:
            object.__setattr__(self, "mounts", tuple(self.mounts))

    def beside_environment(self) -> str:
        """Return the first field that an environment would pass over, since it says that; or ""."""
        others = ("kernel", "gpus", "gpu_profile", "memory", "shm_size", "mounts", "pull")
        given = [name for name in others if getattr(self, name) not in (None, 0)]
        return given[0] if self.environment and given else ""


@dataclass(frozen=True)
class PullProgress:
    """How the fetching of a launch's image gets on."""

    job: str  # id
    current: int = 0  # bytes transferred
    total: int | None = None  # bytes; None = not known
    speed: float | None = None  # bytes per second
    eta: float | None = None  # seconds


@dataclass(frozen=True)
class PhaseTime:
    """When a phase began."""

    phase: Phase
    at: float  # seconds since the epoch


@dataclass(frozen=True)
class Launch:
    """One launch, as everybody sees it. Immutable: `advance` makes the next state."""

    id: str
    environment: str = ""
    display_name: str = ""
    image: str = ""
    path: str = ""
    kernel_id: str | None = None
    container_id: str | None = None
    gpus: tuple[str, ...] = ()
    phases: tuple[PhaseTime, ...] = ()
    error: Problem | None = None
    recovered: bool = False  # the server was started anew while the kernel ran
    queue: QueuePlace | None = None  # while it waits for GPUs
    pull: PullProgress | None = None  # while its image is fetched
    warnings: tuple[Problem, ...] = ()  # what a user should know of a kernel that runs on
    idle: Idleness | None = None  # it will be stopped, unless somebody uses it

    @property
    def phase(self) -> Phase:
        """The present phase."""
        return self.phases[-1].phase if self.phases else Phase.QUEUED

    def advance(self, phase: Phase, at: float, **changes: Any) -> Launch:
        """Return the launch in its next phase, with other fields changed by the way."""
        return replace(self, phases=(*self.phases, PhaseTime(phase, at)), **changes)


@dataclass(frozen=True)
class Policy:
    """What the administrator (or the default) lays down for every container."""

    memory: int | None = None  # bytes
    shm_size: int | None = None  # bytes
    pids_limit: int | None = 4096
    network: Network = Network.BRIDGE
    data_mounts: Mapping[str, Mount] = field(default_factory=dict)  # by name
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    gpu_slots: GpuSlots = field(default_factory=GpuSlots)

    def mounts_of(self, names: Iterable[str] | None) -> tuple[Mount, ...]:
        """Return the data mounts of these names, in the configuration's order; of None all.

        Raises
        ------
        DataMountUnknownError
        """
        if names is None:
            return tuple(self.data_mounts.values())
        wanted = set(names)
        check_mounts(wanted, self.data_mounts)
        return tuple(mount for name, mount in self.data_mounts.items() if name in wanted)


def check_mounts(names: Iterable[str] | None, known: Collection[str]) -> None:
    """Raise `DataMountUnknownError` where one of these is no data mount that is known."""
    for name in names or ():
        if name not in known:
            raise DataMountUnknownError(
                f"There is no data mount “{name[:100]}” on this server.",
                f"Choose from: {', '.join(sorted(known))}."
                if known
                else "None is configured (c.GpuContainers.data_mounts).",
            )


def check_ram(ram: int | None, memory: int | None, shm_size: int | None) -> None:
    """Raise `InvalidRequestError` where a limit is above the machine's RAM; all in bytes."""
    for asked, what in ((memory, "RAM"), (shm_size, "shared memory")):
        if ram is not None and asked is not None and asked > ram:
            raise InvalidRequestError(
                f"This machine has {format_memory(ram)} RAM; {format_memory(asked)} {what} were "
                "asked for.",
                f"Ask for {format_memory(ram)} or less, or name no size: then the usual one is "
                "taken.",
                code="ram_exceeded",
            )


@dataclass(frozen=True)
class Caller:
    """Who the kernel runs as: the caller, never somebody else."""

    uid: int
    gid: int
    name: str


@dataclass(frozen=True)
class Seat:
    """Where a kernel sits on the host: its folders, and the process that drives it."""

    kernel_id: str
    caller: Caller
    owner: str  # see service.kernel.owner
    workspace: Mount  # target is the same absolute path that the server has
    working_dir: str
    run_dir: str  # same path inside and outside: connection file and sockets
    home_dir: str  # on the host; HOME inside
    notebook: str = ""
    hidden: tuple[str, ...] = ()  # folders of the workspace that stay empty inside
    nothing: str = ""  # an empty folder on the host, to hide them with
    server: str = ""  # the Jupyter server, by recovery.server_id; "" = it ends with `owner`
    env: Mapping[str, str] = field(default_factory=dict)  # already reduced to the allow-list


def make_container_spec(
    environment: Environment,
    gpus: tuple[Gpu, ...],
    seat: Seat,
    policy: Policy,
    name: str,
    runtime: str | None = None,
    folders: tuple[str, ...] = (),
    waived: bool = False,
) -> ContainerSpec:
    """Turn intent into mechanism: the only place that decides what a container gets.

    Parameters
    ----------
    environment : Environment
        The image, the kernel's command, and its limits.
    gpus : tuple of Gpu
        The devices it claims; empty for a CPU kernel.
    seat : Seat
    policy : Policy
    name : str
        A fresh container name.
    runtime : str, optional
        Folder on the host with the kernel that is carried into the image, or with what starts the
        image's own sooner.
    folders : tuple of str
        See `user_packages.user_folders`.
    waived : bool
        NVIDIA's runtime is to skip the image's conditions; see `requirement_waiver`.

    Raises
    ------
    DataMountUnknownError
        The environment names one that the policy has not, or no longer.
    """
    caller = seat.caller
    connection_file = f"{seat.run_dir}/{CONNECTION_FILE}"
    mounts = [
        Mount(seat.home_dir, HOME),
        seat.workspace,
        *policy.mounts_of(environment.mounts),
        Mount(seat.run_dir, seat.run_dir),
    ]
    network = environment.network or policy.network
    if network is Network.NONE:
        # Without a network the engine writes no /etc/hosts, and "localhost" would not resolve.
        mounts.append(Mount(f"{seat.run_dir}/{HOSTS_FILE}", "/etc/hosts", read_only=True))
    # a kernel must read neither keys nor what a server remembers of kernels
    mounts += [Mount(seat.nothing, folder, read_only=True) for folder in seat.hidden]
    if runtime is not None:
        mounts.append(Mount(runtime, RUNTIME_FOLDER, read_only=True))
    argv = environment.kernel.argv
    if runtime is not None and environment.kernel.runtime is None:
        argv = quick_argv(argv) or argv
    uuids = tuple(gpu.uuid for gpu in gpus)
    return ContainerSpec(
        image=environment.image_id,
        command=tuple(arg.replace("{connection_file}", connection_file) for arg in argv),
        name=name,
        user=f"{caller.uid}:{caller.gid}",
        working_dir=seat.working_dir,
        labels=labels.make_labels(
            purpose="kernel",
            owner=seat.owner,
            user=caller.name,
            kernel_id=seat.kernel_id,
            gpus=uuids,
            slots=[policy.gpu_slots.of(gpu) for gpu in gpus],
            environment=environment.name,
            display_name=environment.display_name,
            notebook=seat.notebook,
            server=seat.server,
        ),
        env={
            **({DISABLE_REQUIRE: "1"} if waived else {}),
            **user_variables(folders),
            **policy.environment_variables,
            **seat.env,
            "HOME": HOME,
            "USER": caller.name,
            "LOGNAME": caller.name,
        },
        mounts=tuple(mounts),
        folders=folders,
        gpus=uuids,
        memory=environment.memory or policy.memory,
        shm_size=environment.shm_size or policy.shm_size,
        pids_limit=policy.pids_limit,
        # root without these cannot even install a package; an ordinary user needs none
        cap_add=ROOT_CAPABILITIES if caller.uid == 0 else (),
        network=network,
    )
