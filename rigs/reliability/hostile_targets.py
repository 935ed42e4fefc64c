"""What requests are about: every operation of the contract, and what it is done to."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from jupyter_gpu_containers.web.contract import document
from tests.rooms import MEMORY_IMAGE

PREFIX = "/gpu-containers"
NOWHERE = "00000000-0000-4000-8000-000000000000"  # no launch and no job
ABSENT = "jgc-test/there-is-none:latest"  # no image
METHODS = ("get", "post", "put", "patch", "delete")

# What would change something if it were allowed. A launch of it starts a kernel.
EFFECTIVE: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("post", "/images"): [{"source": MEMORY_IMAGE, "reference": "stranger/image:1"}],
    ("post", "/registries/{host}/login"): [{"username": "stranger", "secret": "let me in"}],
    ("post", "/jobs"): [
        {"kind": "pull", "reference": "quay.io/jupyter/base-notebook:python-3.12"},
        {"kind": "push", "reference": MEMORY_IMAGE},
        {"kind": "build", "reference": "stranger/built:1", "build": {"dockerfile": "FROM a"}},
    ],
    ("post", "/environments"): [{"image": MEMORY_IMAGE, "name": "stranger"}],
    ("post", "/launches"): [{"image": MEMORY_IMAGE}, {"image": MEMORY_IMAGE, "gpus": 1}],
    ("patch", "/launches/{id}"): [{"gpus": 0}],
}
# The same, of what is not there, in every field: nothing starts when it is allowed.
HARMLESS: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("post", "/images"): [{"source": ABSENT, "reference": "mine/image:2"}],
    ("post", "/registries/{host}/login"): [{"username": "somebody", "secret": "wrong"}],
    ("post", "/jobs"): [
        {"kind": "pull", "reference": ABSENT},
        {"kind": "push", "reference": ABSENT},
        {"kind": "commit", "reference": "mine/image:3", "launch": NOWHERE},
        {
            "kind": "build",
            "reference": "mine/image:4",
            "build": {"folder": "none", "file": "Dockerfile"},
        },
        {
            "kind": "build",
            "reference": "mine/image:5",
            "build": {"requirements": "numpy", "environment": "x", "base": ABSENT},
        },
    ],
    ("post", "/environments"): [
        {
            "image": ABSENT,
            "name": "x",
            "display_name": "X",
            "kernel": "python3",
            "gpus": 1,
            "gpu_uuids": ["GPU-0"],
            "memory": 1 << 30,
            "shm_size": 1 << 30,
            "network": "none",
        },
        {"image": MEMORY_IMAGE, "name": "x", "display_name": "X", "kernel": "julia", "gpus": 0},
    ],
    ("post", "/launches"): [
        {
            "image": ABSENT,
            "kernel": "python3",
            "gpus": 1,
            "memory": 1 << 30,
            "shm_size": 1 << 30,
            "path": "n.ipynb",
            "replaces": NOWHERE,
            "pull": False,
            "wait": False,
        },
        {"environment": "none", "path": "a/b.ipynb", "gpu_profile": "1g.10gb"},
        {"environment": "kept", "gpus": 1024, "gpu_uuids": ["GPU-0", "MIG-1"], "wait": False},
    ],
    ("patch", "/launches/{id}"): [{"gpus": 0}],
}


@dataclass(frozen=True)
class Target:
    """One operation."""

    method: str
    path: str  # as the contract writes it
    queries: tuple[str, ...]  # names of its query parameters

    @property
    def changes(self) -> bool:
        """Whether it changes something."""
        return self.method != "get"

    def address(self, values: Mapping[str, str]) -> str:
        """Return the path that goes into the request line; ``values`` by `slots`."""
        return PREFIX + re.sub(r"{\w+}", lambda m: quote(values[self._slot(m[0])]), self.path)

    @property
    def slots(self) -> list[str]:
        """Return what its path names: "launches id", "environments name" and so on."""
        return [self._slot(part) for part in re.findall(r"{\w+}", self.path)]

    def _slot(self, part: str) -> str:
        return f"{self.path.split('/')[1]} {part[1:-1]}"

    def bodies(self, table: Mapping[tuple[str, str], list[dict[str, Any]]]) -> list[bytes]:
        """Return its bodies of a table; one that is empty where it has none."""
        rows = table.get((self.method, self.path))
        return [json.dumps(row).encode() for row in rows] if rows else [b""]


ABSENT_VALUES = {
    "images reference": ABSENT,
    "registries host": "nowhere.invalid",
    "jobs id": NOWHERE,
    "environments name": "none",
    "launches id": NOWHERE,
}


def targets() -> Iterator[Target]:
    """Return all operations of the contract, in its order."""
    for path, item in document()["paths"].items():
        for method in METHODS:
            if method in item:
                parameters = item[method].get("parameters", [])
                queries = [row["name"] for row in parameters if row["in"] == "query"]
                yield Target(method, path, tuple(queries))


def any_body(rng: random.Random, target: Target) -> bytes:
    """Return one of the harmless bodies of an operation."""
    return rng.choice(target.bodies(HARMLESS))
