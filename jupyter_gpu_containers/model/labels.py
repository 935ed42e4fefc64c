"""Container labels: how a container tells whose it is and which GPUs it claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .container import Container

PREFIX = "jupyter-gpu-containers."
VERSION = PREFIX + "version"  # every container of ours has it; the value is the label format
KERNEL = PREFIX + "kernel"  # Jupyter's kernel id
GPUS = PREFIX + "gpus"  # UUIDs, comma-separated; the container is the claim on them
USER = PREFIX + "user"  # login name, for display
OWNER = PREFIX + "owner"  # the process that drives the kernel (service.owner)
ENVIRONMENT = PREFIX + "environment"  # name of the kernelspec
DISPLAY_NAME = PREFIX + "display-name"
NOTEBOOK = PREFIX + "notebook"  # path of the notebook, where known
PURPOSE = PREFIX + "purpose"  # "kernel" or "probe"

FORMAT = "1"


def gpus_of(container: Container) -> frozenset[str]:
    """Return the UUIDs that a container claims, whatever state it is in."""
    return frozenset(filter(None, container.labels.get(GPUS, "").split(",")))


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
    environment: str = "",
    display_name: str = "",
    notebook: str = "",
) -> dict[str, str]:
    """Return the labels of a new container; empty values are left out."""
    labels: Mapping[str, str] = {
        VERSION: FORMAT,
        PURPOSE: purpose,
        OWNER: owner,
        USER: user,
        KERNEL: kernel_id,
        GPUS: ",".join(gpus),
        ENVIRONMENT: environment,
        DISPLAY_NAME: display_name,
        NOTEBOOK: notebook,
    }
    return {key: value for key, value in labels.items() if value}
