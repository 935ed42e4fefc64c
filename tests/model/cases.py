"""The data of the verdict's tests, read once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.model.fitness.host import Host
from jupyter_gpu_containers.model.fitness.host_document import parse_host
from jupyter_gpu_containers.model.fitness.verdict import ImageClaims
from jupyter_gpu_containers.model.image.image import ImageConfig

DATA = Path(__file__).parent / "data"
CASES: dict[str, Any] = json.loads((DATA / "requirements.json").read_text())
MACHINES: dict[str, Any] = json.loads((DATA / "machines.json").read_text())


def requirement(text: str) -> str:
    """Return a requirement in full; the long ones have names."""
    pattern = CASES["requirements"].get(text)
    if pattern is None:
        return text
    return " ".join(
        [pattern["term"]]
        + [
            f"brand={brand},driver>={branch},driver<{branch + 1}"
            for branch in pattern["branches"]
            for brand in pattern["brands"].split()
        ]
    )


def image(name: str, **env: str) -> ImageClaims:
    """Return a real image, with some variables changed."""
    data = MACHINES["images"][name]
    told = {key: requirement(value) for key, value in data["env"].items()}
    return ImageClaims(data["reference"], ImageConfig(env=told | env), data["architecture"])


def host(name: str) -> Host:
    """Return a machine."""
    return parse_host(MACHINES["machines"][name])
