"""Builds: what people ask for, and the plan of it that an engine gets; pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import yaml

from jupyter_gpu_containers.errors import InvalidRequestError

from .image import ImageReference

DOCKERFILE = "Dockerfile"
SECRET_LIMIT = 500 << 10  # bytes; BuildKit takes no more

_SECRET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
# a password or token in an address; `git@` of ssh and `${NAME}`, which pip fills in, are none
_LOGIN = re.compile(r"\bhttps?://(?!\$\{)[^/\s@]+@|://[^/\s:@]*:(?!\$\{)[^/\s@]+@", re.I)


@dataclass(frozen=True)
class BuildRequest:
    """What is to be made; exactly one of the first four says of what.

    Secrets are seen by a step that mounts them (``RUN --mount=type=secret,id=NAME``), and are in
    no layer and no history; arguments of a build would be.
    """

    tag: str
    dockerfile: str | None = None  # text
    folder: str | None = None  # below the workspace; sent as the context
    requirements: str | None = None  # text of a requirements.txt
    environment: str | None = None  # text of an environment.yml
    base: str | None = None  # what the latter two are added to
    file: str = DOCKERFILE  # the Dockerfile's path in the folder
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class BuildPlan:
    """What an engine builds: no field of it names anything on the host but the context's folder."""

    tag: str  # familiar form
    dockerfile: str = DOCKERFILE  # its path in the context
    files: Mapping[str, bytes] = field(default_factory=dict)  # of the context, by path
    folder: str | None = None  # on this machine, checked; the rest of the context
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    limit: int = 1 << 30  # bytes that the context may have


def check(request: BuildRequest) -> ImageReference:
    """Return the name that the image will get.

    Raises
    ------
    InvalidImageReferenceError, InvalidRequestError
    """
    tag = ImageReference.parse_name(request.tag)
    kinds = ("dockerfile", "folder", "requirements", "environment")
    given = [kind for kind in kinds if getattr(request, kind) is not None]
    if len(given) != 1:
        raise InvalidRequestError(
            "A build is made of exactly one of a Dockerfile, a folder, requirements and an "
            f"environment; {len(given)} were given."
        )
    needs_base = given[0] in ("requirements", "environment")
    if needs_base != (request.base is not None):
        raise InvalidRequestError(
            f"A build of {given[0]} needs a base image."
            if needs_base
            else "A base image is for requirements and environments; a Dockerfile names its own."
        )
    if request.base is not None:
        ImageReference.parse(request.base)
    path = PurePosixPath(request.file)
    if path.is_absolute() or ".." in path.parts or not path.name or "\0" in request.file:
        raise InvalidRequestError(
            f"The Dockerfile {request.file[:200]!r} is not in the folder.",
            "Name it by its path in the folder that is built.",
        )
    _check_secrets(request.secrets)
    return tag


def _check_secrets(secrets: Mapping[str, bytes]) -> None:
    for name, value in secrets.items():
        if not _SECRET_NAME.fullmatch(name):
            raise InvalidRequestError(
                f"{name[:80]!r} is no name for a secret.", "Take letters, digits, “.”, “_” and “-”."
            )
        if len(value) > SECRET_LIMIT:
            raise InvalidRequestError(
                f"The secret {name} has {len(value)} bytes; {SECRET_LIMIT} are the most."
            )


def make_plan(request: BuildRequest, folder: str | None, limit: int) -> BuildPlan:
    """Return the plan of a request.

    Parameters
    ----------
    request : BuildRequest
    folder : str, optional
        The request's folder on this machine, checked.
    limit : int
        Bytes that the context may have.

    Raises
    ------
    InvalidImageReferenceError, InvalidRequestError
    """
    tag = check(request).familiar
    if folder is not None:
        file = str(PurePosixPath(request.file))
        return BuildPlan(tag, file, {}, folder, request.secrets, limit)
    files = {DOCKERFILE: dockerfile_of(request).encode()}
    if request.requirements is not None:
        files["requirements.txt"] = _text(request.requirements, "requirements.txt")
        files["install.sh"] = _PIP.encode()
    if request.environment is not None:
        _check_environment(request.environment)
        files["environment.yml"] = _text(request.environment, "environment.yml")
        files["install.sh"] = _CONDA.encode()
    return BuildPlan(tag, DOCKERFILE, files, None, request.secrets, limit)


def dockerfile_of(request: BuildRequest) -> str:
    """Return the Dockerfile of a request without a folder."""
    if request.requirements is not None:
        return _INSTALL.format(base=request.base, file="requirements.txt")
    if request.environment is not None:
        return _INSTALL.format(base=request.base, file="environment.yml")
    return request.dockerfile or ""


def _text(text: str, name: str) -> bytes:
    """Return a file's bytes; a login in it would stay in the image."""
    for number, line in enumerate(text.splitlines(), 1):
        if _LOGIN.search(line):
            raise InvalidRequestError(
                f"{name} has a login in an address (line {number}), which would stay in the image.",
                "Build from a Dockerfile with a secret: "
                "RUN --mount=type=secret,id=pip,target=/etc/pip.conf pip install …",
                code="login_in_address",
            )
    return (text.rstrip("\n") + "\n").encode()


def _check_environment(text: str) -> None:
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        raise InvalidRequestError(f"environment.yml is not YAML{where}.") from exc
    if not isinstance(document, dict) or not isinstance(document.get("dependencies"), list):
        raise InvalidRequestError(
            "environment.yml has no list of dependencies.",
            "`conda env export --from-history` writes one.",
        )


_INSTALL = """\
FROM {base}
COPY {file} install.sh /tmp/build/
RUN sh /tmp/build/install.sh
"""

# pip's own choice of a user's folder would hide the packages from kernels, whose home is another;
# a distribution's Python must be told that this image is ours to change (PEP 668).
_PIP = """\
set -e
python=$(command -v python3 || command -v python) || {
    echo "The base image has no Python on its PATH: take another base." >&2
    exit 1
}
"$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip >/dev/null 2>&1 || {
    echo "The base image's $python has no pip: take another base, or add it in a Dockerfile." >&2
    exit 1
}
export PIP_NO_CACHE_DIR=1 PIP_BREAK_SYSTEM_PACKAGES=1 PIP_USER=0 PIP_ROOT_USER_ACTION=ignore
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_PROGRESS_BAR=off
"$python" -m pip install --requirement /tmp/build/requirements.txt
"""

_CONDA = """\
set -e
PATH="$PATH:/opt/conda/condabin:/opt/conda/bin:/opt/miniconda3/bin:/opt/miniforge3/bin"
if conda=$(command -v micromamba); then
    "$conda" install --yes --name base --file /tmp/build/environment.yml
elif conda=$(command -v mamba || command -v conda); then
    "$conda" env update --name base --file /tmp/build/environment.yml
else
    echo "The base image has neither micromamba nor mamba nor conda: take another base, or build" \\
         "from a requirements.txt." >&2
    exit 1
fi
"$conda" clean --all --yes
"""
