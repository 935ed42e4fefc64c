"""A host as a JSON document: the machine that somebody plans for, or this one as it is."""

from __future__ import annotations

import re
from typing import Any

from jupyter_gpu_containers.errors import InvalidRequestError

from .cuda import Capability, dotted
from .host import Host, HostGpu

_EXAMPLE = (
    'For example: {"driver_version": "535.161.08", "cuda_version": "12.2", '
    '"architecture": "amd64", "gpus": [{"name": "NVIDIA A100", "compute_capability": "8.0", '
    '"brand": "Nvidia", "mig": false}]}.'
)
_CAPABILITY = re.compile(r"(\d{1,3})\.(\d{1,3})", re.ASCII)
_GO_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}  # uname's name -> Go's


def go_architecture(name: str) -> str:
    """Return Go's name of a CPU architecture, which images use.

    >>> go_architecture("x86_64"), go_architecture("arm64")
    ('amd64', 'arm64')
    """
    return _GO_NAMES.get(name, name)


def parse_host(document: Any) -> Host:
    """Read a host. Every key may be absent or null, which is "not known"; others are ignored.

    Raises
    ------
    InvalidRequestError
        A value cannot be understood; the sentence says which.
    """
    if not isinstance(document, dict):
        raise _refuse("it is not an object")
    gpus = document.get("gpus") or []
    if not isinstance(gpus, list):
        raise _refuse(f"gpus cannot be {gpus!r}")
    architecture = _text(document, "architecture")
    free = document.get("disk_free")
    if free is not None and (not isinstance(free, int) or isinstance(free, bool) or free < 0):
        raise _refuse(f"disk_free cannot be {free!r}")
    return Host(
        architecture=go_architecture(architecture) if architecture else None,
        driver_version=_version(document, "driver_version"),
        cuda_version=_version(document, "cuda_version"),
        gpus=tuple(_gpu(position, gpu) for position, gpu in enumerate(gpus)),
        disk_free=free,
    )


def host_document(host: Host) -> dict[str, Any]:
    """Return the host as `parse_host` reads it."""
    document: dict[str, Any] = {
        "driver_version": host.driver_version,
        "cuda_version": host.cuda_version,
        "architecture": host.architecture,
        "gpus": [_gpu_document(gpu) for gpu in host.gpus],
    }
    return document if host.disk_free is None else document | {"disk_free": host.disk_free}


def _gpu_document(gpu: HostGpu) -> dict[str, Any]:
    capability = gpu.compute_capability
    document: dict[str, Any] = {
        "index": gpu.index,
        "name": gpu.name,
        "compute_capability": dotted(capability) if capability else None,
        "brand": gpu.brand,
        "mig": gpu.mig,
    }
    return document if gpu.problem is None else document | {"problem": gpu.problem}


def _gpu(position: int, document: Any) -> HostGpu:
    if not isinstance(document, dict):
        raise _refuse(f"GPU {position} is not an object")
    index, mig = document.get("index", position), document.get("mig") or False
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        raise _refuse(f"index of GPU {position} cannot be {index!r}")
    if not isinstance(mig, bool):
        raise _refuse(f"mig of GPU {position} cannot be {mig!r}, only true or false")
    return HostGpu(
        index=index,
        name=_text(document, "name") or "NVIDIA GPU",
        compute_capability=_capability(position, document.get("compute_capability")),
        brand=_text(document, "brand"),
        mig=mig,
        problem=_text(document, "problem"),
    )


def _capability(position: int, value: Any) -> Capability | None:
    if value is None or value == "":
        return None
    match = _CAPABILITY.fullmatch(str(value)) if isinstance(value, (str, float)) else None
    if match is None:
        raise _refuse(f"compute_capability of GPU {position} is {value!r}, not X.Y")
    return int(match[1]), int(match[2])


def _version(document: dict[str, Any], key: str) -> str | None:
    text = _text(document, key)
    if text is not None and not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9}){0,3}", text):
        raise _refuse(f"{key} is {text!r}, not numbers with dots")
    return text


def _text(document: dict[str, Any], key: str) -> str | None:
    """Return a text, None where it is absent, null or empty; a number is taken as written."""
    value = document.get(key)
    if isinstance(value, float):
        value = str(value)
    if value is not None and not isinstance(value, str):
        raise _refuse(f"{key} cannot be {value!r}")
    return value or None


def _refuse(what: str) -> InvalidRequestError:
    return InvalidRequestError(f"The host cannot be understood: {what}.", _EXAMPLE)
