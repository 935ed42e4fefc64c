"""The gate: every road to an image or a kernel passes it before anything is fetched or created."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from jupyter_gpu_containers.errors import (
    ImageNotFoundError,
    PolicyError,
)
from jupyter_gpu_containers.model import policy as model
from jupyter_gpu_containers.model.gpu.device import GpuRequest
from jupyter_gpu_containers.model.image.image import Image, is_image_id
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container, Network
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import check_mounts, check_ram
from jupyter_gpu_containers.model.kernel.spare import SPARE
from jupyter_gpu_containers.model.policy import KernelRequest, Rules, Usage
from jupyter_gpu_containers.ports import ContainerBackend
from jupyter_gpu_containers.service.image.policy import ImageGate, raise_refusal
from jupyter_gpu_containers.service.recovery.signing import Signer


@dataclass(frozen=True)
class Admission:
    """A kernel that may be started."""

    gate: Gate
    kernel_id: str
    request: KernelRequest
    replaced: str | None

    async def confirm(self, container_id: str) -> None:
        """Look once more when the container is there: another server may have been as fast.

        Of two that come at once neither may stay where both would be too many.

        Raises
        ------
        PolicyError, UnavailableError
        """
        await self.gate._check_usage(self, without={container_id})


class Gate(ImageGate):
    """Knows the rules, and what users have.

    Parameters
    ----------
    rules : iterable of Rules
        All of them hold. Without any, everything is allowed and nobody is asked anything.
    backend : ContainerBackend, optional
        Tells which containers there are; must be there where rules are.
    user : str
        Login name that containers of this user carry.
    signer : Signer, optional
        Tells this user's containers from counterfeits.
    network : Network
        Of kernels whose environment names none.
    known : callable, optional
        Returns the references of the catalogue.
    mounts : collection of str, optional
        Names of the data mounts that there are; None = all names are let through.
    is_spare : callable, optional
        Tells of a container whether it only waits for a kernel to come.
    ram : int, optional
        Bytes of RAM that the machine has; nobody can ask for more.
    """

    def __init__(
        self,
        rules: Iterable[Rules] = (),
        backend: ContainerBackend | None = None,
        *,
        user: str = "",
        signer: Signer | None = None,
        network: Network = Network.BRIDGE,
        known: Callable[[], Iterable[str]] = tuple,
        mounts: Collection[str] | None = None,
        is_spare: Callable[[Container], bool] = lambda container: False,
        ram: int | None = None,
    ) -> None:
        super().__init__(rules, backend, known=known)
        self._user = user
        self._signer = signer or Signer()
        self._network = network
        self._mounts = mounts
        self._is_spare = is_spare
        self.ram = ram
        # replaced where kernels' containers are removed while nobody waits: they count till then
        self.settled: Callable[[], Awaitable[None]] = _at_once
        self._lock = threading.Lock()
        self._admitted: dict[str, KernelRequest] = {}  # by kernel, of starts in progress

    # --- kernels ------------------------------------------------------------------------------

    @property
    def max_memory(self) -> int | None:
        """The most bytes of memory that a kernel may have: by the rules, and in this machine."""
        most = [each for each in (model.most_memory(self.rules), self.ram) if each is not None]
        return min(most, default=None)

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks that an environment may choose."""
        return tuple(
            network for network in Network if all(network in one.networks for one in self.rules)
        )

    @property
    def max_gpus(self) -> int | None:
        """The most GPUs that a kernel may have."""
        return model.most_gpus(self.rules)

    def check_kernel(
        self, gpus: int, memory: int | None = None, network: Network | None = None
    ) -> None:
        """Raise `PolicyError` where nobody may start such a kernel, whatever else runs."""
        raise_refusal(model.kernel_refusal(self._request(gpus, memory, network), self.rules))

    def check_mounts(self, names: Iterable[str] | None) -> None:
        """Raise `DataMountUnknownError` where one of these is no data mount of this server."""
        if self._mounts is not None:
            check_mounts(names, self._mounts)

    def check_room(self, memory: int | None, shm_size: int | None) -> None:
        """Raise `InvalidRequestError` where a limit is above what this machine has."""
        check_ram(self.ram, memory, shm_size)

    def check_environment(self, environment: Environment, image: Image) -> None:
        """Raise `PolicyError` where kernels of an environment could not be started."""
        self.check_kernel(environment.gpu_request.count, environment.memory, environment.network)
        self.check_mounts(environment.mounts)
        self.check_image(image)
        if environment.kernel.runtime is not None:
            raise_refusal(self.carry_refusal(image))

    async def check_start(
        self,
        kernel_id: str,
        environment: Environment,
        request: GpuRequest,
        *,
        replaced: str | None = None,
    ) -> None:
        """Check a kernel that is about to be started, or to wait for GPUs.

        What the kernelspec says of the image is not believed: the engine is asked.

        Parameters
        ----------
        replaced : str, optional
            Id of the container that goes when this kernel runs.

        Raises
        ------
        PolicyError, UnavailableError
        """
        await self._check(self._admission(kernel_id, environment, request, replaced), environment)

    @asynccontextmanager
    async def admitted(
        self,
        kernel_id: str,
        environment: Environment,
        request: GpuRequest,
        *,
        replaced: str | None = None,
    ) -> AsyncIterator[Admission]:
        """Check as `check_start`, and count the kernel from now on, before it has a container."""
        admission = self._admission(kernel_id, environment, request, replaced)
        try:
            await self._check(admission, environment, count=True)
            yield admission
        finally:
            with self._lock:
                self._admitted.pop(kernel_id, None)

    # --- inside -------------------------------------------------------------------------------

    def _request(self, gpus: int, memory: int | None, network: Network | None) -> KernelRequest:
        default = model.default_network(self._network, self.rules)
        return KernelRequest(gpus, memory, network or default)

    def _admission(
        self, kernel_id: str, environment: Environment, request: GpuRequest, replaced: str | None
    ) -> Admission:
        asked = self._request(request.count, environment.memory, environment.network)
        return Admission(self, kernel_id, asked, replaced)

    async def _check(
        self, admission: Admission, environment: Environment, *, count: bool = False
    ) -> None:
        if not self.rules:
            return
        raise_refusal(model.kernel_refusal(admission.request, self.rules))
        if self.limits_images or environment.kernel.runtime is not None:
            await self._check_image_of(environment)
        await self._check_usage(admission, count=count)

    async def _check_image_of(self, environment: Environment) -> None:
        assert self._backend is not None
        if not is_image_id(environment.image_id):
            raise PolicyError(
                f"The environment “{environment.display_name}” names its image in another way than "
                "by its id, and only certain images are allowed (c.GpuContainers.allowed_images).",
                "Remove the environment and add it again.",
                code="policy_image",
            )
        try:
            image = await self._backend.image(environment.image_id)
        except ImageNotFoundError:  # said by the start, which knows better words
            return
        self.check_environment(environment, image)

    async def _check_usage(
        self, admission: Admission, *, without: Collection[str] = (), count: bool = False
    ) -> None:
        """Check what a user has; with ``count`` the kernel belongs to it from then on."""
        if not any(rules.limits_users for rules in self.rules):
            return
        assert self._backend is not None
        await self.settled()
        standing = [
            container
            for container in await self._backend.containers(labels.VERSION)
            if self._is_users(container, admission.kernel_id)
            and container.id != admission.replaced
            and container.id not in without
        ]
        present = {container.labels.get(labels.KERNEL) for container in standing}
        with self._lock:
            coming = [
                request
                for kernel_id, request in self._admitted.items()
                if kernel_id != admission.kernel_id and kernel_id not in present
            ]
            usage = Usage(
                self._user,
                kernels=len(standing) + len(coming),
                gpus=sum(len(labels.gpus_of(container)) for container in standing)
                + sum(request.gpus for request in coming),
            )
            raise_refusal(model.usage_refusal(admission.request, usage, self.rules))
            if count:
                self._admitted[admission.kernel_id] = admission.request

    def _is_users(self, container: Container, kernel_id: str) -> bool:
        """Tell whether a container is a kernel of the user, and not what one is about to take."""
        text = container.labels
        purpose = text.get(labels.PURPOSE)
        is_kernel = purpose == "kernel" or (
            purpose == SPARE
            and text.get(labels.KERNEL) != kernel_id
            and not self._is_spare(container)
        )
        return is_kernel and text.get(labels.USER) == self._user and self._signer.is_ours(container)


async def _at_once() -> None:
    """Nothing is in progress."""
