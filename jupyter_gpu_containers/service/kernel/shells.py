"""What a user does inside a running kernel's container: a shell on a terminal, and its log."""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import AsyncGenerator

from jupyter_gpu_containers.errors import ContainerNotFoundError, KernelNotRunningError
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container, ContainerStatus
from jupyter_gpu_containers.model.kernel.launch import Launch
from jupyter_gpu_containers.model.kernel.shell import Program
from jupyter_gpu_containers.ports import ContainerBackend
from jupyter_gpu_containers.service.recovery.signing import Signer

# The command line, and not from a working directory in which somebody may have put a module.
COMMAND = (sys.executable, "-m", "jupyter_gpu_containers.cli")
SAFE_FOLDER = "/"
LONGEST_NAME = 40  # characters of a notebook's name in that of a terminal


class Shells:
    """Leads into containers of this user's kernels, and into no others.

    Parameters
    ----------
    backend : ContainerBackend
    signer : Signer
        Tells the user's containers from those that only say so.
    """

    def __init__(self, backend: ContainerBackend, signer: Signer) -> None:
        self._backend = backend
        self._signer = signer

    async def program(self, kernel_id: str) -> Program:
        """Return the process that is a shell in a running kernel's container.

        Raises
        ------
        ContainerNotFoundError, KernelNotRunningError
        """
        container = await self._container(kernel_id)
        if container.status is not ContainerStatus.RUNNING:
            raise KernelNotRunningError(
                f"The kernel {kernel_id} does not run: its container is {container.status.value}.",
                "Restart the kernel first.",
            )
        address = self._backend.address
        engine = ("--engine", address) if address else ()
        command = (*COMMAND, "exec", "-it", *engine, container.id)
        return self._backend.local_shell(container.id) or Program(command, {}, SAFE_FOLDER)

    async def log(self, launch: Launch, *, tail: int, follow: bool) -> AsyncGenerator[str, None]:
        """Return the last lines of a kernel's log, and where wanted what follows them.

        Raises
        ------
        ContainerNotFoundError, KernelNotRunningError
        """
        if launch.kernel_id is None or launch.phase.final:
            raise KernelNotRunningError(
                f"The kernel {launch.id} has no log: its launch is {launch.phase.value}.",
                "Start it again." if launch.phase.final else "Wait until it has a container.",
            )
        container = await self._container(launch.kernel_id)
        return self._backend.stream_logs(container.id, tail=tail, follow=follow)

    async def _container(self, kernel_id: str) -> Container:
        found = [
            container
            for container in await self._backend.containers(f"{labels.KERNEL}={kernel_id}")
            if self._signer.is_ours(container)
        ]
        if not found:
            raise ContainerNotFoundError(
                f"The kernel {kernel_id} has no container (any more).", "Start it again."
            )
        return found[0]


def terminal_name(launch: Launch) -> str:
    """Return a name for a kernel's terminal that no other had or has: letters, digits and "_"."""
    called = launch.path.rpartition("/")[2] or launch.display_name or "kernel"
    plain = re.sub(r"[^A-Za-z0-9]+", "_", called)[:LONGEST_NAME].strip("_") or "kernel"
    return f"{plain}_container_{secrets.token_hex(3)}"


def is_terminal_of_ours(name: str) -> bool:
    """Tell whether a terminal's name is one that `terminal_name` gives."""
    return re.fullmatch(r"[A-Za-z0-9_]+_container_[0-9a-f]{6}", name) is not None
