"""An environment: an image by id, a kernel inside it, and defaults. On disk it is a kernelspec.

Kernelspec: https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.gpu.device import GpuRequest
from jupyter_gpu_containers.model.image.image import ImageKernel, digest_as
from jupyter_gpu_containers.model.size import format_memory

from .container import Network
from .runtime import RuntimeTag

PROVISIONER_NAME = "gpu-container-provisioner"
METADATA_KEY = "gpu_containers"
KERNEL_NAME = re.compile(r"[a-z0-9._-]+", re.ASCII)  # what jupyter_client accepts, lower case


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a kernelspec of ours.

    Raises
    ------
    InvalidRequestError
    """
    if not KERNEL_NAME.fullmatch(name):
        raise InvalidRequestError(
            f"“{name[:100]}” cannot be the name of an environment.",
            "Use small letters a-z, digits, and the signs . _ -",
        )


@dataclass(frozen=True)
class Environment:
    """What one of our kernelspecs names."""

    name: str  # of the kernelspec
    display_name: str  # "PyTorch 25.08 · 1 GPU"
    reference: str  # as the user gave it, for people; the image is `image_id`
    image_id: str  # "sha256:…"
    kernel: ImageKernel
    gpus: int = 0
    memory: int | None = None  # bytes; None = the policy's default
    shm_size: int | None = None  # bytes; None = the policy's default
    repo_digest: str | None = None  # "repository@sha256:…", where the image came from a registry
    gpu_profile: str | None = None  # the GPUs are MIG instances of this profile, "1g.10gb"
    gpu_uuids: tuple[str, ...] = ()  # the GPUs are these
    network: Network | None = None  # None = the policy's default
    idle_timeout: float | None = None  # seconds; 0 = for ever, None = the policy's default
    mounts: tuple[str, ...] | None = None  # names of data mounts; None = the policy's default

    @property
    def gpu_request(self) -> GpuRequest:
        """The GPUs that its kernels ask for."""
        return GpuRequest(self.gpus, self.gpu_uuids, self.gpu_profile)

    def starts_like(self, other: Environment) -> bool:
        """Tell whether both start the same container, and let it be idle for as long."""
        return self._container() == other._container()

    def _container(self) -> tuple[object, ...]:
        kernel = self.kernel
        limits = (self.gpus, self.gpu_profile, self.gpu_uuids, self.memory, self.shm_size)
        mounts = None if self.mounts is None else frozenset(self.mounts)
        rules = (self.network, self.idle_timeout, mounts)
        return (self.image_id, kernel.argv, kernel.runtime, *rules, *limits)

    def to_kernelspec(self) -> dict[str, Any]:
        """Return the content of ``kernel.json``."""
        config: dict[str, Any] = {
            "reference": self.reference,
            "image_id": self.image_id,
            "kernel": self.kernel.name,
            "gpus": self.gpus,
            "memory": self.memory,
            "shm_size": self.shm_size,
            "repo_digest": self.repo_digest,
            "runtime": self.kernel.runtime,
            "gpu_profile": self.gpu_profile,
            "gpu_uuids": list(self.gpu_uuids) or None,
            "network": self.network.value if self.network else None,
            "idle_timeout": self.idle_timeout,
            "mounts": None if self.mounts is None else list(self.mounts),
        }
        config = {key: value for key, value in config.items() if value is not None}
        facts = {
            "image": self.reference,
            "digest": digest_as(self.reference, [self.repo_digest] if self.repo_digest else ()),
            "kernel": self.kernel.name,
            "gpus": self.gpus,
            "gpu_profile": self.gpu_profile,
        }
        return {
            "argv": list(self.kernel.argv),
            "display_name": self.display_name,
            "language": self.kernel.language,
            # An engine's signal reaches the kernel and its children even while a C extension
            # holds the GIL; a message on the control channel does not.
            "interrupt_mode": self.kernel.interrupt_mode,
            "metadata": {
                "debugger": self.kernel.debugger,
                METADATA_KEY: {key: value for key, value in facts.items() if value is not None},
                "kernel_provisioner": {"provisioner_name": PROVISIONER_NAME, "config": config},
            },
        }

    @classmethod
    def from_kernelspec(cls, name: str, spec: Mapping[str, Any]) -> Environment | None:
        """Read ``kernel.json``; None where the kernelspec is not one of ours.

        Raises
        ------
        InvalidRequestError
            It is one of ours, but edited into something that cannot be started.
        """
        metadata = spec.get("metadata") or {}
        stanza = metadata.get("kernel_provisioner") or {}
        if stanza.get("provisioner_name") != PROVISIONER_NAME:
            return None
        config = stanza.get("config") or {}
        try:
            return cls(
                name=name,
                display_name=str(spec.get("display_name") or name),
                reference=str(config["reference"]),
                image_id=str(config["image_id"]),
                kernel=ImageKernel(
                    name=str(config.get("kernel", "python3")),
                    display_name=str(spec.get("display_name") or name),
                    language=str(spec.get("language", "")),
                    argv=tuple(str(arg) for arg in spec["argv"]),
                    debugger=bool(metadata.get("debugger", False)),
                    interrupt_mode=str(spec.get("interrupt_mode", "signal")),
                    runtime=_optional_tag(config.get("runtime")),
                ),
                gpus=_not_negative(config.get("gpus")) or 0,
                memory=_not_negative(config.get("memory")),
                shm_size=_not_negative(config.get("shm_size")),
                repo_digest=config.get("repo_digest"),
                gpu_profile=config.get("gpu_profile") or None,
                gpu_uuids=tuple(str(uuid) for uuid in config.get("gpu_uuids") or ()),
                network=Network(config["network"]) if config.get("network") else None,
                idle_timeout=_seconds(config.get("idle_timeout")),
                mounts=_names(config.get("mounts")),
            )
        except (KeyError, TypeError, ValueError, InvalidRequestError) as exc:
            raise InvalidRequestError(
                f"The kernelspec of environment “{name}” is damaged: {exc!r}.",
                f"Remove it with `jupyter gpu-containers environments remove {name}` "
                "and add it again.",
            ) from exc


def _not_negative(value: object) -> int | None:
    """Return a number; below zero an engine would take it as no limit, a slice as all but some."""
    if value is None:
        return None
    number = int(str(value))
    if number < 0:
        raise ValueError(f"{number} is negative")
    return number


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    number = float(str(value))
    if not 0 <= number < math.inf:
        raise ValueError(f"{number} is no time")
    return number


def _names(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"{value!r} are no names of data mounts")
    return tuple(value)


def _optional_tag(value: object) -> str | None:
    return None if value is None else str(RuntimeTag.parse(str(value)))


def environment_name(reference: str, kernel: str, gpus: int, profile: str | None = None) -> str:
    """Return a kernelspec name for an image, a kernel, a number of GPUs and their MIG profile.

    >>> environment_name("nvcr.io/nvidia/pytorch:25.08-py3", "python3", 1)
    'nvidia-pytorch-25.08-py3-1gpu'
    >>> environment_name("pytorch/pytorch:latest", "ir", 0)
    'pytorch-pytorch-latest-ir-cpu'
    >>> environment_name("pytorch/pytorch:latest", "python3", 1, "1g.10gb")
    'pytorch-pytorch-latest-1x1g.10gb'
    """
    path, _, tag = reference.partition("@")[0].rpartition(":")
    if not path or "/" in tag:
        path, tag = reference.partition("@")[0], ""
    parts = path.split("/")
    if len(parts) > 1 and ("." in parts[0] or ":" in parts[0] or parts[0] == "localhost"):
        parts = parts[1:]
    count = "cpu" if gpus == 0 else f"{gpus}x{profile}" if profile else f"{gpus}gpu"
    words = [*parts, tag, "" if kernel == "python3" else kernel, count]
    text = "-".join(word for word in words if word).lower()
    return re.sub(r"[^a-z0-9._-]+", "-", text).strip("-.")[:100]


def environment_title(label: str, gpus: int, profile: str | None = None) -> str:
    """Return a display name; short, since JupyterLab's toolbar has little room.

    >>> environment_title("PyTorch 25.08", 1)
    'PyTorch 25.08 · 1 GPU'
    >>> environment_title("PyTorch 25.08", 2, "1g.10gb")
    'PyTorch 25.08 · 2 × 1g.10gb'
    """
    count = "CPU" if gpus == 0 else "1 GPU" if gpus == 1 else f"{gpus} GPUs"
    if gpus and profile:
        count = profile if gpus == 1 else f"{gpus} × {profile}"
    return f"{label} · {count}"


def told_apart(wanted: Environment, others: Iterable[Environment]) -> str:
    """Return the title, with what differs from others of the same title: "… · 8 GB RAM"."""
    rivals = [other for other in others if other.display_name == wanted.display_name]
    known = [_facts(other) for other in rivals]
    facts = [
        fact
        for number, fact in enumerate(_facts(wanted))
        if any(other[number] != fact for other in known)
    ]
    return " · ".join([wanted.display_name, *facts])


def _facts(environment: Environment) -> list[str]:
    """What a title leaves out, a few words each."""
    memory, shared, mounts = environment.memory, environment.shm_size, environment.mounts
    network, idle = environment.network, environment.idle_timeout
    short_ids = ", ".join(uuid[:12] for uuid in sorted(environment.gpu_uuids))
    return [
        environment.reference.rpartition("/")[2],
        short_ids or "any GPU",
        "usual RAM" if memory is None else f"{format_memory(memory)} RAM",
        "usual shared memory" if shared is None else f"{format_memory(shared)} shared",
        "usual data"
        if mounts is None
        else f"data: {', '.join(sorted(mounts))}"
        if mounts
        else "no data",
        "usual network" if network is None else _NETWORKS[network],
        "usual idle time" if idle is None else f"{idle / 60:g} min idle" if idle else "never idle",
    ]


_NETWORKS = {Network.BRIDGE: "with network", Network.NONE: "no network"}
