"""Which images a Dockerfile takes: what it begins with, copies from, mounts, and is read by.

https://docs.docker.com/reference/dockerfile/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

_FROM = re.compile(r"FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.I)
_ARG = re.compile(r"ARG\s+(.*)", re.I)
_COPY = re.compile(r"(?:COPY|ADD)\s", re.I)
_RUN = re.compile(r"RUN\s", re.I)
_COPY_FROM = re.compile(r"\s--from=(\S+)", re.I)
_MOUNT = re.compile(r"--mount=(\S+)", re.I)
_ON_BUILD = re.compile(r"(?:ONBUILD\s+)+", re.I)
_SYNTAX = re.compile(r"(?:#|//)\s*syntax\s*=\s*(\S+)", re.I)
_HEREDOC = re.compile(r"<<-?\s*[\"']?(\w+)", re.ASCII)
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))", re.ASCII)


def bases_of(dockerfile: str) -> list[str]:
    """Return the images that a Dockerfile names, each once; stages and ``scratch`` are none.

    A name that cannot be told before the build, since it holds a variable, is returned as it is
    written; it is no reference then. Which line continues another, and where a here-document ends,
    depends on who reads the file. What any of them would take is returned, so there may be more
    names than the build uses, but never fewer.
    """
    text = dockerfile.removeprefix("\ufeff")
    found: dict[str, None] = {}
    for line in text.splitlines():
        if match := _SYNTAX.match(line.strip()):
            found[match[1]] = None
    for escape, with_heredocs in product("\\`", (False, True)):
        found.update(dict.fromkeys(_bases(_instructions(text, escape, with_heredocs))))
    return list(found)


def _bases(instructions: Iterator[str]) -> Iterator[str]:
    stages: list[str] = []
    variables: dict[str, str] = {}  # of the file's head; those of stages name no base
    for written in instructions:
        text = _ON_BUILD.sub("", written, count=1)
        names: list[str] = []
        new_stage: str | None = None
        if match := _FROM.match(text):
            names.append(_filled(match[1].strip("\"'"), variables))
            new_stage = (match[2] or "").lower()
        elif (match := _ARG.match(text)) and not stages:
            words = (word.partition("=") for word in match[1].split())
            variables.update((key, value.strip("\"'")) for key, _, value in words)
        elif _COPY.match(text):
            names += _COPY_FROM.findall(text)
        elif _RUN.match(text):
            options = (dict(_pairs(mount)) for mount in _MOUNT.findall(text))
            names += [parts["from"] for parts in options if "from" in parts]
        for name in (name.strip("\"'") for name in names):
            is_number = new_stage is None and name.isdecimal() and int(name) < len(stages)
            if name not in ("scratch", "\\", "`") and name.lower() not in stages and not is_number:
                yield name
        if new_stage is not None:
            stages.append(new_stage)


def _pairs(options: str) -> Iterator[tuple[str, str]]:
    for part in options.split(","):
        key, _, value = part.strip("\"'").partition("=")
        yield key.lower(), value


def _instructions(text: str, escape: str, with_heredocs: bool) -> Iterator[str]:
    """Yield the lines with their continuations, without comments and here-documents."""
    part = ""
    ends: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        if ends:
            if bare == ends[0]:
                del ends[0]
            continue
        if not bare or bare.startswith("#"):
            continue
        part += bare.removesuffix(escape)
        if bare.endswith(escape):
            continue
        if with_heredocs and (_RUN.match(part) or _COPY.match(part)):
            ends = _HEREDOC.findall(part)
        yield part
        part = ""
    if part:
        yield part


def _filled(text: str, variables: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        return variables.get(match[1] or match[3]) or match[2] or match[0]

    return _VARIABLE.sub(value, text)
