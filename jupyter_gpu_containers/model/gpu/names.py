"""What people call a GPU: its index on this machine, or its UUID."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from jupyter_gpu_containers.errors import InvalidRequestError

from .device import Gpu, GpuSnapshot

DEVICE = "device="  # as Docker's --gpus has it
MIG_PROFILE = re.compile(  # as the REST contract has it
    r"([1-9][0-9]*c\.)?[1-9][0-9]*g\.[1-9][0-9]*gb(\+[a-z0-9.]+)*", re.ASCII
)
_MOST = 1024  # as the REST contract has it


@dataclass(frozen=True)
class GpusAsked:
    """What somebody wrote for GPUs: how many, or which."""

    count: int | None = None  # None where they are named
    names: tuple[str, ...] = ()  # indexes, UUIDs, or beginnings of these

    @classmethod
    def parse(cls, text: str) -> GpusAsked:
        """Read a number, or ``device=`` and names, as Docker's ``--gpus`` takes them.

        Docker wants quotation marks around a list, which a shell's quotation marks leave there;
        they change nothing.

        Raises
        ------
        InvalidRequestError

        >>> GpusAsked.parse("2"), GpusAsked.parse("device=0,2").names
        (GpusAsked(count=2, names=()), ('0', '2'))
        """
        plain = text.strip().strip("\"'")
        if plain.isascii() and plain.isdecimal() and len(plain) < 5 and int(plain) <= _MOST:
            return cls(int(plain))
        names = tuple(name.strip() for name in plain.removeprefix(DEVICE).split(","))
        if plain.startswith(DEVICE) and all(names):
            return cls(names=tuple(dict.fromkeys(names)))
        what = "names no GPU" if plain.startswith(DEVICE) else "is no number of GPUs"
        raise InvalidRequestError(
            f"“{text[:40]}” {what}.",
            "Write how many, such as 2, or which, by index or UUID: device=0,2",
        )

    def __str__(self) -> str:
        """Return what `parse` reads."""
        return DEVICE + ",".join(self.names) if self.names else str(self.count)


def gpus_named(snapshot: GpuSnapshot, names: Iterable[str]) -> tuple[Gpu, ...]:
    """Return the leaf devices that are called so, each once; see `gpu_named`."""
    return tuple({gpu.uuid: gpu for gpu in (gpu_named(snapshot, n) for n in names)}.values())


def gpu_named(snapshot: GpuSnapshot, name: str) -> Gpu:
    """Return the leaf device of an index, a UUID, or the beginning of one.

    Indexes change over reboots: what is kept is the UUID.

    Raises
    ------
    InvalidRequestError
        There is none, or there are several, such as the MIG instances of a GPU.
    """
    if name.isascii() and name.isdecimal():
        found = [gpu for gpu in snapshot.gpus if gpu.index == int(name)]
    else:
        found = [gpu for gpu in snapshot.gpus if gpu.uuid.startswith(name) and "-" in name]
    exact = [gpu for gpu in found if gpu.uuid == name] or found
    if len(exact) == 1:
        return exact[0]
    if not exact:
        why = snapshot.problem if not snapshot.gpus else None
        raise InvalidRequestError(
            f"This machine has no GPU {name[:100]}." + (f" {why.message}" if why else ""),
            (why.hint if why else "") or "List the GPUs with `jupyter gpu-containers gpus`.",
            code="no_such_gpu",
        )
    profiles = sorted({gpu.mig_profile or gpu.name for gpu in exact})
    raise InvalidRequestError(
        f"GPU {name[:100]} is {len(exact)} devices: {', '.join(profiles)}.",
        "Give the UUID of one (`jupyter gpu-containers gpus --json`), or a size of MIG instances "
        f"(--gpu-profile {profiles[0]}).",
        code="no_such_gpu",
    )
