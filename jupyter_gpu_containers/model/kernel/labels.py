"""Container labels: how a container tells whose it is and which GPUs it claims."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping, Sequence

from .container import Container

PREFIX = "jupyter-gpu-containers."
VERSION = PREFIX + "version"  # every container of ours has it; the value is the label format
KERNEL = PREFIX + "kernel"  # Jupyter's kernel id
GPUS = PREFIX + "gpus"  # UUIDs, comma-separated; the container is the claim on them
SLOTS = PREFIX + "slots"  # for each of them: how many kernels may share it; absent = one each
USER = PREFIX + "user"  # login name, for display
OWNER = PREFIX + "owner"  # the process that drives the kernel (service.kernel.owner)
ENVIRONMENT = PREFIX + "environment"  # name of the kernelspec
DISPLAY_NAME = PREFIX + "display-name"
NOTEBOOK = PREFIX + "notebook"  # path of the notebook, where known
PURPOSE = PREFIX + "purpose"  # "kernel", "spare" or "probe"
SERVER = PREFIX + "server"  # the Jupyter server whose kernel it is, which it survives for a while
SIGNATURE = PREFIX + "signature"  # of all the others, see `signature`

FORMAT = "1"
SIGNED = (
    VERSION,
    PURPOSE,
    OWNER,
    USER,
    KERNEL,
    GPUS,
    ENVIRONMENT,
    DISPLAY_NAME,
    NOTEBOOK,
    SERVER,
    SLOTS,
)


def signature(labels: Mapping[str, str], key: bytes) -> str:
    """Return the HMAC-SHA256 (RFC 2104) of our labels, in hexadecimal digits."""
    text = json.dumps([labels.get(name, "") for name in SIGNED], ensure_ascii=True)
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def signed(labels: Mapping[str, str], key: bytes) -> dict[str, str]:
    """Return all labels of ours with their signature.

    Those without a value are there too: an engine takes what is absent from the image's labels, and
    an image shall not say that its container claims a GPU.
    """
    complete = {name: labels.get(name, "") for name in SIGNED}
    return {**labels, **complete, SIGNATURE: signature(complete, key)}


def is_signed(labels: Mapping[str, str], key: bytes) -> bool:
    """Tell whether who made these labels had the key, and nobody changed them."""
    given = labels.get(SIGNATURE, "")
    return hmac.compare_digest(given.encode(), signature(labels, key).encode())


def gpus_of(container: Container) -> frozenset[str]:
    """Return the UUIDs that a container claims, whatever state it is in."""
    return frozenset(filter(None, container.labels.get(GPUS, "").split(",")))


def slots_of(container: Container) -> dict[str, int]:
    """Return, by UUID, for how many kernels a device was when the container claimed it.

    What says nothing that can be read is not there: such a claim shares with nobody.
    """
    uuids = filter(None, container.labels.get(GPUS, "").split(","))
    numbers = container.labels.get(SLOTS, "").split(",")
    return {
        uuid: int(number)
        for uuid, number in zip(uuids, numbers, strict=False)
        if number.isascii() and number.isdecimal()
    }


def describe(container: Container) -> str:
    """Return who a container is, in words: its notebook or environment, and its user."""
    what = container.labels.get(NOTEBOOK) or container.labels.get(DISPLAY_NAME) or container.name
    return f"{what} ({container.labels.get(USER, 'unknown user')})"


def make_labels(
    *,
    purpose: str,
    owner: str,
    user: str,
    kernel_id: str = "",
    gpus: Iterable[str] = (),
    slots: Sequence[int] = (),
    environment: str = "",
    display_name: str = "",
    notebook: str = "",
    server: str = "",
) -> dict[str, str]:
    """Return the labels of a new container; empty values are left out.

    ``slots`` are those of ``gpus``, in their order.
    """
    labels: Mapping[str, str] = {
        VERSION: FORMAT,
        PURPOSE: purpose,
        OWNER: owner,
        USER: user,
        KERNEL: kernel_id,
        GPUS: ",".join(gpus),
        SLOTS: ",".join(map(str, slots)) if any(number > 1 for number in slots) else "",
        ENVIRONMENT: environment,
        DISPLAY_NAME: display_name,
        NOTEBOOK: notebook,
        SERVER: server,
    }
    return {key: value for key, value in labels.items() if value}
