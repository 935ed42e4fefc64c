"""What the memory backend does with a build: reads the Dockerfile, and pretends the rest."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from dataclasses import replace
from pathlib import Path

from jupyter_gpu_containers.backends.build_context import BuildContext
from jupyter_gpu_containers.errors import BuildFailedError, ImageNotFoundError
from jupyter_gpu_containers.model.image.build import BuildPlan
from jupyter_gpu_containers.model.image.image import Image
from jupyter_gpu_containers.model.job import Step
from jupyter_gpu_containers.ports import Progress

from . import registry
from .library import find, give_name
from .store import MemoryStore

ENDLESS = re.compile(r"RUN sleep (infinity|inf)\b")
FAILS = re.compile(r"RUN (false|exit (?P<code>[1-9]\d*))\b")


def build(
    store: MemoryStore,
    plan: BuildPlan,
    progress: Progress | None,
    *,
    logged_in: bool,
    seconds: float,
    stop: threading.Event,
) -> None:
    """Go through the steps, in this thread, in about so many seconds; end early when told to.

    ``RUN false`` fails, ``RUN sleep infinity`` lasts, and all else succeeds.
    """
    tell = progress or (lambda step: None)
    context = BuildContext(plan)
    tell(Step("", "Sending the context", text=(f"Context: {context}",)))
    steps = instructions(_dockerfile(plan))
    if not steps or not steps[0].upper().startswith(("FROM ", "ARG ")):
        raise BuildFailedError(f"The image {plan.tag} could not be built: it begins with no FROM.")
    base = _base(store, steps, logged_in)
    for number, text in enumerate(steps, 1):
        name = f"{number}/{len(steps)}"
        tell(Step(name, text, text=(f"[{name}] {text}",)))
        if ENDLESS.match(text):
            stop.wait()
        if stop.is_set() or (seconds and stop.wait(seconds / len(steps))):
            return
        if match := FAILS.match(text):
            reason = f"it ended with code {match['code'] or 1}"
            raise BuildFailedError(f"Step [{name}] {text} failed: {reason}.")
        tell(Step(name, text, done=True))
    with store.lock:
        give_name(store, _made(base, plan, len(steps)), plan.tag)


def instructions(text: str) -> list[str]:
    """Return a Dockerfile's instructions, each in one line."""
    lines = (line.rstrip() for line in text.splitlines())
    wanted = [line for line in lines if line and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(wanted))
    return [" ".join(line.split()) for line in joined.split("\n") if line.strip()]


def _dockerfile(plan: BuildPlan) -> str:
    if plan.dockerfile in plan.files:
        return plan.files[plan.dockerfile].decode("utf-8", "replace")
    assert plan.folder is not None
    return Path(plan.folder, plan.dockerfile).read_text("utf-8", "replace")


def _base(store: MemoryStore, steps: list[str], logged_in: bool) -> Image:
    """Return what the last stage stands on, found here or in the registries."""
    stages: dict[str, str] = {}
    reference = ""
    for step in steps:
        if match := re.match(r"FROM (?:--\S+ )*(\S+)(?: AS (\S+))?", step, re.I):
            reference = stages.get(match[1].lower(), match[1])
            if match[2]:
                stages[match[2].lower()] = reference
    try:
        return find(store, reference)
    except ImageNotFoundError:
        return registry.find(reference, logged_in=logged_in)


def _made(base: Image, plan: BuildPlan, steps: int) -> Image:
    text = f"{base.id}{plan.tag}{time.time_ns()}"
    layers = [hashlib.sha256(f"{text}{number}".encode()).hexdigest() for number in range(1, steps)]
    return replace(
        base,
        id=f"sha256:{hashlib.sha256(text.encode()).hexdigest()}",
        references=(),
        repo_digests=(),
        created=time.time(),
        layers=(*base.layers, *(f"sha256:{layer}" for layer in layers)),
    )
