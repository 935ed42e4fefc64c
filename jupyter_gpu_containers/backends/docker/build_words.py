"""What builders say while they build, as steps; and what their failure amounts to.

BuildKit's plain progress (`docker build --progress=plain`) numbers its vertices: ``#5 [2/3] RUN …``
begins one, ``#5 0.31 text`` is what it wrote, ``#5 DONE 0.4s`` its end. The classic builder's
stream is JSON, whose texts are meant for a terminal.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_gpu_containers.backends.output import plain_text
from jupyter_gpu_containers.errors import (
    BuildFailedError,
    DiskFullError,
    GpuContainersError,
    InvalidImageReferenceError,
)
from jupyter_gpu_containers.model.image.image import ImageReference
from jupyter_gpu_containers.model.job import Step

from .errors import unreachable
from .refusals import pull_error
from .transfer import step_of

SHOWN = 12  # lines of the failing step in its error
TITLE = 120  # characters of an instruction that are repeated
WIDTH = 500  # characters of a line that are kept

_BUILDKIT_HINT = "Install BuildKit: Docker's package docker-buildx-plugin, or docker-buildx."


@dataclass
class _Vertex:
    """One step of a build, and the end of what it wrote."""

    id: str  # "2/5", or "" for what the Dockerfile does not name
    name: str
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=SHOWN))

    @property
    def title(self) -> str:
        name = " ".join(self.name.split())
        if len(name) > TITLE:
            name = f"{name[:TITLE]}…"
        return f"[{self.id}] {name}" if self.id else name

    def wrote(self, *lines: str) -> Step:
        self.lines += lines
        return Step(self.id, self._status, text=lines)

    @property
    def _status(self) -> str:
        return " ".join(self.name.split())

    def begun(self) -> Step:
        # what BuildKit does for itself is shown while it does it, and not kept
        own = re.match(r"\[internal\]|copy /context /|building with ", self.name)
        return Step(self.id, self._status, text=() if own else (self.title,))

    def done(self, word: str) -> Step:
        text = (f"[{self.id}] {word}",) if self.id and word else ()
        return Step(self.id, self._status, done=bool(self.id), text=text)


class BuildWords:
    """Takes a builder's lines in, one by one."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self._vertices: dict[str, _Vertex] = {}  # by BuildKit's number
        self._present: _Vertex | None = None
        self._failed: tuple[_Vertex, str] | None = None
        self._rest: deque[str] = deque(maxlen=SHOWN)  # what belongs to no vertex

    # --- BuildKit -----------------------------------------------------------------------------

    def line(self, raw: bytes) -> tuple[Step, ...]:
        """Read a line of plain progress; () where it says nothing new."""
        text = _clean(raw)
        match = re.match(r"#(\d+) (.*)", text)
        if match is None:
            if text.strip():
                self._rest.append(text)
            return ()
        vertex = self._vertices.get(match[1])
        if vertex is None:
            vertex = self._vertices[match[1]] = _vertex(match[2])
            return (vertex.begun(),)
        news = self._news(vertex, match[2])
        return () if news is None else (news,)

    def _news(self, vertex: _Vertex, text: str) -> Step | None:
        if text.endswith(vertex.name):
            return None  # said again after another vertex
        if match := re.match(r"(DONE|CACHED|CANCELED)\b(.*)", text):
            return vertex.done("cached" if match[1] == "CACHED" else "")
        if text.startswith("ERROR"):
            self._failed = vertex, text.partition(":")[2].strip() or text
            return vertex.begun() if not vertex.id else None
        if match := _LAYER.match(text):
            return _layer(match)
        if _UNDER_WAY.match(text):
            return None
        return vertex.wrote(re.sub(r"^\d+\.\d+ ", "", text))

    # --- the classic builder ------------------------------------------------------------------

    def answer(self, line: Mapping[str, Any]) -> tuple[Step, ...]:
        """Read an object of the classic builder's stream."""
        if "status" in line:  # the base image is fetched
            return (step_of(line),)
        text = plain_text(str(line.get("stream") or "").encode()).rstrip("\n")
        if match := re.match(r"(?:Step|STEP) (\d+/\d+) ?: (.*)", text, re.S):  # Podman shouts
            done, self._present = self._present, _Vertex(match[1], match[2])
            ended = () if done is None else (done.done(""),)
            return (*ended, self._present.begun())
        wrote = (_CONTROL.sub("", one)[:WIDTH] for one in text.split("\n"))
        lines = tuple(one for one in wrote if one and not _OWN.match(one))
        if not lines:
            return ()
        if self._present is None:
            self._rest += lines
            return (Step("", lines[-1], text=lines),)
        return (self._present.wrote(*lines),)

    # --- the end ------------------------------------------------------------------------------

    def failure(self, said: str = "") -> GpuContainersError:
        """Return the error for a build that failed, with the engine's last words."""
        vertex, why = self._failed or (self._present, said)
        said = _SOLVER.sub("", (said or why or self._last_words()).strip(), count=1)
        everything = f"{why}\n{said}\n" + "\n".join(vertex.lines if vertex else ())
        if re.search(r"no space left on device|disk quota exceeded", everything, re.I):
            return DiskFullError(
                f"The image {self._tag} could not be built: no space left on the engine's disk.",
                "Remove images that nobody uses; `docker builder prune` empties the build's cache.",
            )
        if _NOBODY.search(said):
            return unreachable()
        if vertex is not None and (refused := self._base(vertex, why)) is not None:
            return refused
        hint = ""
        if re.search(r"requires? BuildKit|--mount option", everything):
            hint = _BUILDKIT_HINT
        if vertex is None:
            return BuildFailedError(f"The image {self._tag} could not be built: {said}", hint)
        lines = "".join(f"\n{line}" for line in vertex.lines)
        code = re.search(r"(?:exit code: |non-zero code: |exit status )(\d+)", why)
        reason = f"it ended with code {code[1]}" if code else why
        return BuildFailedError(f"Step {vertex.title} failed: {reason}.{lines}", hint)

    def _last_words(self) -> str:
        """Return what belongs to no vertex: the error, without the Dockerfile's lines before it."""
        lines = list(self._rest)
        begin = [number for number, line in enumerate(lines) if line.startswith("ERROR: ")]
        return "\n".join(lines[begin[-1] :] if begin else lines)

    def _base(self, vertex: _Vertex, why: str) -> GpuContainersError | None:
        """Return the error of a base image that cannot be fetched."""
        match = re.search(r"(?:load metadata for |^FROM )(?:--\S+ )*(\S+)", vertex.name)
        if match is None or not why:
            return None
        try:
            reference = ImageReference.parse(match[1]).familiar
        except InvalidImageReferenceError:
            return None
        return pull_error(reference, why)


_LAYER = re.compile(
    r"sha256:(?P<id>[0-9a-f]{12})[0-9a-f]{52} (?P<current>[\d.]+)(?P<unit>[kMGT]?B)"
    r"(?: / (?P<total>[\d.]+)(?P<of>[kMGT]?B))?(?P<rest>.*)"
)
# what will be said again when it is done
_UNDER_WAY = re.compile(
    r"resolve \S+ |(extracting )?sha256:[0-9a-f]{64}|transferring |\.\.\.$"
    r"|(writing image|exporting) \S+$"
)
# who passes an error on
_SOLVER = re.compile(
    r"^(?:ERROR: |failed to build: |failed to solve(?: with frontend \S+)?: "
    r"|rpc error: code = \w+ desc = |failed to create LLB definition: )+"
)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_OWN = re.compile(r" ---> |Removing intermediate container|Successfully (built|tagged) ")
_NOBODY = re.compile(r"cannot connect to the docker daemon|error during connect", re.I)
_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def _layer(match: re.Match[str]) -> Step:
    """Return a layer of the base image on its way; BuildKit rounds its numbers."""
    current = int(float(match["current"]) * _UNITS[match["unit"]])
    total = int(float(match["total"]) * _UNITS[match["of"]]) if match["total"] else None
    if match["rest"].endswith("done"):
        return Step(match["id"], "Download complete", current, total or current, done=True)
    return Step(match["id"], "Downloading", current, total)


def _vertex(text: str) -> _Vertex:
    match = re.match(r"\[((?:[\w.-]+ )?\d+/\d+)\] (.*)", text)
    if match:
        return _Vertex(re.sub(r"^stage-\d+ ", "", match[1]), match[2])
    return _Vertex("", text)


def _clean(raw: bytes) -> str:
    """Return a line as text, as a terminal would leave it standing, and harmless to one."""
    return _CONTROL.sub("", plain_text(raw))[:WIDTH]
