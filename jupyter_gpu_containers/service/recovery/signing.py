"""Which containers are ours: their labels are signed with a key that only this user can read.

A container with our labels and another signature, or none, is somebody else's: its GPUs are busy,
and it is never adopted, stopped or removed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from dataclasses import replace
from pathlib import Path

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container, ContainerSpec

KEY_BYTES = 32


class Signer:
    """Signs what is created and recognises it.

    Parameters
    ----------
    key : bytes
        Never shown: not in labels, logs, variables or representations.
    """

    def __init__(self, key: bytes = b"") -> None:
        self._key = key

    def signed(self, spec: ContainerSpec) -> ContainerSpec:
        """Return what to create, with signed labels."""
        return replace(spec, labels=labels.signed(spec.labels, self._key))

    def is_ours(self, container: Container) -> bool:
        """Tell whether somebody with our key created this container."""
        return labels.is_signed(container.labels, self._key)


def load_key(path: Path, *, shared: bool = False) -> bytes:
    """Read the key; without a file, make one.

    Parameters
    ----------
    path : Path
    shared : bool
        The key of a laboratory: an administrator made it, its group may read it.

    Raises
    ------
    InvalidRequestError
        It cannot be read, others can read it, or it is too short.
    """
    try:
        if not shared:
            _make(path)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            key = file.read().strip()
    except OSError as exc:
        raise InvalidRequestError(
            f"The key that signs containers cannot be read: {exc.strerror} ({path}).",
            "See that the file and its folder are yours and that there is room on the disk.",
            code="signing_key_unusable",
        ) from exc
    if mode & (0o037 if shared else 0o077):
        raise InvalidRequestError(
            f"The key that signs containers is not private: {path} has mode {mode:o}.",
            f"If nobody else has read it, `chmod {'640' if shared else '600'} {path}`; otherwise "
            "remove it, and stop the kernels that run.",
            code="signing_key_unusable",
        )
    if len(key) < KEY_BYTES:
        raise InvalidRequestError(
            f"The key that signs containers is damaged: {path} has {len(key)} bytes.",
            "Stop the kernels that run and remove the file; a new one will be made."
            if not shared
            else f"Write at least {KEY_BYTES} random bytes into it, for example with "
            "`openssl rand -hex 32`.",
            code="signing_key_unusable",
        )
    return key


def _make(path: Path) -> None:
    """Write a new key unless there is one; of several processes at once, one wins."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with open(os.open(draft, flags, 0o600), "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # whole or not at all, and never over another's
    finally:
        draft.unlink(missing_ok=True)
