"""The body of the engine's "create container" request; a pure function of the spec.

Docker Engine API 1.41, ``POST /containers/create``. What an image says of itself is overridden
wherever it could reach beyond the container: `profile` compares the engine's record with this body
before anything starts. Whatever is not set here keeps the engine's default; in particular
``MaskedPaths`` and ``ReadonlyPaths``, where an empty list would unmask.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from jupyter_gpu_containers.model.kernel.container import ContainerSpec, Mount, Network

Injection = Literal["cdi", "nvidia"]

CDI_KIND = "nvidia.com/gpu"
VISIBLE_DEVICES = "NVIDIA_VISIBLE_DEVICES"
DRIVER_CAPABILITIES = "NVIDIA_DRIVER_CAPABILITIES"
# those that the engine's own device driver knows; "all" is not among them
ENGINE_CAPABILITIES = ("compute", "compat32", "graphics", "utility", "video", "display")
# docker-init (tini): a signal goes to the whole process group, so to a kernel's children too
INIT_ENV = {"TINI_KILL_PROCESS_GROUP": "1"}
# Of an image's own variables those that NVIDIA's runtime obeys beyond the choice of GPUs, and those
# with which programs load foreign code: hooks of NVIDIA's toolkit before 1.17.8 run on the host
# with the image's environment (CVE-2025-23266). Who has a use for one sets it in the configuration
# or in the kernelspec, and that counts.
NEUTRAL_ENV = {
    DRIVER_CAPABILITIES: "compute,utility",
    "NVIDIA_GDS": "disabled",
    "NVIDIA_MOFED": "disabled",
    "NVIDIA_NVSWITCH": "disabled",
    "NVIDIA_GDRCOPY": "disabled",
    "NVIDIA_IMEX_CHANNELS": "",
    "NVIDIA_MIG_CONFIG_DEVICES": "",
    "NVIDIA_MIG_MONITOR_DEVICES": "",
    "LD_PRELOAD": "",
    "LD_AUDIT": "",
}
LOG_OPTIONS = {"max-size": "10m", "max-file": "3"}
# bytes, descriptors, bytes, bytes; -1: unlimited. CUDA and RDMA pin memory; compilers of GPU
# programs recurse deeply; a dump of a kernel's memory would fill the disk.
ULIMITS = {"memlock": -1, "nofile": 65536, "stack": 64 << 20, "core": 0}
OOM_SCORE = 500  # a host without memory ends a kernel before the server that drives it


def cdi_name(uuid: str) -> str:
    """Return the fully qualified CDI name of a GPU (CNCF Container Device Interface)."""
    return f"{CDI_KIND}={uuid}"


def create_body(
    spec: ContainerSpec,
    injection: Injection,
    *,
    runtime: str | None = "runc",
    log_driver: str | None = "local",
    without: Collection[str] = (),
    own_limits: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Build the request body.

    Parameters
    ----------
    spec : ContainerSpec
    injection : {"cdi", "nvidia"}
        How GPUs reach the container; without GPUs it has no effect.
    runtime : str or None
        OCI runtime by name. It is named because a host's default may be ``nvidia``, which hands
        GPUs to any image that asks. None: the engine's default.
    log_driver : str or None
        None: the engine's default.
    without : collection of str
        Names of limits that this engine cannot set, see `limits.unsettable`.
    own_limits : mapping, optional
        Limits to name instead, see `limits.own_limits`.
    """
    return {
        "Image": spec.image,
        "User": spec.user,
        "WorkingDir": spec.working_dir,
        "Hostname": spec.hostname,
        # A non-empty Entrypoint keeps the image's ENTRYPOINT and its CMD out.
        "Entrypoint": list(spec.command),
        "Cmd": [],
        "Healthcheck": {"Test": ["NONE"]},
        "StopSignal": "SIGTERM",
        "Env": [f"{key}={value}" for key, value in _environment(spec, injection).items()],
        "Labels": dict(spec.labels),
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "OpenStdin": False,
        "Tty": False,
        # Skips the engine's network hook, half of a container's start; lo is there all the same.
        "NetworkDisabled": spec.network is Network.NONE,
        "HostConfig": _host_config(spec, injection, runtime, log_driver, without, own_limits or {}),
    }


def _environment(spec: ContainerSpec, injection: Injection) -> dict[str, str]:
    # Images say "all", and images without it may count as "legacy: all". For "nvidia" the engine
    # appends the same variable itself; of two, hooks take the last and programs the first.
    devices = ",".join(spec.gpus) if spec.gpus and injection == "nvidia" else "void"
    return {**INIT_ENV, **NEUTRAL_ENV, **spec.env, VISIBLE_DEVICES: devices}


def _host_config(
    spec: ContainerSpec,
    injection: Injection,
    runtime: str | None,
    log_driver: str | None,
    without: Collection[str],
    own_limits: Mapping[str, int],
) -> dict[str, Any]:
    ulimits = {name: limit for name, limit in ULIMITS.items() if name not in without}
    config: dict[str, Any] = {
        "Mounts": [_mount(mount) for mount in spec.mounts],
        "Privileged": False,
        "CapDrop": ["ALL"],
        "CapAdd": list(spec.cap_add),
        "SecurityOpt": ["no-new-privileges"],
        "Init": True,
        "AutoRemove": False,  # the reason of a kernel's death stands in its container
        "RestartPolicy": {"Name": "no"},  # an engine that restarts kernels undoes GPU claims
        "IpcMode": "private",
        "CgroupnsMode": "private",
        "NetworkMode": "none" if spec.network is Network.NONE else "bridge",
        "PublishAllPorts": False,
        "OomScoreAdj": OOM_SCORE,
        "Ulimits": [
            {"Name": name, "Soft": limit, "Hard": limit}
            for name, limit in {**own_limits, **ulimits}.items()
        ],
    }
    if spec.gpus:
        capabilities = spec.env.get(DRIVER_CAPABILITIES, NEUTRAL_ENV[DRIVER_CAPABILITIES])
        config["DeviceRequests"] = [_device_request(spec.gpus, injection, capabilities)]
    if spec.memory is not None and "memory" not in without:
        config["Memory"] = spec.memory
        if "swap" not in without:
            config["MemorySwap"] = spec.memory  # equal: no swap
    if spec.shm_size is not None:
        config["ShmSize"] = spec.shm_size
    if spec.pids_limit is not None and "pids" not in without:
        config["PidsLimit"] = spec.pids_limit
    if runtime is not None:
        config["Runtime"] = runtime
    if log_driver is not None:
        config["LogConfig"] = {"Type": log_driver, "Config": dict(LOG_OPTIONS)}
    return config


def _mount(mount: Mount) -> dict[str, Any]:
    # Mounts, not Binds: Binds make a missing source as root on the host.
    return {
        "Type": "bind",
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
        "BindOptions": {"Propagation": "rprivate", "CreateMountpoint": False},
    }


def _device_request(
    uuids: tuple[str, ...], injection: Injection, capabilities: str
) -> dict[str, Any]:
    if injection == "cdi":
        return {"Driver": "cdi", "DeviceIDs": [cdi_name(uuid) for uuid in uuids]}
    asked = [name.strip() for name in capabilities.split(",")]
    if "all" in asked:
        asked = list(ENGINE_CAPABILITIES)
    known = [name for name in asked if name in ENGINE_CAPABILITIES]
    return {
        "Driver": "nvidia",
        "DeviceIDs": list(uuids),
        # a request without one would leave the choice to the image
        "Capabilities": [["gpu", *(known or ("compute", "utility"))]],
    }
