"""Environments: kernelspecs of ours, which every Jupyter client lists and starts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.errors import (
    EnvironmentExistsError,
    EnvironmentNotFoundError,
    InvalidImageReferenceError,
    InvalidRequestError,
    UnavailableError,
)
from jupyter_gpu_containers.model.gpu.device import Problem, asked_gpus
from jupyter_gpu_containers.model.image.framework import label_of
from jupyter_gpu_containers.model.image.image import Image, ImageKernel, ImageReference
from jupyter_gpu_containers.model.kernel.container import Network
from jupyter_gpu_containers.model.kernel.environment import (
    Environment,
    check_name,
    environment_name,
    environment_title,
    told_apart,
)
from jupyter_gpu_containers.ports import ContainerBackend
from jupyter_gpu_containers.service.image.images import as_problem, kernel_of
from jupyter_gpu_containers.service.policy import Gate

from .kernelspec_folder import KernelspecFolder, name_taken
from .logos import logo_of

log = logging.getLogger(__name__)


class Environments:
    """The kernelspecs of ours among all that Jupyter finds; new ones go into one directory.

    Parameters
    ----------
    directory : Path
        ``kernels`` in the user's Jupyter data directory.
    finder : callable
        Returns all kernelspecs as `KernelSpecManager.get_all_specs` does: by name, each a mapping
        with ``resource_dir`` and ``spec``.
    gate : Gate, optional
        What is allowed; by default everything.
    """

    def __init__(
        self,
        directory: Path,
        finder: Callable[[], Mapping[str, Any]],
        *,
        gate: Gate | None = None,
    ) -> None:
        self._gate = gate or Gate()
        self._folder = KernelspecFolder(directory)
        self._finder = finder

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call the listener when one was added or removed here."""
        self._folder.on_change(listener)

    def get(self, name: str) -> Environment:
        """Return one environment.

        Raises
        ------
        EnvironmentNotFoundError
        InvalidRequestError
            Its kernelspec is damaged.
        """
        found = self._finder().get(name)
        environment = Environment.from_kernelspec(name, found["spec"]) if found else None
        if environment is None:
            raise _not_found(name)
        return environment

    def add(
        self,
        image: Image,
        *,
        kernel: str | None = None,
        gpus: int = 0,
        memory: int | None = None,
        shm_size: int | None = None,
        name: str | None = None,
        display_name: str | None = None,
        reference: str | None = None,
        gpu_profile: str | None = None,
        gpu_uuids: Sequence[str] = (),
        network: str | None = None,
        idle_timeout: float | None = None,
        mounts: Sequence[str] | None = None,
    ) -> Environment:
        """Return the environment of this image, kernel and limits; write it where there is none.

        Of several it is the one of the same reference. One under another name of the image will
        do where nobody can tell them apart: where its name or title is the wanted one, too.

        Parameters
        ----------
        image : Image
            With its probe.
        kernel : str, optional
            Name of a kernel in the image; by default its first one.
        gpus : int
        memory, shm_size : int, optional
            Limits in bytes; by default the policy's.
        name, display_name : str, optional
            By default made from the image; then a free one is found.
        reference : str, optional
            How the user called the image; by default its first name.
        gpu_profile : str, optional
            The GPUs are MIG instances of this profile.
        gpu_uuids : sequence of str, optional
            The GPUs are these, and ``gpus`` need not be given.
        network : str, optional
            A value of `Network`; by default the policy's.
        idle_timeout : float, optional
            Seconds that its kernels may be idle, 0 for ever; by default the policy's.
        mounts : sequence of str, optional
            Names of data mounts; by default the policy's.

        Raises
        ------
        KernelNotInImageError
        EnvironmentExistsError
            The name is given and something else has it.
        InvalidRequestError
            The name is not one of a kernelspec, or the GPUs contradict each other.
        DataMountUnknownError
        PolicyError
        """
        request = asked_gpus(gpus, gpu_uuids, gpu_profile)
        found = kernel_of(image, kernel)
        asked = _name_meant(image, reference) if reference else None
        reference = reference or image.name
        wanted = Environment(
            name=name or environment_name(reference, found.name, request.count, gpu_profile),
            display_name=display_name
            or environment_title(_label(image, reference, found), request.count, gpu_profile),
            reference=reference,
            image_id=image.id,
            kernel=found,
            gpus=request.count,
            gpu_profile=gpu_profile,
            gpu_uuids=request.uuids,
            memory=memory,
            shm_size=shm_size,
            repo_digest=_repo_digest(image, reference),
            network=Network(network) if network else None,
            idle_timeout=idle_timeout,
            mounts=None if mounts is None else tuple(mounts),
        )
        self._gate.check_room(memory, shm_size)
        self._gate.check_environment(wanted, image)
        check_name(wanted.name)
        present = self.list()
        fitting = [
            environment
            for environment in present
            if environment.starts_like(wanted)
            and name in (None, environment.name)
            and display_name in (None, environment.display_name)
        ]
        for environment in fitting:
            if asked == _name_meant(image, environment.reference):
                return environment
        for environment in fitting:
            if not asked or name or environment.display_name == wanted.display_name:
                return environment
        if name is None:
            wanted = replace(wanted, name=_free(wanted.name, self._finder(), "-{}"))
        if display_name is None:
            titles = {environment.display_name for environment in present}
            title = told_apart(wanted, present)
            wanted = replace(wanted, display_name=_free(title, titles, " ({})"))
        try:
            if wanted.name in self._finder():
                raise name_taken(wanted.name)
            self._folder.write(wanted, logo_of(image, found))
        except EnvironmentExistsError:
            if name is not None or wanted.name not in self._finder():
                raise
            # another process was quicker; most likely it wrote the very same
            return self.add(
                image,
                kernel=kernel,
                gpus=gpus,
                memory=memory,
                shm_size=shm_size,
                display_name=display_name,
                reference=reference,
                gpu_profile=gpu_profile,
                gpu_uuids=gpu_uuids,
                network=network,
                idle_timeout=idle_timeout,
                mounts=mounts,
            )
        return wanted

    def remove(self, name: str) -> None:
        """Remove a kernelspec of ours; kernels that run in it go on.

        Raises
        ------
        EnvironmentNotFoundError
        ConflictError
            It is not the user's own, but was installed for all.
        """
        found = self._finder().get(name)
        try:
            ours = bool(found and Environment.from_kernelspec(name, found["spec"]))
        except InvalidRequestError:
            ours = True  # damaged: to remove it is the remedy
        if found is None or not ours:
            raise _not_found(name)
        self._folder.remove(Path(found["resource_dir"]))

    def list(self) -> list[Environment]:
        """Return all environments by display name; damaged ones are told in the log."""
        environments = []
        for name, found in self._finder().items():
            try:
                environment = Environment.from_kernelspec(name, found["spec"])
            except InvalidRequestError as exc:
                log.warning("%s", exc)
                continue
            if environment is not None:
                environments.append(environment)
        return sorted(environments, key=lambda e: (e.display_name.lower(), e.name))


def _not_found(name: str) -> EnvironmentNotFoundError:
    return EnvironmentNotFoundError(
        f"There is no environment “{name[:100]}”.",
        "List them with `jupyter gpu-containers environments list`.",
    )


def _free(base: str, taken: Iterable[str], suffix: str) -> str:
    """Return the first of base, base with 2, base with 3, … that is not taken."""
    used = set(taken)
    candidate, number = base, 2
    while candidate in used:
        candidate, number = base + suffix.format(number), number + 1
    return candidate


def _name_meant(image: Image, reference: str) -> str | None:
    """Return which name of the image a reference means; None where it is an id or a digest."""
    if reference in image.references:
        return reference
    try:
        name = ImageReference.parse(reference).familiar
    except InvalidImageReferenceError:
        return None
    return name if name in image.references else None


def _repo_digest(image: Image, reference: str) -> str | None:
    """The image's digest where the reference points to; else any other that it has."""
    if digest := image.digest_as(reference):
        name = replace(ImageReference.parse(reference), tag=None, digest=digest)
        return name.familiar
    return image.repo_digests[0] if image.repo_digests else None


def _label(image: Image, reference: str, kernel: ImageKernel) -> str:
    """The image's label by the name that was asked for, with a language other than Python."""
    name = _name_meant(image, reference)
    if name is not None:
        others = (other for other in image.references if other != name)
        image = replace(image, references=(name, *others))
    label = label_of(image)
    if kernel.language.lower() in ("python", "") and kernel.name == "python3":
        return label
    return f"{label} {kernel.display_name}"


async def environment_problems(
    environments: Iterable[Environment], backend: ContainerBackend
) -> dict[str, Problem]:
    """Tell, by name, which environments cannot be started now; one request to the engine."""
    try:
        present = {image.id for image in await backend.images()}
    except UnavailableError as exc:
        problem = as_problem(exc)
        return {environment.name: problem for environment in environments}
    return {
        environment.name: Problem(
            "image_not_found",
            f"The image {environment.reference} of this environment was removed.",
            f"docker pull {environment.repo_digest or environment.reference}",
        )
        for environment in environments
        if environment.image_id not in present
    }
