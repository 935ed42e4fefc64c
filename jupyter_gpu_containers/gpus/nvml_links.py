"""How GPUs reach each other, through NVML: by PCIe, by NVLink, by NVSwitches."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pynvml
from pynvml import NVMLError

from jupyter_gpu_containers.model.gpu.links import GpuLink

from .nvml_values import optional

log = logging.getLogger(__name__)

_PATHS = {
    pynvml.NVML_TOPOLOGY_INTERNAL: "PIX",  # two GPUs on one board, behind the board's switch
    pynvml.NVML_TOPOLOGY_SINGLE: "PIX",
    pynvml.NVML_TOPOLOGY_MULTIPLE: "PXB",
    pynvml.NVML_TOPOLOGY_HOSTBRIDGE: "PHB",
    pynvml.NVML_TOPOLOGY_NODE: "NODE",
    pynvml.NVML_TOPOLOGY_SYSTEM: "SYS",
}
_Address = tuple[int, int, int]  # on PCIe: domain, bus, device


def read_links(gpus: Mapping[str, Any]) -> dict[tuple[str, str], GpuLink]:
    """Return the links between GPUs, by their UUIDs in order; unknown ones are not there.

    Parameters
    ----------
    gpus : mapping of str to handle
        By UUID: whole GPUs. MIG instances reach nobody.
    """
    if len(gpus) < 2:
        return {}
    links = {}
    try:
        addresses = {uuid: _address(optional(_pci_info, gpus[uuid])) for uuid in gpus}
        ends = {uuid: _ends(handle) for uuid, handle in gpus.items()}
        for one, other in combinations(sorted(gpus), 2):
            nvlinks = min(
                _between(one, other, ends, addresses), _between(other, one, ends, addresses)
            )
            if not nvlinks:
                nvlinks = _switched(gpus[one], gpus[other], ends[one], ends[other], addresses)
            level = optional(pynvml.nvmlDeviceGetTopologyCommonAncestor, gpus[one], gpus[other])
            if nvlinks or level in _PATHS:
                links[one, other] = GpuLink(nvlinks, _PATHS.get(level, "SYS"))
    except NVMLError as error:  # they are a means to choose better, no reason to offer no GPU
        log.info("The links between GPUs could not be read: %s", error)
    return links


def _pci_info(handle: Any) -> Any:
    return pynvml.nvmlDeviceGetPciInfo(handle)


def _address(pci: Any) -> _Address | None:
    return None if pci is None else (int(pci.domain), int(pci.bus), int(pci.device))


def _ends(handle: Any) -> list[_Address | None]:
    """Return where each active NVLink of a GPU leads; None where the driver does not say."""
    found: list[_Address | None] = []
    for link in range(pynvml.NVML_NVLINK_MAX_LINKS):
        try:
            active = optional(pynvml.nvmlDeviceGetNvLinkState, handle, link)
        except NVMLError as error:
            if error.value == pynvml.NVML_ERROR_INVALID_ARGUMENT:
                break  # this GPU has no more
            raise
        if active is None:
            break  # it has none at all
        if active:
            found.append(_address(optional(pynvml.nvmlDeviceGetNvLinkRemotePciInfo, handle, link)))
    return found


def _between(
    one: str,
    other: str,
    ends: Mapping[str, list[_Address | None]],
    addresses: Mapping[str, _Address | None],
) -> int:
    """Return how many NVLinks of a GPU lead straight to another one."""
    address = addresses[other]
    return 0 if address is None else ends[one].count(address)


def _switched(
    one: Any,
    other: Any,
    ends: list[_Address | None],
    other_ends: list[_Address | None],
    addresses: Mapping[str, _Address | None],
) -> int:
    """Return how many NVLinks two GPUs have over NVSwitches: as many as the one with fewer.

    The links are up also where the switches are not set up (no fabric manager); whether the GPUs
    reach each other is told by their peer-to-peer status.
    """
    gpus = {address for address in addresses.values() if address is not None}
    common = min(sum(end not in gpus for end in ends) for ends in (ends, other_ends))
    if not common:
        return 0
    kind = pynvml.NVML_P2P_CAPS_INDEX_NVLINK
    status = optional(pynvml.nvmlDeviceGetP2PStatus, one, other, kind)
    return common if status == pynvml.NVML_P2P_STATUS_OK else 0
