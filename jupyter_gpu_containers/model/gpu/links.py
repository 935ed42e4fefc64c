"""How two GPUs reach each other, in the words of ``nvidia-smi topo -m``."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Over one PCIe switch, over several, over a host bridge, within a NUMA node, between nodes; the
# numbers are those of nvmlGpuTopologyLevel_t.
PATHS = {"PIX": 10, "PXB": 20, "PHB": 30, "NODE": 40, "SYS": 50}
FARTHEST = PATHS["SYS"]
_NVLINK = re.compile(r"NV([1-9]\d*)", re.ASCII)


@dataclass(frozen=True)
class GpuLink:
    """The way between two GPUs."""

    nvlinks: int = 0  # links between the two, directly or over an NVSwitch
    path: str = "SYS"  # by PCIe, one of `PATHS`

    @classmethod
    def parse(cls, name: str) -> GpuLink | None:
        """Read a name such as "NV12" or "PIX"; None where it is not one.

        >>> GpuLink.parse("NV12")
        GpuLink(nvlinks=12, path='SYS')
        """
        if name in PATHS:
            return cls(path=name)
        match = _NVLINK.fullmatch(name)
        return cls(nvlinks=int(match[1])) if match else None

    @property
    def name(self) -> str:
        """What ``nvidia-smi topo -m`` shows: "NV12", "PIX"."""
        return f"NV{self.nvlinks}" if self.nvlinks else self.path

    @property
    def distance(self) -> int:
        """A number to compare: smaller is closer. Any NVLink is closer than any way by PCIe."""
        return PATHS["PIX"] - min(self.nvlinks, 9) if self.nvlinks else PATHS[self.path]
