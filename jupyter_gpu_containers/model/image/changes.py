"""What a kernel's container has that its image has not: sizes, packages, files to be warned of.

Paths, names and versions come from a container, so from strangers: what does not look like a
package's name is none, and nothing here is ever run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from jupyter_gpu_containers.model.kernel.runtime import RUNTIME_FOLDER

from .container_diff import ChangedPath, ChangeKind, ContainerDiff
from .credential_files import why_credential
from .user_packages import USER_BASE

LARGEST = 12  # folders that are told; the rest is summed up
MOST_CREDENTIALS = 100  # files that are told

# what engines and the NVIDIA runtime put into every container as places to mount over
_PLACES = re.compile(
    r"/\.dockerenv|/(usr/)?sbin/docker-init|/dev/(console|shm|pts|mqueue)"
    r"|/etc/(hosts|hostname|resolv\.conf|mtab)|/run/nvidia-[^/]+(/socket)?|/run/secrets"
)
_DRIVER = re.compile(r"/(lib(cuda|nvidia|nv|vdpau|GLX_|EGL_|GLES)[^/]*\.so|nvidia-)[^/]*")
_DISTRIBUTION = re.compile(
    r"(?P<folder>/.*)/(?:site|dist)-packages/"
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._]*)-(?P<version>[0-9v][A-Za-z0-9.+!_]*?)"
    r"(?:-py3\.[0-9]+)?\.(?:dist|egg)-info"
)
_CONDA = re.compile(
    r"(?P<prefix>/.*)/conda-meta/(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]*)"
    r"-(?P<version>[A-Za-z0-9][A-Za-z0-9.+!_]*)-(?P<build>[A-Za-z0-9_.+]+)\.json"
)
_DPKG = re.compile(r"/var/lib/dpkg/info/(?P<name>[a-z0-9][a-z0-9.+-]*)(?::[a-z0-9]+)?\.list")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~:!_-]*")
_APT_FOLDER = "/usr/lib/python3"  # whose distributions are Debian's packages


@dataclass(frozen=True)
class PackageChange:
    """A package that came, went, or has another version."""

    manager: str  # "pip", "conda", "apt"
    name: str
    kind: ChangeKind
    before: str | None = None  # version; None = none, or not known
    after: str | None = None
    build: str = ""  # conda's


@dataclass(frozen=True)
class FolderChange:
    """What changed below a folder."""

    folder: str
    files: int  # added and changed
    size: int  # bytes


@dataclass(frozen=True)
class CredentialFile:
    """A file whose name says that it may hold a secret."""

    path: str
    reason: str


@dataclass(frozen=True)
class LeftOut:
    """Something that a kernel sees and that will not be in the image."""

    path: str
    reason: str
    size: int | None = None  # bytes of what is there; None = not looked
    packages: tuple[str, ...] = ()  # "name version" of what pip installed there


@dataclass(frozen=True)
class Changes:
    """The preview of a commit."""

    image: str  # name of the image that the container was made of
    image_id: str
    size: int | None  # bytes that the new image has beyond it
    added: int  # files
    changed: int
    removed: int
    folders: tuple[FolderChange, ...] = ()  # largest first
    packages: tuple[PackageChange, ...] = ()
    credentials: tuple[CredentialFile, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    dockerfile: str = ""
    files: Mapping[str, str] = field(default_factory=dict)  # that the Dockerfile copies

    @property
    def empty(self) -> bool:
        """Whether the new image would be as the old one."""
        return not (self.added or self.changed or self.removed)


def relevant(diff: ContainerDiff) -> tuple[ChangedPath, ...]:
    """Return the changes that somebody made, not those that every container has.

    Folders that were only made to mount something over them, and the empty files that stand for a
    driver's, say nothing about the work that was done.
    """
    mounted = {outside.target.rstrip("/") for outside in diff.outside}
    above = {str(parent) for target in mounted for parent in PurePosixPath(target).parents}
    ours = {RUNTIME_FOLDER, *map(str, PurePosixPath(RUNTIME_FOLDER).parents)}
    parents = {str(PurePosixPath(change.path).parent) for change in diff.paths}
    return tuple(
        change
        for change in diff.paths
        if change.path not in mounted
        and change.path not in above
        and change.path not in ours
        and not _is_user_base(change)
        and not _PLACES.fullmatch(change.path)
        and not (change.size == 0 and _DRIVER.search(change.path))
        # a parent is listed because of what is in it
        and not (change.kind is not ChangeKind.REMOVED and change.path in parents)
    )


def uses_user_base(paths: Iterable[ChangedPath]) -> bool:
    """Whether a user's packages lie in the container, so that Python must be told where."""
    inside = re.compile(re.escape(USER_BASE) + r"/lib/[^/]+/site-packages/(?!__pycache__$).+")
    return any(
        inside.fullmatch(change.path) for change in paths if change.kind is not ChangeKind.REMOVED
    )


def _is_user_base(change: ChangedPath) -> bool:
    """Whether it is one of the folders that are there before the kernel starts."""
    places = rf"{re.escape(USER_BASE)}(/bin|/lib(/[^/]+(/site-packages(/__pycache__)?)?)?)?"
    return re.fullmatch(places, change.path) is not None


def folder_changes(paths: Sequence[ChangedPath]) -> tuple[FolderChange, ...]:
    """Sum sizes up by folder, largest first; what is beyond `LARGEST` becomes "elsewhere"."""
    sums: dict[str, tuple[int, int]] = {}
    for change in paths:
        if change.folder or change.kind is ChangeKind.REMOVED:
            continue
        folder = _group(change.path)
        files, size = sums.get(folder, (0, 0))
        sums[folder] = files + 1, size + (change.size or 0)
    ordered = sorted(sums.items(), key=lambda item: (-item[1][1], -item[1][0], item[0]))
    found = [FolderChange(folder, files, size) for folder, (files, size) in ordered]
    if len(found) > LARGEST:
        rest = found[LARGEST - 1 :]
        files, size = sum(one.files for one in rest), sum(one.size for one in rest)
        found = [*found[: LARGEST - 1], FolderChange("elsewhere", files, size)]
    return tuple(found)


def _group(path: str) -> str:
    """The folder that people know: a Python's packages, a conda prefix, else two steps down."""
    if match := re.match(r"/.*?/(?:site|dist)-packages(?=/)", path):
        return match[0]
    parts = PurePosixPath(path).parts[:-1]
    depth = 4 if parts[1:2] in (("home",), ("opt",)) else 3
    return str(PurePosixPath(*parts[:depth])) if len(parts) > 1 else "/"


def package_changes(
    paths: Iterable[ChangedPath], apt: Mapping[str, str]
) -> tuple[PackageChange, ...]:
    """Return which packages came, went or changed, by manager and name.

    What apt or conda installed is theirs, though pip would list it, too.
    """
    pip: dict[str, _Versions] = {}
    conda: dict[str, _Versions] = {}
    packages: list[PackageChange] = []
    for change in paths:
        if (match := _DISTRIBUTION.fullmatch(change.path)) and match["folder"] != _APT_FOLDER:
            name = re.sub(r"[-_.]+", "-", match["name"]).lower()
            _note(pip, name, match["version"], change.kind)
        elif match := _CONDA.fullmatch(change.path):
            _note(conda, match["name"], match["version"], change.kind, match["build"])
        elif match := _DPKG.fullmatch(change.path):
            packages.append(_apt_change(match["name"], apt.get(match["name"]), change.kind))
    for name, versions in pip.items():
        if not (name in conda and versions.after == conda[name].after):
            packages += versions.change("pip", name)
    for name, versions in conda.items():
        packages += versions.change("conda", name)
    return tuple(sorted(packages, key=lambda p: (p.manager, p.name)))


@dataclass
class _Versions:
    before: str | None = None
    after: str | None = None
    build: str = ""

    def change(self, manager: str, name: str) -> list[PackageChange]:
        """Return the change, if it is one: the same version written anew is none."""
        if self.before == self.after:
            return []
        kind = (
            ChangeKind.ADDED
            if self.before is None
            else ChangeKind.REMOVED
            if self.after is None
            else ChangeKind.CHANGED
        )
        return [PackageChange(manager, name, kind, self.before, self.after, self.build)]


def _note(
    known: dict[str, _Versions], name: str, version: str, kind: ChangeKind, build: str = ""
) -> None:
    versions = known.setdefault(name, _Versions())
    if kind is ChangeKind.REMOVED:
        versions.before = version
    elif kind is ChangeKind.ADDED:
        versions.after, versions.build = version, build
    else:  # its metadata were touched in place: the version is in the path, so it is the same
        versions.before = versions.after = version


def _apt_change(name: str, version: str | None, kind: ChangeKind) -> PackageChange:
    if version is not None and not _VERSION.fullmatch(version):
        version = None
    if version is None and kind is ChangeKind.CHANGED:
        kind = ChangeKind.REMOVED  # dpkg keeps a list of the configuration files that stay
    return PackageChange("apt", name, kind, after=version)


def unexplained(paths: Iterable[ChangedPath], packages: Sequence[PackageChange]) -> int:
    """Return how many files no package, cache or temporary folder accounts for."""
    managers = {package.manager for package in packages}
    expected = [r"/(tmp|var/tmp|var/cache|var/log|run)/", r"/\.cache/", r"/__pycache__/"]
    if "pip" in managers:
        expected += [r"/(site|dist)-packages/", r"/bin/[^/]+$", rf"{re.escape(USER_BASE)}/"]
    if "apt" in managers:
        expected.append(r"/(usr|etc|lib\d*|bin|sbin|opt|var/lib)/")
    if "conda" in managers:
        metadata = (_CONDA.fullmatch(change.path) for change in paths)
        expected += [re.escape(prefix) + "/" for prefix in {m["prefix"] for m in metadata if m}]
    pattern = re.compile("|".join(f"(?:{one})" for one in expected))
    return sum(
        not change.folder
        and change.kind is not ChangeKind.REMOVED
        and pattern.search(change.path) is None
        for change in paths
    )


def credential_files(paths: Iterable[ChangedPath]) -> tuple[CredentialFile, ...]:
    """Return the files that would be in the image and may hold a secret, by their names."""
    found = []
    for change in paths:
        if change.folder or change.kind is ChangeKind.REMOVED:
            continue
        reason = why_credential(change.path)
        if reason is not None:
            found.append(CredentialFile(change.path, reason))
    return tuple(sorted(found, key=lambda file: file.path)[:MOST_CREDENTIALS])
