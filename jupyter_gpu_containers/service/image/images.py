"""Images on the engine: listed by one request, looked into once in an image's life."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from dataclasses import replace

from jupyter_gpu_containers.errors import (
    GpuContainersError,
    KernelExitedError,
    KernelNotInImageError,
    WrongArchitectureError,
)
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.image.image import (
    Image,
    ImageKernel,
    ImageProbe,
    ImageReference,
    is_image_id,
)
from jupyter_gpu_containers.model.image.registry import Credential
from jupyter_gpu_containers.ports import ContainerBackend, ImageFactsStore, Progress
from jupyter_gpu_containers.runtime import probe
from jupyter_gpu_containers.service.futures import from_thread
from jupyter_gpu_containers.service.policy import Gate
from jupyter_gpu_containers.service.recovery.signing import Signer


class Images:
    """What is on the engine, and which kernels each image has.

    Parameters
    ----------
    backend : ContainerBackend
    facts : ImageFactsStore
        Where findings are kept.
    owner : str
        Identity of this process, for the label of the container that looks inside.
    user : str
        Login name, for the same.
    signer : Signer, optional
        Signs its labels.
    gate : Gate, optional
        What is allowed; by default everything.
    """

    def __init__(
        self,
        backend: ContainerBackend,
        facts: ImageFactsStore,
        owner: str,
        user: str,
        *,
        signer: Signer | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._gate = gate or Gate()
        self._backend = backend
        self._facts = facts
        self._owner = owner
        self._user = user
        self._signer = signer or Signer()
        self._architecture: str | None = None  # of the engine; that does not change
        self._lock = threading.Lock()
        self._probing: dict[str, concurrent.futures.Future[None]] = {}  # by image id
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call the listener, from any thread, when somebody has looked inside an image."""
        self._listeners.append(listener)

    async def get(self, reference: str) -> Image:
        """Return an image that can be started here, with config, architecture and probe.

        Raises
        ------
        InvalidImageReferenceError, ImageNotFoundError, UnavailableError
        WrongArchitectureError
            It was made for another CPU architecture; nothing of it was run.
        PolicyError
            It is not allowed; nothing of it was run.
        KernelTimeoutError
            The look inside did not come to an end.
        """
        image = await self.look(reference)
        self._gate.check_image(image)
        wrong = self._wrong_architecture(image)
        if wrong is not None:
            raise wrong
        return image

    async def look(self, reference: str) -> Image:
        """Return an image as `get` does, without a probe where it cannot or may not be run here."""
        if not is_image_id(reference):
            ImageReference.parse(reference)
        image = await self._backend.image(reference)
        await self._know_architecture()
        if self._wrong_architecture(image) is not None:
            await asyncio.to_thread(self._facts.put, image)
            return image
        if self._gate.image_refusal(image) is not None:
            return image
        return image if image.probe else image.with_probe(await self._probe(image))

    async def pull(
        self,
        reference: str,
        *,
        credential: Credential | None = None,
        progress: Progress | None = None,
    ) -> Image:
        """Fetch an image, and return it as the engine has it; nobody looked inside yet.

        Raises `InvalidImageReferenceError`, and what `ContainerBackend.pull` raises.
        """
        ImageReference.parse(reference)
        await self._backend.pull(reference, credential=credential, progress=progress)
        return await self._backend.image(reference)

    async def list(self) -> list[Image]:
        """Return all images, newest first, with what is remembered of them."""
        images, _ = await asyncio.gather(self._backend.images(), self._know_architecture())
        known = await asyncio.to_thread(self._facts.get, [image.id for image in images])
        return sorted(
            (_merge(image, known.get(image.id)) for image in images),
            key=lambda image: (-image.created, image.name),
        )

    def problem(self, image: Image) -> Problem | None:
        """Tell why an image that `list` or `look` returned cannot be started here."""
        wrong = self._wrong_architecture(image) or self._gate.image_refusal(image)
        if wrong is not None:
            return as_problem(wrong)
        if image.probe is not None and not image.probe.kernels:
            return as_problem(_no_kernel(image.name))
        if image.probe is not None and all(kernel.runtime for kernel in image.probe.kernels):
            refusal = self._gate.carry_refusal(image)
            return as_problem(refusal) if refusal else None
        return None

    async def tag(self, source: str, reference: str) -> None:
        """Give an image one more name.

        Raises
        ------
        ImageNotFoundError, InvalidImageReferenceError, PolicyError, UnavailableError
        """
        await self._gate.check_tag(source, reference)
        await self._backend.tag(source, reference)

    # --- inside -------------------------------------------------------------------------------

    async def _know_architecture(self) -> None:
        if self._architecture is None:
            self._architecture = (await self._backend.info()).architecture

    def _wrong_architecture(self, image: Image) -> WrongArchitectureError | None:
        if not image.architecture or image.architecture == self._architecture:
            return None
        if self._architecture is None:
            return None
        return WrongArchitectureError(
            f"“{image.name}” is for {image.architecture} processors; "
            f"this engine's is {self._architecture}.",
            f"Take the image's {self._architecture} variant: "
            f"docker pull --platform linux/{self._architecture} {image.name}",
        )

    async def _probe(self, image: Image) -> ImageProbe:
        """Return what a look inside found; two callers at once look once."""
        while True:
            if (known := await self._known_probe(image.id)) is not None:
                return known
            with self._lock:
                other = self._probing.get(image.id)
                mine: concurrent.futures.Future[None] | None = None
                if other is None:
                    mine = self._probing[image.id] = concurrent.futures.Future()
            if mine is None:
                assert other is not None
                await from_thread(other)
                continue  # it is known now; or that look failed, and this is the next
            try:
                # another look may have begun and ended since we asked
                if (known := await self._known_probe(image.id)) is not None:
                    return known
                found = await self._look_inside(image.id)
                await asyncio.to_thread(self._facts.put, image.with_probe(found))
                for listener in self._listeners:
                    listener()
                return found
            finally:
                with self._lock:
                    del self._probing[image.id]
                mine.set_result(None)

    async def _known_probe(self, image_id: str) -> ImageProbe | None:
        known = (await asyncio.to_thread(self._facts.get, [image_id])).get(image_id)
        return known.probe if known is not None else None

    async def _look_inside(self, image_id: str) -> ImageProbe:
        spec = probe.make_probe_spec(image_id, owner=self._owner, user=self._user)
        try:
            _, output = await self._backend.run(self._signer.signed(spec), timeout=probe.TIMEOUT)
        except KernelExitedError:  # no /bin/sh: also an answer
            return ImageProbe()
        return probe.parse_probe(output)


def kernel_of(image: Image, name: str | None) -> ImageKernel:
    """Return a kernel of a probed image by its name, or the first one.

    Raises
    ------
    KernelNotInImageError
    """
    kernels = image.probe.kernels if image.probe else ()
    if not kernels:
        raise _no_kernel(image.name)
    for kernel in kernels:
        if name in (None, kernel.name):
            return kernel
    raise KernelNotInImageError(
        f"“{image.name}” has no kernel “{(name or '')[:100]}”.",
        f"It has: {', '.join(kernel.name for kernel in kernels)}.",
    )


def _no_kernel(name: str) -> KernelNotInImageError:
    return KernelNotInImageError(
        f"“{name}” has no Jupyter kernel inside, and no Python (3.6 or newer) that one could be "
        "carried into.",
        f"Add one in a Dockerfile: `FROM {name}`, then install Python and "
        "`RUN python3 -m pip install ipykernel`.",
    )


def as_problem(error: GpuContainersError) -> Problem:
    """Return an error as a value."""
    return Problem(error.error_code, error.message, error.hint, error.log)


def _merge(image: Image, known: Image | None) -> Image:
    if known is None:
        return image
    return replace(
        image,
        architecture=image.architecture or known.architecture,
        config=image.config or known.config,
        probe=image.probe or known.probe,
    )
