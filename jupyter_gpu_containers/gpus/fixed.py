"""GPUs that configuration names, for machines without any: CI, Binder, rehearsals."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.gpu.device import Driver, Gpu, GpuSnapshot, Problem
from jupyter_gpu_containers.model.gpu.links import GpuLink
from jupyter_gpu_containers.ports import GpuInventory

_KEYS: dict[str, type | tuple[type, ...]] = {
    "uuid": str,
    "name": str,
    "memory_gib": (int, float),
    "compute_capability": (str, float, int),
    "brand": str,
    "count": int,
    "minor_number": int,
    "mig": (list, tuple),
    "link": str,
}
_NAMESPACE = uuid.UUID("9d6b5d0a-6f0c-5c3e-8a52-5a7d1c0f3f0e")  # ours, so that UUIDs are stable
_UUID = re.compile(r"^(GPU|MIG)-[0-9A-Za-z./-]+$")
_PROFILE = re.compile(r"^(?:\d+c\.)?\d+g\.(?P<gigabytes>\d+)gb(?:\+\S+)?$")
_CAPABILITY = re.compile(r"^(\d+)\.(\d+)$")
_EXAMPLE = 'For example: [{"name": "NVIDIA H200", "memory_gib": 141, "count": 2}].'


class FixedInventory(GpuInventory):
    """GPUs as configuration describes them; none of them is busy by itself.

    Parameters
    ----------
    gpus : sequence of mappings
        One for each kind of GPU, all keys optional: ``name`` (product name), ``memory_gib``,
        ``compute_capability`` ("9.0"), ``brand`` ("GeForce", "Tesla", "Nvidia"; decides about
        forward compatibility), ``count`` (GPUs like this, 1), ``uuid`` (only with count 1;
        else made up, the same ones at each start), ``minor_number`` (N of ``/dev/nvidiaN`` of the
        first; else counted from 0), ``mig`` (profiles of its MIG instances, ``["1g.10gb", …]``),
        ``link`` (how the GPUs of this entry reach each other, as ``nvidia-smi topo -m`` says it:
        "NV12", "PIX", "NODE"; "SYS" to those of other entries).
    driver_version, cuda_version : str
        What the host's driver is said to be.

    Raises
    ------
    InvalidRequestError
        The description makes no sense; the sentence says where.
    """

    def __init__(
        self,
        gpus: Sequence[Mapping[str, Any]],
        *,
        driver_version: str = "580.95.05",
        cuda_version: str = "13.0",
    ) -> None:
        found: list[Gpu] = []
        groups: list[tuple[str | None, list[str]]] = []  # link within, UUIDs
        index = 0
        for position, entry in enumerate(gpus):
            _check(position, entry)
            first = len(found)
            for number in range(entry.get("count", 1)):
                found.extend(_devices(position, entry, index, number))
                index += 1
            whole = [gpu.uuid for gpu in found[first:] if gpu.parent_uuid is None]
            groups.append((entry.get("link"), whole))
        _check_unique(found)
        if found:
            driver = Driver(driver_version, cuda_version)
            self._snapshot = GpuSnapshot(tuple(found), driver, links=_links(groups))
        else:
            problem = Problem("no_gpu", "The configuration says that this machine has no GPU.")
            self._snapshot = GpuSnapshot(problem=problem)

    async def snapshot(self) -> GpuSnapshot:
        """Return the same GPUs every time."""
        return self._snapshot

    def close(self) -> None:
        """There is nothing to release."""


def _refuse(position: int, message: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"GPU entry {position + 1} in the configuration: {message}", _EXAMPLE
    )


def _check(position: int, entry: object) -> None:
    if not isinstance(entry, Mapping):
        raise _refuse(position, f"expected a mapping, got {entry!r}.")
    for key, value in entry.items():
        if key not in _KEYS:
            raise _refuse(position, f"unknown key {key!r}; known are {', '.join(_KEYS)}.")
        if not isinstance(value, _KEYS[key]) or isinstance(value, bool):
            raise _refuse(position, f"{key} cannot be {value!r}.")
    if entry.get("count", 1) < 1:
        raise _refuse(position, f"count must be at least 1, got {entry['count']}.")
    if entry.get("memory_gib", 1) <= 0:
        raise _refuse(position, f"memory_gib must be more than 0, got {entry['memory_gib']}.")
    if entry.get("minor_number", 0) < 0:
        raise _refuse(position, f"minor_number cannot be {entry['minor_number']}.")
    if "uuid" in entry and entry.get("count", 1) != 1:
        raise _refuse(position, "uuid names one GPU, so count must be 1.")
    if "uuid" in entry and not _UUID.match(entry["uuid"]):
        raise _refuse(position, f"{entry['uuid']!r} is not a GPU's UUID (GPU-…).")
    if "link" in entry and GpuLink.parse(entry["link"]) is None:
        raise _refuse(position, f"{entry['link']!r} is no link such as NV12 or PIX.")
    for profile in entry.get("mig", ()):
        if not isinstance(profile, str) or not _PROFILE.match(profile):
            raise _refuse(position, f"{profile!r} is not a MIG profile such as 1g.10gb.")
    if "compute_capability" in entry and not _CAPABILITY.match(str(entry["compute_capability"])):
        raise _refuse(position, f"compute_capability {entry['compute_capability']!r} is not X.Y.")


def _links(groups: Sequence[tuple[str | None, list[str]]]) -> dict[tuple[str, str], GpuLink]:
    """Return the links of all pairs, where any are described."""
    links: dict[tuple[str, str], GpuLink] = {}
    if all(link is None for link, _ in groups):
        return links
    places = [(uuid, link, n) for n, (link, uuids) in enumerate(groups) for uuid in uuids]
    for (one, link, group), (other, _, other_group) in combinations(sorted(places, key=str), 2):
        within = GpuLink.parse(link or "SYS") if group == other_group else None
        links[one, other] = within or GpuLink(path="SYS")
    return links


def _check_unique(gpus: Sequence[Gpu]) -> None:
    seen: set[str] = set()
    for gpu in gpus:
        if gpu.uuid in seen:
            raise InvalidRequestError(
                f"The configuration names the GPU {gpu.uuid} twice.", "Every GPU has its own UUID."
            )
        seen.add(gpu.uuid)


def _devices(position: int, entry: Mapping[str, Any], index: int, number: int) -> Iterator[Gpu]:
    """Yield the leaf devices of the ``number``-th GPU of an entry."""
    name = entry.get("name", "NVIDIA GPU")
    parent = entry.get("uuid") or f"GPU-{uuid.uuid5(_NAMESPACE, f'{position}/{number}/{name}')}"
    minor = entry["minor_number"] + number if "minor_number" in entry else index
    match = _CAPABILITY.match(str(entry.get("compute_capability")))
    capability = (int(match[1]), int(match[2])) if match else None
    if not entry.get("mig"):
        yield Gpu(
            uuid=parent,
            index=index,
            name=name,
            memory_total=int(entry.get("memory_gib", 16) * 2**30),
            utilization=0,
            compute_capability=capability,
            minor_number=minor,
            brand=entry.get("brand"),
        )
    for slot, profile in enumerate(entry.get("mig", ())):
        gigabytes = _PROFILE.match(profile)
        yield Gpu(
            uuid=f"MIG-{uuid.uuid5(_NAMESPACE, f'{parent}/{slot}/{profile}')}",
            index=index,
            name=name,
            memory_total=int(gigabytes["gigabytes"]) * 2**30 if gigabytes else 0,
            compute_capability=capability,
            minor_number=minor,
            brand=entry.get("brand"),
            parent_uuid=parent,
            mig_profile=profile,
        )
