"""The folder of a user's kernelspecs: environments are written and removed wholly or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from jupyter_gpu_containers.errors import (
    ConflictError,
    EnvironmentExistsError,
    InvalidRequestError,
)
from jupyter_gpu_containers.model.kernel.environment import Environment

from .logos import LOGO

SPEC = "kernel.json"


class KernelspecFolder:
    """One directory of kernelspecs, which Jupyter may read at any moment.

    Parameters
    ----------
    path : Path
        Made with the first kernelspec.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call the listener when something was written or removed here."""
        self._listeners.append(listener)

    def write(self, environment: Environment, logo: bytes) -> None:
        """Make the folder beside and rename it into its place.

        Parameters
        ----------
        environment : Environment
        logo : bytes
            Its picture, as SVG.

        Raises
        ------
        EnvironmentExistsError
            Something has this name.
        InvalidRequestError
            The directory cannot be written.
        """
        target = self._path / environment.name
        if target.exists():
            raise name_taken(environment.name)
        with self._nest() as nest:
            folder = nest / environment.name
            folder.mkdir(mode=0o755)
            text = json.dumps(environment.to_kernelspec(), indent=2, ensure_ascii=False)
            (folder / SPEC).write_text(text + "\n", encoding="utf-8")
            (folder / LOGO).write_bytes(logo)
            try:
                os.rename(folder, target)
            except OSError as exc:
                if target.exists():  # another process was quicker
                    raise name_taken(environment.name) from exc
                raise
        self._tell()

    def remove(self, folder: Path) -> None:
        """Remove a kernelspec; one that is gone meanwhile is fine.

        Raises
        ------
        ConflictError
            It lies in another directory.
        InvalidRequestError
            The directory cannot be written.
        """
        if folder.parent.resolve() != self._path.resolve():
            raise ConflictError(
                f"“{folder.name}” was installed for everybody, in {folder}.",
                "Ask the administrator to remove it.",
            )
        # Renamed first: nobody lists half a kernelspec, and a second removal finds nothing.
        with self._nest() as nest, contextlib.suppress(FileNotFoundError):
            os.rename(folder, nest / folder.name)
        self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    @contextlib.contextmanager
    def _nest(self) -> Iterator[Path]:
        """Make a folder beside the kernelspecs, for a rename, and clear it away.

        What is made or removed lies one level deeper: Jupyter takes any folder here that holds a
        kernel.json for a kernelspec.
        """
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            nest = Path(tempfile.mkdtemp(dir=self._path, prefix=".new-"))
            try:
                yield nest
            finally:
                shutil.rmtree(nest, ignore_errors=True)
        except OSError as exc:
            raise InvalidRequestError(
                f"Environments cannot be written to {self._path}: {exc.strerror}.",
                "See that this folder is yours and that its disk is not full.",
            ) from exc


def name_taken(name: str) -> EnvironmentExistsError:
    """Return the refusal of a name that another kernelspec has."""
    return EnvironmentExistsError(
        f"“{name}” is the name of another environment or kernelspec.",
        f"Choose another name, or remove it: jupyter gpu-containers environments remove {name}",
    )
