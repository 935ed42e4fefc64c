"""The body of the engine's "create container" request; a pure function of the spec.

Docker Engine API 1.41, ``POST /containers/create``. Whatever is not set here keeps the engine's
default; in particular ``MaskedPaths`` and ``ReadonlyPaths``, where an empty list would unmask.
"""

from __future__ import annotations

from typing import Any, Literal

from jupyter_gpu_containers.model.container import ContainerSpec, Mount, Network

Injection = Literal["cdi", "nvidia"]

CDI_KIND = "nvidia.com/gpu"
VISIBLE_DEVICES = "NVIDIA_VISIBLE_DEVICES"
# docker-init (tini): a signal goes to the whole process group, so to a kernel's children too
INIT_ENV = {"TINI_KILL_PROCESS_GROUP": "1"}
LOG_OPTIONS = {"max-size": "10m", "max-file": "3"}


def cdi_name(uuid: str) -> str:
    """Return the fully qualified CDI name of a GPU (CNCF Container Device Interface)."""
    return f"{CDI_KIND}={uuid}"


def create_body(
    spec: ContainerSpec,
    injection: Injection,
    *,
    runtime: str | None = "runc",
    log_driver: str | None = "local",
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
        "Env": [f"{key}={value}" for key, value in _environment(spec, injection).items()],
        "Labels": dict(spec.labels),
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "OpenStdin": False,
        "Tty": False,
        # Skips the engine's network hook, half of a container's start; lo is there all the same.
        "NetworkDisabled": spec.network is Network.NONE,
        "HostConfig": _host_config(spec, injection, runtime, log_driver),
    }


def _environment(spec: ContainerSpec, injection: Injection) -> dict[str, str]:
    env = {**INIT_ENV, **spec.env}
    env.pop(VISIBLE_DEVICES, None)
    if not spec.gpus or injection == "cdi":
        # Images say "all", and images without it may count as "legacy: all".
        env[VISIBLE_DEVICES] = "void"
    return env  # for "nvidia" the engine appends the variable itself


def _host_config(
    spec: ContainerSpec, injection: Injection, runtime: str | None, log_driver: str | None
) -> dict[str, Any]:
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
        "NetworkMode": "none" if spec.network is Network.NONE else "bridge",
    }
    if spec.gpus:
        config["DeviceRequests"] = [_device_request(spec.gpus, injection)]
    if spec.memory is not None:
        config["Memory"] = config["MemorySwap"] = spec.memory  # equal: no swap
    if spec.shm_size is not None:
        config["ShmSize"] = spec.shm_size
    if spec.pids_limit is not None:
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


def _device_request(uuids: tuple[str, ...], injection: Injection) -> dict[str, Any]:
    if injection == "cdi":
        return {"Driver": "cdi", "DeviceIDs": [cdi_name(uuid) for uuid in uuids]}
    return {
        "Driver": "nvidia",
        "DeviceIDs": list(uuids),
        "Capabilities": [["gpu", "compute", "utility"]],
    }
