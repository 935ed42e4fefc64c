"""A container with all that a kernel's can have, of which `records/` holds engines' own records.

A record is what ``GET /containers/{id}/json`` answered, with other values for the image's id only.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.backends.docker.body import Injection, create_body
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, Mount, Network

RECORDS = Path(__file__).with_name("records")
UUIDS = ("GPU-943cecec-d10b-5bab-9966-76897637722e", "MIG-1c2d")
SPEC = ContainerSpec(
    image="sha256:" + "a" * 64,
    command=("python3", "-m", "ipykernel_launcher"),
    name="jgc-sample",
    user="1000:1001",
    working_dir="/work/notebooks",
    labels={"jupyter-gpu-containers.version": "1", "jupyter-gpu-containers.gpus": "GPU-9"},
    env={"HOME": "/home/kernel", "LANG": "C.UTF-8"},
    mounts=(
        Mount("/srv/jgc-sample/work", "/work"),
        Mount("/srv/jgc-sample/data", "/data/imagenet", read_only=True),
    ),
    gpus=UUIDS,
    memory=2**30,
    shm_size=2**28,
    pids_limit=4096,
    cap_add=("CHOWN", "SETUID"),
    network=Network.NONE,
)


def record(engine: str) -> dict[str, Any]:
    """Return an engine's record of the container."""
    whole: dict[str, Any] = json.loads((RECORDS / f"{engine}.json").read_text())
    return whole


def request(engine: str) -> dict[str, Any]:
    """Return the request with which that engine was asked for it."""
    docker = engine.startswith("docker")
    injection: Injection = "cdi" if engine == "docker-26.1" else "nvidia"
    spec = SPEC if docker else ContainerSpec(**{**vars(SPEC), "gpus": ()})
    return create_body(
        spec,
        injection,
        runtime="runc" if docker else None,
        log_driver="local" if docker else None,
    )
