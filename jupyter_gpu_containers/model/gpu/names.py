"""What people call a GPU: its index on this machine, or its UUID."""

from __future__ import annotations

from jupyter_gpu_containers.errors import InvalidRequestError

from .device import Gpu, GpuSnapshot


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
        raise InvalidRequestError(
            f"This machine has no GPU {name[:100]}.",
            "List the GPUs with `jupyter gpu-containers gpus`.",
            code="no_such_gpu",
        )
    profiles = sorted({gpu.mig_profile or gpu.name for gpu in exact})
    raise InvalidRequestError(
        f"GPU {name[:100]} is several devices: {', '.join(profiles)}.",
        "Give the UUID of one (`jupyter gpu-containers gpus --json`), or a size of MIG instances "
        f"(--gpu-profile {profiles[0]}).",
        code="no_such_gpu",
    )
