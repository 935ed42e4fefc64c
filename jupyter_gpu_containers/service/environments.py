"""Environments: kernelspecs of ours, which every Jupyter client lists and starts."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.errors import (
    ConflictError,
    EnvironmentExistsError,
    EnvironmentNotFoundError,
    InvalidRequestError,
    KernelNotInImageError,
    UnavailableError,
)
from jupyter_gpu_containers.model.environment import (
    KERNEL_NAME,
    Environment,
    environment_name,
    environment_title,
)
from jupyter_gpu_containers.model.framework import label_of
from jupyter_gpu_containers.model.gpu import Problem
from jupyter_gpu_containers.model.image import Image, ImageKernel
from jupyter_gpu_containers.ports import ContainerBackend

from .images import as_problem, no_kernel

log = logging.getLogger(__name__)

LOGO = files(__package__).joinpath("logo-svg.svg")  # the name that Jupyter looks for
SPEC = "kernel.json"


class Environments:
    """The kernelspecs of ours among all that Jupyter finds; new ones go into one directory.

    Parameters
    ----------
    directory : Path
        ``kernels`` in the user's Jupyter data directory.
    finder : callable
        Returns all kernelspecs as `KernelSpecManager.get_all_specs` does: by name, each a mapping
        with ``resource_dir`` and ``spec``.
    """

    def __init__(self, directory: Path, finder: Callable[[], Mapping[str, Any]]) -> None:
        self._directory = directory
        self._finder = finder

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
    ) -> Environment:
        """Write a kernelspec; of an environment that is there already in every point, none.

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

        Raises
        ------
        KernelNotInImageError
        EnvironmentExistsError
            The name is given and something else has it.
        InvalidRequestError
            The name is not one of a kernelspec.
        """
        found = _kernel(image, kernel)
        reference = reference or image.name
        wanted = Environment(
            name=name or environment_name(reference, found.name, gpus),
            display_name=display_name
            or environment_title(_label(_named(image, reference), found), gpus),
            reference=reference,
            image_id=image.id,
            kernel=found,
            gpus=gpus,
            memory=memory,
            shm_size=shm_size,
            repo_digest=image.repo_digests[0] if image.repo_digests else None,
        )
        if not KERNEL_NAME.fullmatch(wanted.name):
            raise InvalidRequestError(
                f"“{wanted.name[:100]}” cannot be the name of an environment.",
                "Use small letters a-z, digits, and the signs . _ -",
            )
        present = self.list()
        for environment in present:
            same_name = name is None or environment.name == name
            same_title = display_name is None or environment.display_name == display_name
            if same_name and same_title and _same(environment, wanted):
                return environment
        if name is None:
            wanted = replace(wanted, name=_free(wanted.name, self._finder(), "-{}"))
        if display_name is None:
            titles = {environment.display_name for environment in present}
            wanted = replace(wanted, display_name=_free(wanted.display_name, titles, " ({})"))
        self._write(wanted)
        return wanted

    def find_or_add(
        self,
        image: Image,
        *,
        kernel: str | None = None,
        gpus: int = 0,
        memory: int | None = None,
        shm_size: int | None = None,
        reference: str | None = None,
    ) -> Environment:
        """Return the environment of this image, kernel and limits; add it where there is none.

        Raises
        ------
        KernelNotInImageError
        """
        return self.add(
            image, kernel=kernel, gpus=gpus, memory=memory, shm_size=shm_size, reference=reference
        )

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
        folder = Path(found["resource_dir"])
        if folder.parent.resolve() != self._directory.resolve():
            raise ConflictError(
                f"“{name}” was installed for everybody, in {folder}.",
                "Ask the administrator to remove it.",
            )
        # Renamed first: nobody lists half a kernelspec, and a second removal finds nothing.
        with self._nest() as nest, contextlib.suppress(FileNotFoundError):
            os.rename(folder, nest / name)

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

    # --- inside -------------------------------------------------------------------------------

    def _write(self, environment: Environment) -> None:
        """Make the folder beside and rename it: a kernelspec is there wholly or not at all."""
        target = self._directory / environment.name
        if environment.name in self._finder() or target.exists():
            raise _taken(environment.name)
        with self._nest() as nest:
            folder = nest / environment.name
            folder.mkdir(mode=0o755)
            text = json.dumps(environment.to_kernelspec(), indent=2, ensure_ascii=False)
            (folder / SPEC).write_text(text + "\n", encoding="utf-8")
            (folder / LOGO.name).write_bytes(LOGO.read_bytes())
            try:
                os.rename(folder, target)
            except OSError as exc:
                if target.exists():  # another process was quicker
                    raise _taken(environment.name) from exc
                raise

    @contextlib.contextmanager
    def _nest(self) -> Iterator[Path]:
        """Make a folder beside the kernelspecs, for a rename, and clear it away.

        What is made or removed lies one level deeper: Jupyter takes any folder here that holds a
        kernel.json for a kernelspec.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            nest = Path(tempfile.mkdtemp(dir=self._directory, prefix=".new-"))
            try:
                yield nest
            finally:
                shutil.rmtree(nest, ignore_errors=True)
        except OSError as exc:
            raise InvalidRequestError(
                f"Environments cannot be written to {self._directory}: {exc.strerror}.",
                "See that this folder is yours and that its disk is not full.",
            ) from exc


def _not_found(name: str) -> EnvironmentNotFoundError:
    return EnvironmentNotFoundError(
        f"There is no environment “{name[:100]}”.",
        "List them with `jupyter gpu-containers environments list`.",
    )


def _taken(name: str) -> EnvironmentExistsError:
    return EnvironmentExistsError(
        f"“{name}” is the name of another environment or kernelspec.",
        f"Choose another name, or remove it: jupyter gpu-containers environments remove {name}",
    )


def _free(base: str, taken: Iterable[str], suffix: str) -> str:
    """Return the first of base, base with 2, base with 3, … that is not taken."""
    used = set(taken)
    candidate, number = base, 2
    while candidate in used:
        candidate, number = base + suffix.format(number), number + 1
    return candidate


def _same(one: Environment, other: Environment) -> bool:
    """Whether both start the same container."""
    return (
        one.image_id,
        one.kernel.argv,
        one.kernel.runtime,
        one.gpus,
        one.memory,
        one.shm_size,
    ) == (
        other.image_id,
        other.kernel.argv,
        other.kernel.runtime,
        other.gpus,
        other.memory,
        other.shm_size,
    )


def _kernel(image: Image, name: str | None) -> ImageKernel:
    kernels = image.probe.kernels if image.probe else ()
    if not kernels:
        raise no_kernel(image.name)
    for kernel in kernels:
        if name in (None, kernel.name):
            return kernel
    raise KernelNotInImageError(
        f"“{image.name}” has no kernel “{(name or '')[:100]}”.",
        f"It has: {', '.join(kernel.name for kernel in kernels)}.",
    )


def _named(image: Image, reference: str) -> Image:
    """The image with the name that was asked for first among its names."""
    if reference not in image.references:
        return image
    others = (other for other in image.references if other != reference)
    return replace(image, references=(reference, *others))


def _label(image: Image, kernel: ImageKernel) -> str:
    """The image's label, with the language where it is not Python."""
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
