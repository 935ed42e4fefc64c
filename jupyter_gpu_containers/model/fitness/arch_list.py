"""``TORCH_CUDA_ARCH_LIST``: for which GPUs an image's libraries hold code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from .cuda import Capability

_SEPARATOR = re.compile(r"[\s;,]+")
_ENTRY = re.compile(r"(?:sm_|compute_)?(\d{1,2})\.?(\d)([af]?)(\+PTX)?", re.IGNORECASE | re.ASCII)
# torch.utils.cpp_extension: the newest of each generation is the one that "+PTX" belongs to
_GENERATIONS: dict[str, tuple[Capability, ...]] = {
    "maxwell": ((5, 0), (5, 2)),
    "pascal": ((6, 0), (6, 1)),
    "volta": ((7, 0),),
    "turing": ((7, 5),),
    "ampere": ((8, 0), (8, 6)),
    "ada": ((8, 9),),
    "hopper": ((9, 0),),
    "blackwell": ((10, 0), (10, 3), (12, 0), (12, 1)),
}


class Arch(NamedTuple):
    """An entry: machine code for a compute capability, and perhaps PTX beside it."""

    capability: Capability
    ptx: bool = False  # the driver compiles it for newer GPUs
    exact: bool = False  # "12.1a": for this capability alone


@dataclass(frozen=True)
class ArchList:
    """The parsed list; `strange` are words in it that say nothing about a capability."""

    text: str
    archs: tuple[Arch, ...]
    strange: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> ArchList:
        """Parse any text.

        >>> [a.capability for a in ArchList.parse("7.5 8.0;9.0+PTX").archs]
        [(7, 5), (8, 0), (9, 0)]
        """
        return _parse(text)

    def code_for(self, capability: Capability) -> bool:
        """Tell whether there is machine code: same major version, minor not above the GPU's."""
        return any(
            arch.capability == capability
            if arch.exact
            else arch.capability[0] == capability[0] and arch.capability[1] <= capability[1]
            for arch in self.archs
        )

    def ptx_for(self, capability: Capability) -> Capability | None:
        """Return the PTX from which a driver can compile code for a GPU; None without."""
        fitting = [a.capability for a in self.archs if a.ptx and a.capability <= capability]
        return max(fitting, default=None)

    @property
    def newest(self) -> Capability | None:
        """The newest capability in the list."""
        return max((arch.capability for arch in self.archs), default=None)


@lru_cache(maxsize=256)
def _parse(text: str) -> ArchList:
    archs: list[Arch] = []
    strange: list[str] = []
    for word in filter(None, _SEPARATOR.split(text)):
        found = _archs(word)
        archs.extend(found)
        if not found:
            strange.append(word)
    return ArchList(" ".join(text.split())[:200], tuple(archs), tuple(strange))


def _archs(word: str) -> list[Arch]:
    match = _ENTRY.fullmatch(word)
    if match is not None:
        exact = match[3].lower() == "a"
        return [Arch((int(match[1]), int(match[2])), bool(match[4]) and not exact, exact)]
    name, plus, ptx = word.lower().partition("+")
    generation = _GENERATIONS.get(name, ())
    if plus and ptx != "ptx":
        return []
    newest = generation[-1] if generation else None
    return [Arch(capability, bool(plus) and capability == newest) for capability in generation]
