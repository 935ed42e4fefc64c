"""The object graph that every door (server extension, provisioner, command line) works with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from jupyter_gpu_containers.model.accounting.report import By, Report
from jupyter_gpu_containers.model.change import Resource
from jupyter_gpu_containers.model.kernel.launch import Policy
from jupyter_gpu_containers.ports import ContainerBackend, Registry
from jupyter_gpu_containers.service.accounting.reports import read_report
from jupyter_gpu_containers.service.changes import Changes
from jupyter_gpu_containers.service.doctor.checks import check_server
from jupyter_gpu_containers.service.doctor.doctor import Doctor
from jupyter_gpu_containers.service.doctor.facts import read_machine
from jupyter_gpu_containers.service.doctor.findings import Finding
from jupyter_gpu_containers.service.gpu.health import GpuHealth
from jupyter_gpu_containers.service.gpu.loads import GpuLoads
from jupyter_gpu_containers.service.gpu.usage import GpuUsage, gpu_usage
from jupyter_gpu_containers.service.image.builds import Builds
from jupyter_gpu_containers.service.image.commits import Commits
from jupyter_gpu_containers.service.image.images import Images
from jupyter_gpu_containers.service.image.inspection import Inspection
from jupyter_gpu_containers.service.image.jobs import Jobs
from jupyter_gpu_containers.service.image.logins import Logins
from jupyter_gpu_containers.service.image.verdicts import Verdicts
from jupyter_gpu_containers.service.kernel.claims import Claims
from jupyter_gpu_containers.service.kernel.environments import Environments
from jupyter_gpu_containers.service.kernel.kernels import Kernels
from jupyter_gpu_containers.service.kernel.owner import Owner
from jupyter_gpu_containers.service.kernel.shells import Shells
from jupyter_gpu_containers.service.kernel.watch import KernelWatch
from jupyter_gpu_containers.service.launch.idle import Idle
from jupyter_gpu_containers.service.launch.launches import Launches
from jupyter_gpu_containers.service.operations.operations import Operations
from jupyter_gpu_containers.service.pool.pool import Pool
from jupyter_gpu_containers.service.recovery.reattach import Reattach
from jupyter_gpu_containers.service.recovery.records import Records
from jupyter_gpu_containers.service.recovery.server_id import Servers

from .policy import Gate


@dataclass(frozen=True)
class Services:
    """Built by `config.build_services`; one per process."""

    backend: ContainerBackend
    inventory: GpuHealth
    policy: Policy
    gate: Gate
    claims: Claims
    images: Images
    environments: Environments
    kernels: Kernels
    launches: Launches
    registry: Registry
    logins: Logins
    verdicts: Verdicts
    inspection: Inspection
    jobs: Jobs
    commits: Commits
    builds: Builds
    servers: Servers
    records: Records
    reattach: Reattach
    kernel_watch: KernelWatch
    idle: Idle
    loads: GpuLoads
    changes: Changes
    shells: Shells
    pool: Pool
    operations: Operations
    doctor: Doctor = field(default_factory=Doctor)

    async def gpu_usage(self) -> GpuUsage:
        """Return all GPUs and who holds them, as this process may tell it."""
        return await gpu_usage(
            self.inventory,
            self.backend,
            str(Owner.current()),
            self.policy.gpu_slots,
            server=self.kernels.seats.server,
            sight=self.claims.sight,
            is_spare=self.claims.reconciler.is_spare,
            mean=self.operations.accounting.utilization,
            foreign=self.claims.foreign,
        )

    async def gpu_report(self, since: str, by: By) -> Report:
        """Return what GPUs were used for, as this process may tell it.

        Raises
        ------
        InvalidRequestError
            `since` is no time; see `read_report`.
        """
        accounting, show = self.operations.accounting, self.claims.sight.show
        user = self.kernels.seats.caller.name
        return await asyncio.to_thread(read_report, accounting, since, by, show, user)

    def watch_changes(self) -> None:
        """Tell from now on, in this loop, which resources have changed; see `Changes`."""
        note = self.changes.note
        self.environments.on_change(lambda: note(Resource.ENVIRONMENTS))
        self.logins.on_change(lambda: note(Resource.REGISTRIES))
        self.images.on_change(lambda: note(Resource.IMAGES))
        self.jobs.on_change(lambda job: note(Resource.IMAGES) if job.image_id else None)
        self.loads.on_state(lambda: note(Resource.GPUS))
        self.inventory.on_failure(lambda: note(Resource.GPUS))
        self.pool.on_change(lambda: note(Resource.STATUS))
        if self.pool.rules.gpus:
            self.pool.on_change(lambda: note(Resource.GPUS))
        self.doctor.begin(self._check, lambda: note(Resource.STATUS))
        self.inspection.before_removal = self.pool.leave_image
        self.changes.begin(self.backend)

    async def _check(self) -> list[Finding]:
        return check_server(await read_machine(self))

    def close(self) -> None:
        """Release threads and connections; containers stay as they are."""
        self.operations.accounting.close(over=False)
        self.registry.close()
        if self.kernels.runtimes is not None:
            self.kernels.runtimes.close()
        self.backend.close()
        self.inventory.close()
