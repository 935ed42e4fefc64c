"""A build's context: which files of a folder are sent, how much that is, and their tar stream.

The docker command line sends a folder by itself; here both builders get the same stream, so that
.dockerignore, the limit and symbolic links (sent as such, never followed) are the same for both.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from docker.utils.build import PatternMatcher

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.image.build import BuildPlan
from jupyter_gpu_containers.model.size import format_bytes

CHUNK = 1 << 20
MAX_FILES = 200_000
IGNORE = ".dockerignore"


class BuildContext:
    """Looks through a plan's folder once; blocks.

    Raises
    ------
    InvalidRequestError
        It is too large, or has no Dockerfile, or something in it cannot be read.
    """

    def __init__(self, plan: BuildPlan) -> None:
        self._plan = plan
        self._members: list[tarfile.TarInfo] = []
        self._sizes: Counter[str] = Counter()  # by the first part of the path
        self.size = 0  # bytes of all files
        for name, data in plan.files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            self._add(member)
        if plan.folder is not None:
            self._look(plan.folder)

    @property
    def names(self) -> list[str]:
        """Paths in the context."""
        return [member.name for member in self._members]

    def __str__(self) -> str:
        files = sum(not member.isdir() for member in self._members)
        return f"{files} {'file' if files == 1 else 'files'}, {format_bytes(self.size)}"

    def stream(self) -> Iterator[bytes]:
        """Yield the tar archive."""
        for member in self._members:
            yield member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
            if member.isfile():
                yield from self._content(member)
                yield b"\0" * (-member.size % tarfile.BLOCKSIZE)
        yield b"\0" * (2 * tarfile.BLOCKSIZE)

    # --- looking ------------------------------------------------------------------------------

    def _look(self, folder: str) -> None:
        ignore = PatternMatcher(_patterns(folder, self._plan.dockerfile))
        exceptions = any(pattern.exclusion for pattern in ignore.patterns[:-1])
        always = {self._plan.dockerfile, IGNORE}  # the engine reads them itself
        try:
            self._walk(folder, "", ignore, exceptions, always)
        except OSError as exc:
            raise _unreadable(exc) from exc
        if self._plan.dockerfile not in self.names:
            raise InvalidRequestError(
                f"The folder has no {self._plan.dockerfile}.",
                "Write one, or name another file.",
                code="dockerfile_missing",
            )

    def _walk(
        self, folder: str, at: str, ignore: PatternMatcher, exceptions: bool, always: set[str]
    ) -> None:
        with os.scandir(os.path.join(folder, at)) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            name = f"{at}/{entry.name}" if at else entry.name
            # the stubs are wrong: it takes a text
            sent = name in always or not ignore.matches(name)  # type: ignore[arg-type]
            is_folder = entry.is_dir(follow_symlinks=False)
            if sent and (member := _member(entry, name)) is not None:
                self._add(member)
            wanted = any(one.startswith(f"{name}/") for one in always)
            if is_folder and (sent or exceptions or wanted):
                self._walk(folder, name, ignore, exceptions, always)

    def _add(self, member: tarfile.TarInfo) -> None:
        self._members.append(member)
        self._sizes[member.name.partition("/")[0]] += member.size
        self.size += member.size
        if self.size > self._plan.limit or len(self._members) > MAX_FILES:
            most, size = self._sizes.most_common(1)[0]
            raise InvalidRequestError(
                f"What is to be sent to the engine is more than {format_bytes(self._plan.limit)} "
                f"or {MAX_FILES} files; the most is in “{most}”, {format_bytes(size)} so far.",
                f"Name what the build does not need in a {IGNORE}, or raise "
                "c.GpuContainers.build_context_limit.",
                code="build_context_too_large",
            )

    # --- sending ------------------------------------------------------------------------------

    def _content(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        """Yield exactly as many bytes as the member's head says."""
        left = member.size
        with self._open(member.name) as file:
            while left and (chunk := file.read(min(CHUNK, left))):
                left -= len(chunk)
                yield chunk
        while left:  # it has become shorter meanwhile
            yield b"\0" * min(CHUNK, left)
            left -= min(CHUNK, left)

    def _open(self, name: str) -> io.BufferedIOBase:
        if name in self._plan.files:
            return io.BytesIO(self._plan.files[name])
        assert self._plan.folder is not None
        # neither a link nor a pipe that has come into the file's place
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            return os.fdopen(os.open(Path(self._plan.folder, name), flags), "rb")
        except OSError as exc:
            raise _unreadable(exc) from exc


def _member(entry: os.DirEntry[str], name: str) -> tarfile.TarInfo | None:
    """Return the head of a file, folder or symbolic link; None for sockets, pipes and devices."""
    about = entry.stat(follow_symlinks=False)
    member = tarfile.TarInfo(name)  # of user and group 0: whose it is on this machine stays here
    member.mode = stat.S_IMODE(about.st_mode)
    member.mtime = int(about.st_mtime)
    if stat.S_ISREG(about.st_mode):
        member.size = about.st_size
        if not os.access(entry.path, os.R_OK):
            raise PermissionError(13, "Permission denied", entry.path)
    elif stat.S_ISDIR(about.st_mode):
        member.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(about.st_mode):
        member.type, member.linkname = tarfile.SYMTYPE, os.readlink(entry.path)
    else:
        return None
    return member


def _patterns(folder: str, dockerfile: str) -> list[str]:
    """Read the Dockerfile's own ignore file, else the folder's."""
    for name in (f"{dockerfile}{IGNORE}", IGNORE):
        path = Path(folder, name)
        if path.is_file() and not path.is_symlink():
            lines = path.read_text("utf-8-sig", errors="replace").splitlines()
            stripped = (line.strip() for line in lines if not line.startswith("#"))
            return [line for line in stripped if line]
    return []


def _unreadable(exc: OSError) -> InvalidRequestError:
    return InvalidRequestError(
        f"{exc.filename} cannot be read: {exc.strerror}.",
        f"Name it in the {IGNORE} file if the build does not need it.",
    )
