"""What an image needs of a GPU and its driver, read from its own words, each with its evidence."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from jupyter_gpu_containers.errors import InvalidImageReferenceError
from jupyter_gpu_containers.model.image.framework import cuda_of_tag
from jupyter_gpu_containers.model.image.image import ImageReference
from jupyter_gpu_containers.model.kernel.nvidia_env import (
    UnusableVariableError,
    driver_capabilities,
    requirements,
    requirements_disabled,
    visible_devices,
)

from .arch_list import ArchList
from .cuda import Version, dotted, numbers
from .requirement import read_terms

# NVIDIA's framework images say "cuda>=9.0" whatever they hold, so this variable is asked last.
_REQUIREMENT = "NVIDIA_REQUIRE_CUDA"
_COMPAT = ("CUDA_DRIVER_VERSION", "NV_CUDA_COMPAT_PACKAGE", "_CUDA_COMPAT_PATH")
_NGC = (
    "NVIDIA_PYTORCH_VERSION",
    "NVIDIA_TENSORFLOW_VERSION",
    "NVIDIA_JAX_VERSION",
    "NVIDIA_MXNET_VERSION",
    "NVIDIA_VLLM_VERSION",
)
_PREFIXES = ("NVIDIA_", "CUDA_", "_CUDA_", "NV_CUDA_", "TORCH_CUDA_")
_PRIVILEGED = ("NVIDIA_MIG_CONFIG_DEVICES", "NVIDIA_MIG_MONITOR_DEVICES")

Variables = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Need:
    """A CUDA version, and where it is said."""

    version: Version
    evidence: str
    declared: bool = False  # by the image itself, not only by its name

    def __str__(self) -> str:
        return dotted(self.version[:3])


@dataclass(frozen=True)
class GpuNeeds:
    """All that a GPU and its driver are held against."""

    wanted: str | None  # evidence that the image wants a GPU; None = it wants none
    cuda: Need | None = None
    archs: ArchList | None = None
    archs_evidence: str = ""
    requirements: Mapping[str, str] = field(default_factory=dict)  # by variable
    disabled: bool = False  # the image asks to skip them
    refusal: str = ""  # why NVIDIA's runtime would refuse the container whatever the GPU is
    compat: str = ""  # evidence that it brings the user-mode driver of its CUDA
    ngc_release: str = ""  # "25.08", of NVIDIA's framework images
    ngc_evidence: str = ""


def about_gpus(env: Mapping[str, str]) -> Variables:
    """Return the variables that tell of GPUs: the same for all images on one base image."""
    return tuple(item for item in env.items() if item[0].startswith(_PREFIXES))


def read_needs(variables: Variables, tag: Need | None = None, source: str = "") -> GpuNeeds:
    """Read what an image needs.

    Parameters
    ----------
    variables : tuple of pairs
        From `about_gpus`.
    tag : Need, optional
        The CUDA version that the image's name tells, which its configuration may not (`tag_cuda`).
    source : str
        What the configuration itself was taken from, when that is not the image.
    """
    env = dict(variables)
    prefix = f"{source}: " if source else ""

    def told(name: str) -> str:
        value = env[name]
        return f"{prefix}{name}={value if len(value) <= 80 else value[:79] + '…'}"

    wanted = _wanted(env, tag, told)
    if wanted is None:
        return GpuNeeds(None)
    needed, refusal = _requirements(env)
    compat = next((told(name) for name in _COMPAT if env.get(name)), "")
    archs = next((n for n in ("TORCH_CUDA_ARCH_LIST", "CUDA_ARCH_LIST") if env.get(n)), None)
    ngc = next((name for name in _NGC if env.get(name)), None)
    return GpuNeeds(
        wanted=wanted,
        cuda=_cuda(env, tag, told),
        archs=ArchList.parse(env[archs]) if archs else None,
        archs_evidence=told(archs) if archs else "",
        requirements=needed,
        disabled=requirements_disabled(env),
        refusal=refusal,
        compat=compat,
        ngc_release=env[ngc] if ngc else "",
        ngc_evidence=told(ngc) if ngc else "",
    )


def _wanted(env: Mapping[str, str], tag: Need | None, told: Callable[[str], str]) -> str | None:
    """Return the evidence that a GPU is wanted; explicit words outrank what can be guessed."""
    if "NVIDIA_VISIBLE_DEVICES" in env:
        wanted = visible_devices(env) is not None
        return told("NVIDIA_VISIBLE_DEVICES") if wanted else None
    for name in ("CUDA_VERSION", _REQUIREMENT):
        if env.get(name):
            return told(name)
    return tag.evidence if tag else None


def _cuda(env: Mapping[str, str], tag: Need | None, told: Callable[[str], str]) -> Need | None:
    version = numbers(env.get("CUDA_VERSION"))
    if version is not None:
        return Need(version, told("CUDA_VERSION"), declared=True)
    if tag is not None:
        return tag
    version = _lowest_cuda(env.get(_REQUIREMENT, ""))
    return Need(version, told(_REQUIREMENT)) if version else None


def _lowest_cuda(requirement: str) -> Version | None:
    """Return N of the first term that is ``cuda>=N`` alone."""
    for term in read_terms(requirement):
        first = next(term, None)
        if first is not None and first[:2] == ("cuda", ">=") and not any(True for _ in term):
            return numbers(first[2])
    return None


@lru_cache(maxsize=2048)
def tag_cuda(reference: str) -> Need | None:
    """Return the CUDA version that a reference's tag names; None without one."""
    with contextlib.suppress(InvalidImageReferenceError):  # "<none>:<none>", or no name at all
        parsed = ImageReference.parse(reference)
        version = numbers(cuda_of_tag(parsed))
        if version is not None:
            return Need(version, f"tag {parsed.tag}")
    return None


def _requirements(env: Mapping[str, str]) -> tuple[Mapping[str, str], str]:
    """Return the requirements, and why NVIDIA's runtime would refuse whatever they are."""
    if name := next((name for name in _PRIVILEGED if env.get(name)), None):
        return {}, f"{name} is only for privileged containers, which kernels never are."
    try:
        driver_capabilities(env)
        return requirements(env), ""
    except UnusableVariableError as exc:
        return {}, str(exc)
