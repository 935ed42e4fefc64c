"""Containers of ours as rows: whose they are, what they hold, and which of them were meant."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.errors import (
    ConflictError,
    ContainerNotFoundError,
    InvalidRequestError,
    KernelNotRunningError,
)
from jupyter_gpu_containers.model.gpu.device import GpuSnapshot
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container, ContainerStatus
from jupyter_gpu_containers.model.kernel.launch import Caller
from jupyter_gpu_containers.model.kernel.spare import SPARE
from jupyter_gpu_containers.model.policy import Show
from jupyter_gpu_containers.service.recovery.reconcile import Reconciler
from jupyter_gpu_containers.service.services import Services
from jupyter_gpu_containers.service.sight import Sight
from jupyter_gpu_containers.web.serializers import time_text

SHORTEST = 4  # characters that must be given of an id


@dataclass(frozen=True)
class KernelRow:
    """A container of ours."""

    container_id: str
    container_name: str
    kernel_id: str
    purpose: str  # "kernel" or "probe"
    environment: str
    display_name: str
    notebook: str
    user: str  # login name
    status: str  # the engine's word
    created: str  # RFC 3339
    gpus: tuple[str, ...]  # UUIDs
    gpu_names: str  # for people: indexes, or UUIDs that are not known here
    left_behind: bool  # the process that drove it is certainly gone, and no server has taken it
    foreign: bool  # signed with another key than ours: another user's, or a counterfeit
    driver: str  # that process, as its label names it

    @property
    def called(self) -> str:
        """A name for people."""
        what = self.display_name or self.purpose
        return f"{what} ({self.notebook or self.container_id[:12]})"

    def as_dict(self) -> dict[str, Any]:
        """Return what --json prints."""
        model = asdict(self)
        del model["gpu_names"], model["driver"]
        return {**model, "gpus": list(self.gpus)}


async def kernel_rows(services: Services, sight: Sight | None = None) -> list[KernelRow]:
    """List containers of ours, of all users and in every state, newest first.

    Parameters
    ----------
    services : Services
    sight : Sight, optional
        What may be told of them; by default everything.
    """
    sight = sight or Sight()
    containers, snapshot = await asyncio.gather(
        services.backend.containers(labels.VERSION), services.inventory.snapshot()
    )
    names = _gpu_names(snapshot)
    newest_first = sorted(containers, key=lambda container: -container.created)
    rows = []
    for container in newest_first:
        row = _row(container, names, services.claims.reconciler)
        if sight.sees(container):
            rows.append(row)
        elif sight.show is Show.COUNTS:
            rows.append(_anonymous(row))
    return rows


def _anonymous(row: KernelRow) -> KernelRow:
    """Return what may be told of a kernel whose user nobody may know."""
    return replace(
        row,
        container_id="",
        container_name="",
        kernel_id="",
        environment="",
        display_name="",
        notebook="",
        user="",
        created="",
        driver="",
        left_behind=False,
    )


def select(
    rows: Sequence[KernelRow], targets: Sequence[str], *, everything: bool, caller: Caller
) -> list[KernelRow]:
    """Choose rows by what was typed.

    Parameters
    ----------
    rows : sequence of KernelRow
    targets : sequence of str
        Ids of kernels or containers, beginnings of these, or names of containers or notebooks;
        of a notebook's path, the end will do.
    everything : bool
        All of the caller's kernels, instead of targets; also what dead processes left.
    caller : Caller

    Raises
    ------
    ContainerNotFoundError
        Nothing of ours is called so; containers that are not ours are never touched.
    InvalidRequestError
        More than one is.
    ConflictError
        It is another user's.
    """
    if everything:
        return [
            row
            for row in rows
            if row.user == caller.name
            and not row.foreign
            and (row.purpose == "kernel" or row.left_behind)
        ]
    chosen: dict[str, KernelRow] = {}
    for target in targets:
        row = _one(rows, target)
        if row.user != caller.name and caller.uid != 0:
            raise ConflictError(
                f"{row.called} belongs to {row.user or 'somebody else'}.",
                "Ask them to stop it, or an administrator.",
            )
        if row.foreign and caller.uid != 0:
            raise ConflictError(
                f"{row.called} says that it is yours, but was not signed with your key.",
                "Look at it with `docker inspect`; `docker rm -f` removes it.",
            )
        chosen[row.container_id] = row
    return list(chosen.values())


async def running_kernel(services: Services, target: str) -> KernelRow:
    """Return the kernel that is meant, which runs.

    Raises
    ------
    ContainerNotFoundError, InvalidRequestError, ConflictError
        See `select`.
    KernelNotRunningError
    """
    caller = services.kernels.seats.caller
    rows = [row for row in await kernel_rows(services) if row.purpose == "kernel"]
    (row,) = select(rows, [target], everything=False, caller=caller)
    if row.status != ContainerStatus.RUNNING.value:
        raise KernelNotRunningError(
            f"{row.called} does not run: its container is {row.status}.",
            "Restart the kernel first.",
        )
    return row


def _one(rows: Sequence[KernelRow], target: str) -> KernelRow:
    found = [
        row
        for row in rows
        if target in (row.container_id, row.kernel_id, row.container_name, row.notebook)
    ]
    if not found and len(target) >= SHORTEST:
        found = [
            row
            for row in rows
            if row.container_id.startswith(target) or row.kernel_id.startswith(target)
        ]
    if not found:  # a server knows its paths from its root folder, a run of its own whole ones
        path = Path(target).as_posix()
        found = [row for row in rows if row.notebook in (path, os.path.abspath(path))]
        found = found or [row for row in rows if row.notebook.endswith(f"/{path}")]
    if not found:
        raise ContainerNotFoundError(
            f"No kernel and no container of a kernel is called “{target[:100]}”.",
            "List them with `jupyter gpu-containers ps`.",
        )
    if len(found) > 1:
        raise InvalidRequestError(
            f"“{target[:100]}” could be {len(found)} kernels.",
            "Give more of the id: " + ", ".join(row.container_id[:12] for row in found),
        )
    return found[0]


def _gpu_names(snapshot: GpuSnapshot) -> dict[str, str]:
    return {
        gpu.uuid: (f"{gpu.index}:{gpu.mig_profile}" if gpu.mig_profile else str(gpu.index))
        + (" (failed)" if gpu.problem is not None else "")
        for gpu in snapshot.gpus
    }


def _row(container: Container, names: Mapping[str, str], reconciler: Reconciler) -> KernelRow:
    text = container.labels
    purpose = text.get(labels.PURPOSE, "")
    if purpose == SPARE and not reconciler.is_spare(container):
        purpose = "kernel"  # it waited for one, and has become it
    gpus = tuple(sorted(labels.gpus_of(container)))
    return KernelRow(
        container_id=container.id,
        container_name=container.name,
        kernel_id=text.get(labels.KERNEL, ""),
        purpose=purpose,
        environment=text.get(labels.ENVIRONMENT, ""),
        display_name=text.get(labels.DISPLAY_NAME, ""),
        notebook=text.get(labels.NOTEBOOK, ""),
        user=text.get(labels.USER, ""),
        status=container.status.value,
        created=time_text(container.created),
        gpus=gpus,
        gpu_names=", ".join(names.get(uuid, uuid) for uuid in gpus),
        left_behind=reconciler.is_abandoned(container),
        foreign=not reconciler.signer.is_ours(container),
        driver=text.get(labels.OWNER, ""),
    )
