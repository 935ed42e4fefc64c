"""Joins all of this to what happens: one object for the services."""

from __future__ import annotations

import logging
from pathlib import Path

from jupyter_gpu_containers.model.gpu.slots import GpuSlots
from jupyter_gpu_containers.model.size import parse_size
from jupyter_gpu_containers.service.accounting.accounting import Accounting, Waiting
from jupyter_gpu_containers.service.accounting.ledger import Ledger
from jupyter_gpu_containers.service.gpu.health import GpuHealth
from jupyter_gpu_containers.service.image.jobs import Jobs
from jupyter_gpu_containers.service.kernel.kernels import Kernels
from jupyter_gpu_containers.service.launch.launches import Launches
from jupyter_gpu_containers.service.pool.spares import Spare
from jupyter_gpu_containers.settings import GpuContainers

from .audit import Audit
from .held import HeldGpus
from .launch_log import LaunchLog, carry_launch_ids
from .metrics import Metrics
from .trail import Trail


class Operations:
    """Metrics, audit trail, accounting of GPUs and lines of the log of one process.

    Parameters
    ----------
    traits : GpuContainers
    data : Path
        Jupyter's data directory.

    Raises
    ------
    InvalidRequestError
        A setting cannot be used.
    """

    def __init__(
        self,
        kernels: Kernels,
        launches: Launches,
        jobs: Jobs,
        inventory: GpuHealth,
        traits: GpuContainers,
        data: Path,
        *,
        log: logging.Logger,
    ) -> None:
        carry_launch_ids(log)
        self.held = held = HeldGpus(
            inventory,
            interval=traits.gpu_look_interval,
            most=traits.idle_gpu_utilization,
            log=log,
        )
        self.audit = Audit(
            _trail(traits, data, log), kernels.seats.caller.name, launches.environment
        )
        self.accounting = accounting = Accounting(
            _ledger(traits, data, log),
            inventory,
            kernels.seats.caller.name,
            slots=GpuSlots.parse(traits.gpu_slots),
            look_every=traits.gpu_look_interval,
            note_every=traits.accounting_interval,
            log=log,
        )
        spares = kernels.spares
        self.metrics = Metrics(held, lambda: len(spares.free), lambda: spares.handed_over)
        inventory.on_look(held.looked)
        inventory.on_look(accounting.looked)
        launches.on_found(accounting.found)
        spares.on_waits = self._waits
        spares.on_waits_no_more = accounting.waits_no_more
        jobs.on_change(self.metrics.follow_job)
        for follow in (
            self.audit.follow,
            held.follow,
            accounting.follow,
            self.metrics.follow_launch,
            LaunchLog(log, lambda: launches.door is not None).follow,
        ):
            launches.on_change(follow)

    def _waits(self, spare: Spare) -> None:
        environment, gpus = spare.environment, tuple(gpu.uuid for gpu in spare.gpus)
        self.accounting.waits(
            Waiting(
                spare.container_id,
                gpus,
                spare.kernel_id,
                environment.name,
                environment.reference,
            )
        )

    def close(self) -> None:
        """Write down how this process left its kernels; show its metrics no more."""
        self.metrics.unregister()
        self.audit.close()
        self.accounting.close()


def _ledger(traits: GpuContainers, data: Path, log: logging.Logger) -> Ledger | None:
    if traits.accounting_dir is None:
        return None
    folder = Path(traits.accounting_dir or data / "gpu_containers" / "accounting")
    size = parse_size(traits.accounting_file_size)
    return Ledger(folder, size=size, months=traits.accounting_months, log=log)


def _trail(traits: GpuContainers, data: Path, log: logging.Logger) -> Trail | None:
    if traits.audit_file is None:
        return None
    path = Path(traits.audit_file or data / "gpu_containers" / "audit.jsonl")
    size = parse_size(traits.audit_file_size)
    return Trail(path, size=size, kept=traits.audit_files_kept, log=log)
