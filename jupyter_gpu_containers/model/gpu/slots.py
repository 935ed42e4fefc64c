"""Slots: how many kernels may share one device in time, and how many of them are taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container

from .device import Gpu

MOST = 64  # slots of one device; more is a slip of the pen
_HINT = 'Correct c.GpuContainers.gpu_slots, for example {"*": 1, "0": 4}.'


@dataclass(frozen=True)
class GpuSlots:
    """The administrator's word on sharing; a device of which it says nothing has one slot."""

    numbers: Mapping[str, int] = field(default_factory=dict)  # by UUID, index, or "*" for the rest

    @classmethod
    def parse(cls, setting: Mapping[Any, Any]) -> GpuSlots:
        """Read the setting ``gpu_slots``.

        Raises
        ------
        InvalidRequestError
            A number is no number of slots.
        """
        for name, number in setting.items():
            if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST:
                raise InvalidRequestError(
                    f"GPU {name!r} cannot have {number!r} slots: 1 to {MOST} kernels can share a "
                    "GPU.",
                    _HINT,
                    code="gpu_slots_invalid",
                )
        return cls({str(name): number for name, number in setting.items()})

    def of(self, gpu: Gpu) -> int:
        """Return how many kernels may share a device.

        What is said of a GPU holds for its MIG instances, unless one is named itself.
        """
        for name in (gpu.uuid, gpu.parent_uuid, str(gpu.index), "*"):
            if name is not None and name in self.numbers:
                return self.numbers[name]
        return 1


@dataclass(frozen=True)
class SlotUse:
    """The slots of one device."""

    slots: int = 1
    used: int = 0

    @property
    def free(self) -> int:
        """Slots that nobody has."""
        return max(0, self.slots - self.used)


def slot_use(gpu: Gpu, policy: GpuSlots, holders: Sequence[Container]) -> SlotUse:
    """Return the slots of a device and how many are taken.

    A container's label says for how many its device was when it was claimed. Servers of different
    settings may meet on a machine: whoever claimed a device for itself alone keeps it so.

    Parameters
    ----------
    gpu : Gpu
    policy : GpuSlots
    holders : sequence of Container
        Those that carry the device.
    """
    agreed = [labels.slots_of(container).get(gpu.uuid, 1) for container in holders]
    return SlotUse(min([policy.of(gpu), *agreed]), len(holders))


def holders_of(containers: Iterable[Container]) -> dict[str, list[Container]]:
    """Return the containers that carry a device, by its UUID, in any state."""
    found: dict[str, list[Container]] = {}
    for container in containers:
        for uuid in labels.gpus_of(container):
            found.setdefault(uuid, []).append(container)
    return found


def used_by_others(gpu: Gpu, holders: Sequence[Container]) -> bool:
    """Tell whether a process computes on a device that is none of its holders'.

    Where nobody can say whose a process is, it is taken for the holders', if there are any.
    """
    if not holders:
        return bool(gpu.processes)
    ours = {container.id for container in holders}
    return any(p.container_id is not None and p.container_id not in ours for p in gpu.processes)
