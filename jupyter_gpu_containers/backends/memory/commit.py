"""What the memory backend does with a commit: the image that comes of it is as the old one.

A container here is a local process, which writes to this machine and not into a layer. So nothing
has changed, the preview says so, and the new image is a record with another id and name.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace

from jupyter_gpu_containers.model.image.container_diff import ContainerDiff, Outside
from jupyter_gpu_containers.model.image.image import ImageConfig, ImageReference

from .library import find, give_name
from .store import MemoryStore, Record

EVERYTHING = Outside("/", "demonstration")


def diff(record: Record) -> ContainerDiff:
    """Return no difference, and what is outside: everything."""
    spec = record.spec
    mounts = (Outside(mount.target, "bind", mount.source) for mount in spec.mounts)
    return ContainerDiff(
        container_id=record.id,
        image_id=spec.image,
        command=spec.command,
        size=0,
        outside=(EVERYTHING, *mounts),
    )


def commit(store: MemoryStore, record: Record, reference: str, env: Mapping[str, str]) -> str:
    """Write an image down; return its id."""
    name = ImageReference.parse_name(reference).familiar
    with store.lock:
        base = find(store, record.spec.image)
        made = f"{record.id} {base.id} {time.time_ns()}"
        image_id = f"sha256:{hashlib.sha256(made.encode()).hexdigest()}"
        layer = f"sha256:{hashlib.sha256(f'layer {made}'.encode()).hexdigest()}"
        config = base.config or ImageConfig()
        image = replace(
            base,
            id=image_id,
            references=(),
            repo_digests=(),
            created=time.time(),
            config=replace(config, env={**config.env, **env}),
            layers=(*base.layers, layer),
        )
        give_name(store, image, name)
    return image_id
