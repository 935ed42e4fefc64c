"""Images on the engine, in registries and in the catalogue, each with its verdict."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from jupyter_gpu_containers.errors import ImageInUseError, ImageNotFoundError, UnavailableError
from jupyter_gpu_containers.model.fitness.host import Host
from jupyter_gpu_containers.model.fitness.rating import Rating
from jupyter_gpu_containers.model.fitness.verdict import ImageClaims, Verdict
from jupyter_gpu_containers.model.image.catalogue import Entry, KnownImage, familiar, with_evidence
from jupyter_gpu_containers.model.image.details import CatalogueRow, ImageDetails
from jupyter_gpu_containers.model.image.framework import describe
from jupyter_gpu_containers.model.image.image import Image, ImageConfig, is_image_id
from jupyter_gpu_containers.model.image.registry import RemoteImage
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.ports import ContainerBackend, Registry
from jupyter_gpu_containers.service.kernel.environments import Environments
from jupyter_gpu_containers.service.sight import Sight

from .catalogue import Catalogue
from .images import Images
from .lookups import Lookups
from .speeds import Speeds
from .verdicts import Verdicts

log = logging.getLogger(__name__)

REMEMBERED = 500  # images that registries told of
RUNS = (Rating.COMPATIBLE, Rating.LIKELY, Rating.CPU)


class Inspection:
    """Answers "what is this, does it run here, what does it cost" for every image.

    Parameters
    ----------
    backend : ContainerBackend
    images : Images
    environments : Environments
    registry : Registry, optional
        None where there is no other place than the engine.
    verdicts : Verdicts
    catalogue : Catalogue
    lookups : Lookups, optional
        To be shared with others that look the same images up; by default its own.
    sight : Sight, optional
        What people are told of others' kernels; by default everything.
    speeds : Speeds, optional
        How fast images came; by default nobody knows.
    """

    def __init__(
        self,
        backend: ContainerBackend,
        images: Images,
        environments: Environments,
        registry: Registry | None,
        verdicts: Verdicts,
        catalogue: Catalogue,
        lookups: Lookups | None = None,
        sight: Sight | None = None,
        speeds: Speeds | None = None,
    ) -> None:
        self._backend = backend
        self._images = images
        self._environments = environments
        self._registry = registry
        self._verdicts = verdicts
        self._catalogue = catalogue
        self._lookups = lookups or Lookups(backend)
        self._sight = sight or Sight()
        self._speeds = speeds or Speeds()
        self._seen: dict[str, RemoteImage] = {}  # by familiar reference, as last asked
        self._learning: asyncio.Task[None] | None = None
        # given an image's id: gives up what needs the image and is nobody's
        self.before_removal: Callable[[str], Awaitable[None]] = _leave

    async def details(self, reference: str) -> ImageDetails:
        """Return all that can be told of one image: the engine's, else the registry's.

        Of an image on the engine the first time means a look inside (`Images.look`). Of another
        its registry is asked for manifest and configuration; ``download`` is the compressed size
        of the layers that this engine has not got (`RemoteImage.missing`).

        Raises
        ------
        InvalidImageReferenceError
        ImageNotFoundError
            An id, which no registry can be asked for; or there is no registry.
        RegistryError
            `TagUnknownError` and its siblings; also `WrongArchitectureError`.
        UnavailableError
        """
        try:
            image = await self._images.look(reference)
        except ImageNotFoundError:
            if is_image_id(reference) or self._registry is None:
                raise
            return await self._remote(reference, self._registry)
        verdict = await self._verdicts.judge(_local_claims(image, reference))
        return ImageDetails(reference, verdict, image=image, download=0)

    async def rate(self, images: Iterable[Image]) -> dict[str, Verdict]:
        """Return the verdicts on images that `Images.list` returned, by id.

        No request to the engine but for images that were never looked up; one that vanished
        meanwhile has no verdict.
        """
        return await self._rate(await self._complete(images))

    async def rate_known(self, images: Iterable[Image]) -> dict[str, Verdict]:
        """Return the verdicts that need no request to the engine at all, by id.

        Images that were never looked up are, in the background, so that the next call has theirs:
        the first list of 200 images must not wait for 200 answers.
        """
        known: list[Image] = []
        unknown: list[Image] = []
        for image in images:
            there = image.config is not None or self._lookups.knows(image.id)
            (known if there else unknown).append(image)
        if unknown and (self._learning is None or self._learning.done()):
            self._learning = asyncio.ensure_future(self._learn(unknown))
        return await self._rate(await self._complete(known))

    async def close(self) -> None:
        """Give up what goes on in the background."""
        if self._learning is not None:
            self._learning.cancel()
            await asyncio.wait({self._learning})

    async def catalogue(self) -> list[CatalogueRow]:
        """Return the catalogue as it is on this machine; no registry is asked.

        Of an image that is not here the verdict rests on what is known of it beforehand, or on
        what its registry told when somebody asked for its `details`.
        """
        here = {
            familiar(reference): image
            for image in await self._images.list()
            for reference in image.references
        }
        entries = self._catalogue.entries()
        wanted = {tag: here[tag] for entry in entries for tag in entry.tags if tag in here}
        complete = {image.id: image for image in await self._complete(wanted.values())}
        machine = _Machine(
            host=await self._verdicts.host(),
            images={tag: complete[i.id] for tag, i in wanted.items() if i.id in complete},
            layers=await self._lookups.layers() if self._seen else [],
        )
        return [await self._row(entry, machine) for entry in entries]

    async def remove(self, reference: str, *, force: bool = False) -> list[str]:
        """Take a name from an image on the engine; with its last name the image goes.

        Returns
        -------
        list of str
            Names that are gone, and ids of what was deleted.

        Raises
        ------
        ImageNotFoundError
        ImageInUseError
            It is the last name, and an environment or a container needs the image. With ``force``
            only a running container keeps it.
        """
        image = await self._backend.image(reference)
        others = set(image.references) - {familiar(reference)}
        if is_image_id(reference) or not others:
            await self.before_removal(image.id)
            users = await self._users(image)
            if users and not force:
                raise ImageInUseError(
                    f"“{image.name}” is used by {_listed(users)}.",
                    "Remove those first, or force it: an environment whose image is gone says so "
                    "when it is started.",
                )
        return await self._backend.remove_image(reference, force=force)

    # --- inside -------------------------------------------------------------------------------

    async def _remote(self, reference: str, registry: Registry) -> ImageDetails:
        info = await self._backend.known_info()
        remote = await registry.image(reference, info.architecture)
        self._seen.pop(familiar(reference), None)
        self._seen[familiar(reference)] = remote
        while len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        download = remote.missing(await self._lookups.layers())
        verdict = await self._verdicts.judge(_remote_claims(remote, reference, download))
        seconds = self._speeds.seconds(reference, download)
        return ImageDetails(
            reference, verdict, remote=remote, download=download, fetch_seconds=seconds
        )

    async def _rate(self, images: Iterable[Image]) -> dict[str, Verdict]:
        return {
            image.id: await self._verdicts.judge(_local_claims(image, image.name))
            for image in images
        }

    async def _learn(self, images: Iterable[Image]) -> None:
        try:
            await self._lookups.get(image.id for image in images)
        except UnavailableError as exc:  # the next list tries again
            log.debug("images were not looked up: %s", exc)

    async def _complete(self, images: Iterable[Image]) -> list[Image]:
        """Return images with their configuration, as `Images.list` has only of some."""
        images = list(images)
        found = await self._lookups.get(image.id for image in images if image.config is None)
        return [
            image
            if image.config is not None
            else replace(
                image,
                config=found[image.id].config,
                architecture=image.architecture or found[image.id].architecture,
            )
            for image in images
            if image.config is not None or image.id in found
        ]

    async def _row(self, entry: Entry, machine: _Machine) -> CatalogueRow:
        row = CatalogueRow(entry, None, on_engine=entry.reference in machine.images, download=None)
        for tag in entry.tags:
            claims, known = self._claims(tag, machine)
            if claims is None:
                continue
            verdict = await self._verdicts.judge(claims)
            if known is not None:
                verdict = with_evidence(verdict, known, machine.host)
            if tag == entry.reference:
                named = Image("", references=(tag,), config=claims.config)
                told = describe(machine.images.get(tag, named))
                row = replace(
                    row,
                    verdict=verdict,
                    download=claims.download,
                    fetch_seconds=self._speeds.seconds(tag, claims.download),
                    cuda=told.cuda,
                    python=(known and known.python) or told.python,
                )
            if verdict.rating in RUNS:
                return replace(row, runs_here=tag)
        return row

    def _claims(self, tag: str, machine: _Machine) -> tuple[ImageClaims | None, KnownImage | None]:
        """Return what is to be judged, and where that is only what is known beforehand, this."""
        if image := machine.images.get(tag):
            return _local_claims(image, tag), None
        if remote := self._seen.get(tag):
            return _remote_claims(remote, tag, remote.missing(machine.layers)), None
        known = self._catalogue.known(tag)
        return (known.claims(machine.host.architecture) if known else None), known

    async def _users(self, image: Image) -> list[str]:
        """Return, in words, what needs an image: environments, and containers of ours."""
        environments, containers = await asyncio.gather(
            asyncio.to_thread(self._environments.list), self._backend.containers(labels.VERSION)
        )
        return [
            f"the environment “{environment.display_name}”"
            for environment in environments
            if environment.image_id == image.id
        ] + [
            f"the kernel of {labels.describe(container)}"
            if self._sight.sees(container)
            else "another user’s kernel"
            for container in containers
            if container.image == image.id
        ]


async def _leave(image_id: str) -> None:
    """Nothing needs an image that is nobody's."""


@dataclass(frozen=True)
class _Machine:
    """What a catalogue is laid beside."""

    host: Host
    images: Mapping[str, Image]  # by familiar reference, those of the catalogue
    layers: list[tuple[str, ...]]  # of all images


def _local_claims(image: Image, reference: str) -> ImageClaims:
    return ImageClaims(
        image.name if is_image_id(reference) else reference,
        image.config or ImageConfig(labels=image.labels),
        image.architecture,
        download=0,
        kernels=_kernel_inside(image),
    )


def _kernel_inside(image: Image) -> bool | None:
    """Tell whether a kernel is in the image, or else carried in; None: not known, or neither."""
    if image.probe is None or not image.probe.kernels:
        return None
    return any(kernel.runtime is None for kernel in image.probe.kernels)


def _remote_claims(remote: RemoteImage, reference: str, download: int) -> ImageClaims:
    return ImageClaims(reference, remote.config, remote.architecture, download=download)


def _listed(users: list[str]) -> str:
    """Name the first five; the rest is a number."""
    shown, more = users[:5], len(users) - 5
    if more > 0:
        shown.append(f"{more} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]
