"""What must hold on fake and on real GPUs alike."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from jupyter_gpu_containers.model.gpu.device import Gpu, GpuSnapshot

_LINE = re.compile(r"^\s*(?P<kind>GPU|MIG) .*\(UUID: (?P<uuid>[^)]+)\)$", re.M)


def agrees_with_nvidia_smi(snapshot: GpuSnapshot, listing: str) -> None:
    """Compare with ``nvidia-smi -L``: leaf devices are its MIG devices and its unsplit GPUs."""
    leaves: list[str] = []
    for match in _LINE.finditer(listing):
        if match["kind"] == "MIG" and leaves and leaves[-1].startswith("GPU-"):
            leaves.pop()  # the GPU before is split
        leaves.append(match["uuid"])
    assert leaves
    assert [gpu.uuid for gpu in snapshot.gpus] == leaves
    for gpu in snapshot.gpus:
        assert gpu.name
        assert gpu.name in listing
        assert gpu.problem is None
        assert gpu.memory_total > 0
        assert 0 <= gpu.memory_used <= gpu.memory_total
        assert gpu.minor_number is not None
        assert gpu.compute_capability is not None
        assert (gpu.mig_profile is None) == (gpu.parent_uuid is None)


def sees_exactly(seen: dict[str, Any], gpus: Collection[Gpu]) -> None:
    """Compare what `inside.py` saw in a container with the devices that it was given."""
    nodes = {node for node in seen["nodes"] if re.fullmatch(r"/dev/nvidia\d+", node)}
    assert nodes == {f"/dev/nvidia{gpu.minor_number}" for gpu in gpus}
    assert sorted(seen["uuids"] or []) == sorted(gpu.uuid for gpu in gpus)
