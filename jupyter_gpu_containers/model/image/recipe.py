"""A Dockerfile and lock files that make again what was installed by hand; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .changes import PackageChange
from .container_diff import ChangeKind
from .image import Image

PIP_LOCK = "requirements.lock"
CONDA_LOCK = "conda.lock"
APT_LOCK = "apt.lock"
_PLAIN = re.compile(r"[A-Za-z0-9_./:@-]+")
_PYTHON = re.compile(r"/[A-Za-z0-9_./-]*python[0-9.]*")


@dataclass(frozen=True)
class Recipe:
    """A Dockerfile, and the files beside it."""

    dockerfile: str
    files: Mapping[str, str] = field(default_factory=dict)


def make_recipe(
    image: Image,
    packages: Sequence[PackageChange],
    *,
    user: str = "",
    command: Sequence[str] = (),
    others: int = 0,
) -> Recipe:
    """Write a Dockerfile that installs the same versions on the same base.

    Parameters
    ----------
    image : Image
        The base; by its digest where a registry has it.
    packages : sequence of PackageChange
        Their names and versions have been checked: nothing in them is a shell's.
    user : str
        The base's own USER, which is taken up again at the end.
    command : sequence of str
        The kernel's, whose Python is the one that pip works for.
    others : int
        Files that no package explains, and that the Dockerfile does not make.
    """
    files: dict[str, str] = {}
    lines = _begin(image)
    steps: list[str] = []
    present = [p for p in packages if p.kind is not ChangeKind.REMOVED]
    apt = [p for p in present if p.manager == "apt"]
    conda = [p for p in present if p.manager == "conda"]
    pip = [p for p in present if p.manager == "pip"]
    if apt:
        files[APT_LOCK] = _lock(f"{p.name}={p.after}" if p.after else p.name for p in apt)
        steps += [
            f"COPY {APT_LOCK} /tmp/{APT_LOCK}",
            "RUN apt-get update \\",
            f" && xargs -a /tmp/{APT_LOCK} apt-get install -y --no-install-recommends \\",
            f" && rm -rf /var/lib/apt/lists/* /tmp/{APT_LOCK}",
        ]
    if conda:
        files[CONDA_LOCK] = _lock(f"{p.name}={p.after}={p.build}" for p in conda)
        steps += [
            f"COPY {CONDA_LOCK} /tmp/{CONDA_LOCK}",
            f"RUN conda install -y --no-deps --file /tmp/{CONDA_LOCK} && conda clean -afy",
        ]
    if pip:
        files[PIP_LOCK] = _lock(f"{p.name}=={p.after}" for p in pip)
        steps += [
            f"COPY {PIP_LOCK} /tmp/{PIP_LOCK}",
            (
                f"RUN PIP_BREAK_SYSTEM_PACKAGES=1 {_python(command)} -m pip install --no-cache-dir "
                f"--no-deps -r /tmp/{PIP_LOCK}"
            ),
        ]
    if steps:
        other = user not in ("", "0", "root", "0:0") and _PLAIN.fullmatch(user)
        lines += ["USER root", *steps, f"USER {user}"] if other else steps
    removed = [f"{p.name} ({p.manager})" for p in packages if p.kind is ChangeKind.REMOVED]
    if removed:
        lines.append(f"# Not made again: the removal of {', '.join(removed)}.")
    if pip:
        lines.append("# A package from a local file or a Git repository is not on a package index.")
    if others:
        lines.append(f"# Not made again: {others} files that no package explains; COPY them.")
    return Recipe("\n".join(lines) + "\n", files)


def _begin(image: Image) -> list[str]:
    if image.repo_digests:
        name = f"# {image.references[0]}\n" if image.references else ""
        return [f"{name}FROM {image.repo_digests[0]}"]
    if image.references:
        return [
            f"# No registry has told a digest of this image: its id is {image.id}.",
            f"FROM {image.references[0]}",
        ]
    return [
        "# This image has no name; give it one, so that the build finds it.",
        f"FROM {image.id}",
    ]


def _lock(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _python(command: Sequence[str]) -> str:
    return next((word for word in command if _PYTHON.fullmatch(word)), "python3")
