"""Images as registries hold them, made from bytes: every schema kind, no engine needed."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

Kind = Literal["oci", "docker"]

MANIFEST: Mapping[Kind, str] = {
    "oci": "application/vnd.oci.image.manifest.v1+json",
    "docker": "application/vnd.docker.distribution.manifest.v2+json",
}
INDEX: Mapping[Kind, str] = {
    "oci": "application/vnd.oci.image.index.v1+json",
    "docker": "application/vnd.docker.distribution.manifest.list.v2+json",
}
CONFIG: Mapping[Kind, str] = {
    "oci": "application/vnd.oci.image.config.v1+json",
    "docker": "application/vnd.docker.container.image.v1+json",
}
LAYER: Mapping[Kind, str] = {
    "oci": "application/vnd.oci.image.layer.v1.tar+gzip",
    "docker": "application/vnd.docker.image.rootfs.diff.tar.gzip",
}


def digest(data: bytes) -> str:
    """Return ``sha256:…`` of some bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Blob:
    """Bytes with a media type, named by their digest."""

    media_type: str
    data: bytes
    diff_id: str = ""  # of a layer: digest of what is compressed in it

    @cached_property
    def digest(self) -> str:
        return digest(self.data)

    def descriptor(self, **more: Any) -> dict[str, Any]:
        """Return the OCI descriptor."""
        size = len(self.data)
        return {"mediaType": self.media_type, "digest": self.digest, "size": size, **more}


@dataclass(frozen=True)
class Content:
    """A manifest or an index, and everything it stands on."""

    manifest: Blob
    blobs: tuple[Blob, ...] = ()
    children: tuple[Content, ...] = ()

    @property
    def digest(self) -> str:
        return self.manifest.digest

    @property
    def config(self) -> Blob:
        """The configuration of a single image."""
        return self.blobs[0]

    @property
    def layers(self) -> tuple[Blob, ...]:
        return self.blobs[1:]

    def walk(self) -> Iterator[Content]:
        """Yield children before what names them, as they must be uploaded."""
        for child in self.children:
            yield from child.walk()
        yield self


def layer(files: Mapping[str, bytes], kind: Kind = "oci") -> Blob:
    """Return a layer with these files; the same files make the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    data = buffer.getvalue()
    return Blob(LAYER[kind], gzip.compress(data, 1, mtime=0), digest(data))


def noise(size: int, seed: int = 0, kind: Kind = "oci") -> Blob:
    """Return a layer of about `size` bytes that do not get smaller by compression."""
    return layer({f"noise-{seed}": random.Random(seed).randbytes(size)}, kind)


def image(
    architecture: str = "amd64",
    *,
    kind: Kind = "oci",
    env: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    layers: Sequence[Blob] | None = None,
    os: str = "linux",
    variant: str = "",
    created: str = "2026-01-02T03:04:05Z",
) -> Content:
    """Return an image for one platform; an engine can pull it, nothing in it can run."""
    if layers is None:
        layers = [layer({f"{architecture}.txt": architecture.encode()}, kind)]
    config: dict[str, Any] = {
        "created": created,
        "architecture": architecture,
        "os": os,
        "config": {
            "Env": [f"{key}={value}" for key, value in (env or {}).items()],
            "Labels": dict(labels or {}),
            "Cmd": ["/bin/true"],
        },
        "rootfs": {"type": "layers", "diff_ids": [one.diff_id for one in layers]},
        "history": [{"created": created, "created_by": "a test"} for _ in layers],
    }
    if variant:
        config["variant"] = variant
    blob = Blob(CONFIG[kind], json.dumps(config).encode())
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST[kind],
        "config": blob.descriptor(),
        "layers": [one.descriptor() for one in layers],
    }
    return Content(_json(MANIFEST[kind], manifest), (blob, *layers))


def index(*images: Content, kind: Kind = "oci", attested: bool = False) -> Content:
    """Return an OCI image index or a Docker manifest list of images for several platforms.

    With ``attested``, BuildKit's attestations stand before and after the images.
    """
    rows, children = [], list(images)
    for child in images:
        config = json.loads(child.config.data)
        platform = {key: config[key] for key in ("os", "architecture", "variant") if key in config}
        rows.append(child.manifest.descriptor(platform=platform))
    if attested:
        for child in images:
            note = attestation(child)
            children.append(note)
            row = note.manifest.descriptor(
                platform={"os": "unknown", "architecture": "unknown"},
                annotations={
                    "vnd.docker.reference.type": "attestation-manifest",
                    "vnd.docker.reference.digest": child.digest,
                },
            )
            rows.insert(0 if len(rows) % 2 else len(rows), row)
    listing = {"schemaVersion": 2, "mediaType": INDEX[kind], "manifests": rows}
    return Content(_json(INDEX[kind], listing), children=tuple(children))


def attestation(subject: Content) -> Content:
    """Return what BuildKit puts beside an image: a manifest that is no image."""
    config = _json(
        CONFIG["oci"],
        {"architecture": "unknown", "os": "unknown", "config": {}, "rootfs": {"diff_ids": []}},
    )
    statement = Blob("application/vnd.in-toto+json", json.dumps({"of": subject.digest}).encode())
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST["oci"],
        "config": config.descriptor(),
        "layers": [statement.descriptor()],
    }
    return Content(_json(MANIFEST["oci"], manifest), (config, statement))


def artifact() -> Content:
    """Return something else than an image, as registries hold them too: a Helm chart."""
    config = Blob("application/vnd.cncf.helm.config.v1+json", b'{"name": "chart"}')
    chart = Blob("application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"not a layer")
    manifest = {
        "schemaVersion": 2,
        "config": config.descriptor(),
        "layers": [chart.descriptor()],
    }
    return Content(_json(MANIFEST["oci"], manifest), (config, chart))


def _json(media_type: str, value: object) -> Blob:
    return Blob(media_type, json.dumps(value).encode())


PYTORCH_ENV = {
    "PATH": "/usr/bin:/bin",
    "CUDA_VERSION": "12.4.1",
    "PYTORCH_VERSION": "2.6.0",
    "NVIDIA_VISIBLE_DEVICES": "all",
    "NVIDIA_REQUIRE_CUDA": "cuda>=12.4",
}

# What every registry of the tests holds: repository:tag -> content. Small; engines can pull it.
SAMPLES: dict[str, Content] = {
    "test/single:oci": image(env=PYTORCH_ENV, labels={"kind": "oci"}),
    "test/single:docker": image(kind="docker", env=PYTORCH_ENV, labels={"kind": "docker"}),
    "test/multi:oci": index(
        image("arm64", variant="v8", env=PYTORCH_ENV), image(env=PYTORCH_ENV), attested=True
    ),
    "test/multi:docker": index(
        image("arm64", kind="docker", env=PYTORCH_ENV),
        image(kind="docker", env=PYTORCH_ENV),
        kind="docker",
    ),
    "test/elsewhere:s390x": index(image("s390x"), image("ppc64le")),
    "test/large:latest": image(layers=[noise(3_000_000, seed) for seed in range(3)]),
    "private/single:latest": image(env=PYTORCH_ENV, labels={"private": "yes"}),
}
