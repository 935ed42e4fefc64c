"""The kernel that an image lacks: prepared before its container is made, compiled where it must be.

Which files a container gets is decided here; what they are and where they lie, in
`runtime.carried`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import uuid
from pathlib import Path

from jupyter_gpu_containers.errors import GpuContainersError, InvalidRequestError
from jupyter_gpu_containers.model.image.image import ImageProbe
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, Mount, Network
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import Caller
from jupyter_gpu_containers.model.kernel.runtime import RUNTIME_FOLDER, RuntimeTag, quick_argv
from jupyter_gpu_containers.ports import ContainerBackend
from jupyter_gpu_containers.runtime.carried import KernelRuntime, RuntimeStore
from jupyter_gpu_containers.runtime.carried_fetch import LIBRARY, compile_command, is_present
from jupyter_gpu_containers.service.futures import from_thread
from jupyter_gpu_containers.service.recovery.signing import Signer

COMPILE_TIMEOUT = 300.0  # seconds


class KernelRuntimes:
    """Gives each container the kernel runtime that its image needs.

    Parameters
    ----------
    backend : ContainerBackend
    store : RuntimeStore
    caller : Caller
        Who a container runs as that compiles.
    owner : str
        Identity of this process, for the label of such a container.
    signer : Signer, optional
        Signs its labels.
    """

    def __init__(
        self,
        backend: ContainerBackend,
        store: RuntimeStore,
        caller: Caller,
        owner: str,
        *,
        signer: Signer | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        self._backend = backend
        self.store = store
        self._caller = caller
        self._owner = owner
        self._signer = signer or Signer()
        self._log = log or logging.getLogger(__name__)

    async def folder(self, environment: Environment, probe: ImageProbe | None) -> str | None:
        """Return the folder that an environment's container needs, prepared; None: needs none.

        Parameters
        ----------
        environment : Environment
        probe : ImageProbe, optional
            What its image has; None = not known.

        Raises
        ------
        RuntimeUnavailableError
            It is not prepared, and the package index does not give it.
        """
        if self._backend.demo:  # its kernels are no container's
            return None
        if environment.kernel.runtime is None:
            return await asyncio.to_thread(self._quick_start, environment, probe)
        tag = RuntimeTag.parse(environment.kernel.runtime)
        runtime = await self.prepare(
            tag, python=environment.kernel.argv[0], image_id=environment.image_id
        )
        return _real(runtime.folder)

    def can_wait(self, environment: Environment, folder: str | None) -> bool:
        """Tell whether what starts the kernel in a container can wait for the kernel.

        Parameters
        ----------
        environment : Environment
        folder : str, optional
            What `folder` returned.
        """
        if folder is None:
            return False
        # a runtime may have been prepared by an older version of this program
        return environment.kernel.runtime is None or is_present(Path(folder))

    def _quick_start(self, environment: Environment, probe: ImageProbe | None) -> str | None:
        if quick_argv(environment.kernel.argv) is None:
            return None
        minor = probe.minor_of(environment.kernel.argv[0]) if probe is not None else None
        try:
            return _real(self.store.quick_start(minor or sys.version_info[1]))
        except (OSError, InvalidRequestError) as exc:
            # slower by a third, but a kernel all the same
            self._log.warning("kernels are started as their images say: %s", exc)
            return None

    async def prepare(
        self, tag: RuntimeTag, *, python: str | None = None, image_id: str | None = None
    ) -> KernelRuntime:
        """Return a runtime; fetch it first where it is not there. Raises `RuntimeUnavailableError`.

        Parameters
        ----------
        tag : RuntimeTag
        python, image_id : str, optional
            A Python and its image, to compile with where this machine has none of that version.
        """
        found = await asyncio.to_thread(self.store.find, tag, image_id)
        if found is None:
            self._log.info("fetching the kernel runtime %s", tag)
            found = await from_thread(self.store.prepare(tag))
        if found.compiled or found.image_id or python is None or image_id is None:
            return found
        try:
            return await asyncio.to_thread(self._compile, found, python, image_id)
        except GpuContainersError as exc:
            # slower by seconds, but a kernel all the same
            self._log.warning("%s is not compiled for %s: %s", tag, image_id[7:19], exc)
            return found

    def close(self) -> None:
        """End what is being prepared."""
        self.store.close()

    def _compile(self, runtime: KernelRuntime, python: str, image_id: str) -> KernelRuntime:
        """Compile a copy inside the image; in a thread, and so in an event loop of its own."""

        def work(folder: Path) -> None:
            spec = make_compile_spec(
                image_id, python, runtime.tag, _real(folder), self._caller, self._owner
            )
            asyncio.run(self._run(spec))

        return self.store.compile(runtime, image_id, work)

    async def _run(self, spec: ContainerSpec) -> None:
        await self._backend.run(self._signer.signed(spec), timeout=COMPILE_TIMEOUT)


def _real(folder: Path) -> str:
    """Return a mount's source: `Mount` wants it without symbolic links."""
    return os.path.realpath(folder)


def make_compile_spec(
    image_id: str, python: str, tag: RuntimeTag, folder: str, caller: Caller, owner: str
) -> ContainerSpec:
    """Return the container that compiles a runtime: no network, no GPU, nothing else to write."""
    return ContainerSpec(
        image=image_id,
        command=compile_command(python, f"{RUNTIME_FOLDER}/{LIBRARY}", tag.minor),
        name=f"jupyter-gpu-containers-compile-{uuid.uuid4().hex[:12]}",
        user=f"{caller.uid}:{caller.gid}",
        working_dir="/",
        labels=labels.make_labels(purpose="probe", owner=owner, user=caller.name),
        env={"HOME": "/tmp"},
        mounts=(Mount(folder, RUNTIME_FOLDER),),
        memory=512 << 20,
        pids_limit=64,
        network=Network.NONE,
        hostname="compile",
    )
