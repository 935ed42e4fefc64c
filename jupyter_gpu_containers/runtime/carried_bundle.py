"""Kernel runtimes in one file, for machines that no package index reaches."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from jupyter_gpu_containers.errors import InvalidRequestError, NotFoundError
from jupyter_gpu_containers.model.kernel.runtime import RuntimeTag

from .carried import ABOUT, KernelRuntime, RuntimeStore

LARGEST = 4 << 30  # bytes unpacked; a runtime has about 0.1


def write_bundle(
    store: RuntimeStore, file: Path, tags: Sequence[RuntimeTag]
) -> list[KernelRuntime]:
    """Write runtimes into a file; without tags all that are prepared. Returns them.

    Raises
    ------
    NotFoundError
        One of them is not prepared, or none is.
    InvalidRequestError
        The file cannot be written.
    """
    chosen = []
    for tag in tags or sorted({runtime.tag for runtime in store.list() if not runtime.image_id}):
        runtime = store.find(tag)
        if runtime is None:
            raise _not_prepared(str(tag), tag)
        chosen.append(runtime)
    if not chosen:
        raise _not_prepared("There", RuntimeTag.parse("cpython-311-glibc-amd64"))
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with tarfile.open(new, "w:gz", compresslevel=6) as archive:
            for runtime in chosen:
                archive.add(runtime.folder, runtime.folder.name, filter=_anonymous)
        os.replace(new, file)
    except OSError as exc:
        new.unlink(missing_ok=True)
        raise InvalidRequestError(f"{file} cannot be written: {exc.strerror or exc}.") from exc
    return chosen


def load_bundle(store: RuntimeStore, file: Path) -> list[KernelRuntime]:
    """Unpack the runtimes of a file; those that are there already stay as they are.

    The file holds programs that kernels will run: take it from somebody you trust.

    Raises
    ------
    InvalidRequestError
        It cannot be read, or is not such a file.
    """
    try:
        with tarfile.open(file, "r:gz") as archive:
            members = archive.getmembers()
            return [_load(store, archive, members, tag) for tag in _tags(members)]
    except (OSError, EOFError, tarfile.TarError, ValueError, LookupError, TypeError) as exc:
        raise InvalidRequestError(
            f"{file} is not a bundle of kernel runtimes: {exc}.",
            "Make one with `jupyter gpu-containers runtime bundle FILE`.",
        ) from exc


def _not_prepared(what: str, tag: RuntimeTag) -> NotFoundError:
    message = "No kernel runtime is prepared." if what == "There" else f"{what} is not prepared."
    return NotFoundError(
        message,
        f"jupyter gpu-containers runtime prepare --python {tag.python} --libc {tag.libc} "
        f"--arch {tag.arch}",
        code="runtime_not_found",
    )


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _tags(members: Sequence[tarfile.TarInfo]) -> list[RuntimeTag]:
    """Check everything before anything is unpacked."""
    size = 0
    for member in members:
        path = PurePosixPath(member.name)
        size += member.size
        if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
            raise ValueError(f"it holds {member.name[:100]!r}")
    if size > LARGEST:
        raise ValueError(f"it would unpack to {size} bytes")
    try:
        return sorted({RuntimeTag.parse(member.name.partition("/")[0]) for member in members})
    except InvalidRequestError as exc:
        raise ValueError(exc.message) from exc


def _load(
    store: RuntimeStore,
    archive: tarfile.TarFile,
    members: Sequence[tarfile.TarInfo],
    tag: RuntimeTag,
) -> KernelRuntime:
    name = str(tag)
    with store.nest(tag) as nest:
        found = store.find(tag)
        if found is not None:
            return found
        for member in members:
            if member.name == name or member.name.startswith(f"{name}/"):
                member.mode = 0o755 if member.isdir() else 0o644
                archive.extract(member, nest, set_attrs=True, numeric_owner=False)
        about = json.loads((nest / name / ABOUT).read_text("utf-8"))
        compiled = about["compiled"] is True
        return store.add(nest / name, tag, str(about["ipykernel"]), compiled=compiled)
