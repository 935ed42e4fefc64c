"""Containers of others that use GPUs: what they asked the engine for, and which devices that is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .device import Gpu

ALL = "all"
NONE = ("", "none", "void")
CDI_KIND = re.compile(r"nvidia\.com/(gpu|mig)=(.+)")  # qualified CDI device name
DEVICE_NODE = re.compile(r"/dev/nvidia(\d+)")


@dataclass(frozen=True)
class ForeignContainer:
    """A container that is not ours, is not over, and was given GPUs."""

    id: str
    name: str
    devices: frozenset[str]  # as it asked for them: "all", UUIDs, "0", "0:1", "/dev/nvidia0"


def asked_devices(inspected: Mapping[str, Any]) -> frozenset[str]:
    """Read what a container asked for from ``GET /containers/{id}/json``.

    By device requests (``--gpus``, CDI), by the variables of NVIDIA's runtime, by device nodes. A
    privileged container sees all devices without asking for one: that is no use of a GPU.
    """
    host, config = inspected.get("HostConfig") or {}, inspected.get("Config") or {}
    found: set[str] = set()
    for request in host.get("DeviceRequests") or ():
        found |= _requested(request)
    for device in host.get("Devices") or ():
        path = str(device.get("PathOnHost") or "")
        if DEVICE_NODE.fullmatch(path):
            found.add(path)
    if host.get("Runtime") == "nvidia":
        found |= _by_variables(config.get("Env") or ())
    return frozenset(found)


def _requested(request: Mapping[str, Any]) -> set[str]:
    ids = [str(one) for one in request.get("DeviceIDs") or ()]
    if request.get("Driver") == "cdi":
        return {match[2] for match in map(CDI_KIND.fullmatch, ids) if match}
    kinds = {kind for group in request.get("Capabilities") or () for kind in group}
    if request.get("Driver") != "nvidia" and "gpu" not in kinds:
        return set()
    count = int(request.get("Count") or 0)
    if ids:
        return set(ids)
    return {ALL} if count < 0 else {str(index) for index in range(count)}


def _by_variables(env: Iterable[str]) -> set[str]:
    variables = dict(text.partition("=")[::2] for text in env)
    value = variables.get("NVIDIA_VISIBLE_DEVICES")
    if value is None:  # NVIDIA's runtime: an old image of CUDA's, which gets all
        return {ALL} if "CUDA_VERSION" in variables else set()
    return {name.strip() for name in value.split(",")} - set(NONE)


def uuids_of(container: ForeignContainer, gpus: Iterable[Gpu]) -> frozenset[str]:
    """Return the leaf devices that a container has; one whose name tells nothing has all."""
    gpus = list(gpus)
    found: set[str] = set()
    for device in container.devices:
        named = {gpu.uuid for gpu in gpus if _is(device, gpu)}
        known = re.fullmatch(r"\d+(:\d+)?|(GPU|MIG)-.+|/dev/nvidia\d+", device)
        found |= named if known else {gpu.uuid for gpu in gpus}
    return frozenset(found)


def _is(device: str, gpu: Gpu) -> bool:
    node = DEVICE_NODE.fullmatch(device)
    if node:
        return gpu.minor_number == int(node[1])
    if device[:4] in ("GPU-", "MIG-"):  # NVIDIA takes the beginning of a UUID, too
        return gpu.uuid.startswith(device) or (gpu.parent_uuid or "").startswith(device)
    return device.partition(":")[0] == str(gpu.index)  # "0:1": an instance of GPU 0
