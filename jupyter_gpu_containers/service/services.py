"""The object graph that every door (server extension, provisioner, command line) works with."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_gpu_containers.model.launch import Policy
from jupyter_gpu_containers.ports import ContainerBackend, GpuInventory, Registry

from .builds import Builds
from .claims import Claims
from .commits import Commits
from .environments import Environments
from .gpu_usage import GpuUsage, gpu_usage
from .images import Images
from .inspection import Inspection
from .jobs import Jobs
from .kernel_watch import KernelWatch
from .kernels import Kernels
from .launches import Launches
from .logins import Logins
from .owner import Owner
from .policy import Gate
from .reattach import Reattach
from .records import Records
from .server_id import Servers
from .verdicts import Verdicts


@dataclass(frozen=True)
class Services:
    """Built by `config.build_services`; one per process."""

    backend: ContainerBackend
    inventory: GpuInventory
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

    async def gpu_usage(self) -> GpuUsage:
        """Return all GPUs and who holds them, as this process may tell it."""
        return await gpu_usage(
            self.inventory,
            self.backend,
            str(Owner.current()),
            self.policy.gpu_slots,
            server=self.kernels.seats.server,
            sight=self.claims.sight,
        )

    def close(self) -> None:
        """Release threads and connections; containers stay as they are."""
        self.registry.close()
        if self.kernels.runtimes is not None:
            self.kernels.runtimes.close()
        self.backend.close()
        self.inventory.close()
