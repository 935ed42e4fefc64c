"""Makes an image of a container, with the configuration of the image that it was made of.

The engine's own commit keeps the container's configuration: our labels, which are claims on GPUs,
the kernel's command and user, the variables of its start. No request takes any of that away again.
So what it made is only taken for its layer: the image's record is written anew, loaded, and the
engine's own thrown away.

An engine with a classic storage driver reads no layer that it has, so that a record alone is
enough. Others (containerd's image store, Podman) get the layers back as they gave them.

Containerd's store forgets the image whose name a loaded one takes, even if a container or an
environment needs it, and keeps the one whose name a tag takes: there an image is loaded without a
name, and tagged then.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import tarfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, cast

import docker.errors

from jupyter_gpu_containers.errors import EngineError, GpuContainersError
from jupyter_gpu_containers.model.image.image import ImageReference
from jupyter_gpu_containers.model.kernel.container import EngineInfo

from . import images, requests
from .client import EngineClient

log = logging.getLogger(__name__)

Json = dict[str, Any]

DRIVERS = ("overlay2", "btrfs", "zfs", "vfs", "fuse-overlayfs", "aufs", "devicemapper")
COMMENT = "made of a kernel's container by jupyter_gpu_containers"
MANIFEST = "manifest.json"
# names in an archive that tell of images as they were, beside the manifest
_OTHER_INDEXES = ("index.json", "oci-layout", "repositories")
_CHUNK = 1 << 20


def commit(
    client: EngineClient,
    container_id: str,
    reference: str,
    env: Mapping[str, str],
    info: EngineInfo,
    stop: threading.Event,
) -> str:
    """Make the image, in this thread; return its id.

    Parameters
    ----------
    env : mapping
        Variables that the image has beyond those of the one it comes from.
    stop : threading.Event
        Set by who does not want the image any more: then none is left.
    """
    name = ImageReference.parse_name(reference).familiar
    base = requests.inspect_image(client, client.read_container(container_id)["Image"])
    raw = client.commit_container(container_id)
    try:
        if stop.is_set():
            raise EngineError("The commit was given up.")
        made = client.read_image(raw)
        record = json.dumps(image_record(base, made, client.read_history(raw), env)).encode()
        nameless = info.name == "Docker Engine" and not has_classic_store(info)
        if has_classic_store(info):
            archive: Iterable[bytes] | bytes = _small_archive(record, name, made)
        else:
            archive = with_record(_saved(client, raw), record, None if nameless else name)
        said = client.load(archive)
        problem = next((line["error"] for line in said if line.get("error")), None)
        if problem is not None:
            raise EngineError(f"The container engine did not take the image: {problem}")
        if nameless:
            images.tag(client, _loaded(said), name)
        image_id = str(client.read_image(name)["Id"])
        if stop.is_set():
            client.remove_image(name)
            raise EngineError("The commit was given up.")
        return image_id
    finally:
        _drop(client, raw)


def has_classic_store(info: EngineInfo) -> bool:
    """Tell whether images are in Docker's own store rather than in containerd's."""
    return info.name == "Docker Engine" and info.details.get("storage_driver") in DRIVERS


def _loaded(said: Sequence[Json]) -> str:
    """Return the id of an image without a name, from what the engine said of a load."""
    text = "".join(str(line.get("stream") or "") for line in said)
    match = re.search(r"Loaded image ID: (sha256:[0-9a-f]{64})", text)
    if match is None:
        raise EngineError(f"The container engine did not tell what it loaded: {text[:200]}")
    return match[1]


def _drop(client: EngineClient, image_id: str) -> None:
    """Throw away what the engine's own commit made; its layers stay where they are needed."""
    try:
        client.remove_image(image_id, force=True)
    except (docker.errors.APIError, GpuContainersError) as exc:
        log.warning("the unnamed image %s is left behind: %s", image_id[7:19], exc)


def image_record(base: Json, made: Json, history: Sequence[Json], env: Mapping[str, str]) -> Json:
    """Return the OCI image configuration: the base's, with one layer more.

    Parameters
    ----------
    base, made : dict
        The engine's records of the image that the container was made of, and of its commit.
    history : sequence of dict
        The commit's, newest first, as the engine tells it.
    env : mapping
        Variables to add.
    """
    config = {**(base.get("Config") or {})}
    if env:
        kept = [pair for pair in config.get("Env") or [] if pair.partition("=")[0] not in env]
        config["Env"] = [*kept, *(f"{key}={value}" for key, value in env.items())]
    layers = made["RootFS"]["Layers"]
    record = {
        "architecture": base.get("Architecture"),
        "variant": base.get("Variant"),
        "os": base.get("Os") or "linux",
        "author": base.get("Author"),
        "created": made.get("Created"),
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": layers},
        "history": _history(history, len(layers), str(made.get("Created"))),
    }
    return {key: value for key, value in record.items() if value}


def _history(rows: Sequence[Json], layers: int, created: str) -> list[Json]:
    """Return the history, oldest first; none where it cannot be matched with the layers.

    The engine does not tell which steps made no layer; those of no bytes, as a rule.
    """
    past = list(reversed(rows))[:-1]
    made = sum(1 for row in past if row.get("Size"))
    if made != layers - 1:
        return []
    steps: list[Json] = []
    for row in past:
        moment = datetime.fromtimestamp(row.get("Created") or 0, timezone.utc)
        step = {"created": moment.isoformat(), "created_by": row.get("CreatedBy") or ""}
        if row.get("Comment"):
            step["comment"] = row["Comment"]
        if not row.get("Size"):
            step["empty_layer"] = True
        steps.append(step)
    return [*steps, {"created": created, "created_by": COMMENT}]


# --- archives as `docker save` writes them -----------------------------------------------------


def _small_archive(record: bytes, name: str, made: Json) -> bytes:
    """An archive without layers: the engine has them all."""
    layers = [f"{number}/layer.tar" for number, _ in enumerate(made["RootFS"]["Layers"])]
    return b"".join((*_record_files(record, name, layers), _END))


def _saved(client: EngineClient, image_id: str) -> Iterable[bytes]:
    return cast(Iterable[bytes], client.get_image(image_id, chunk_size=_CHUNK))


def with_record(archive: Iterable[bytes], record: bytes, name: str | None) -> Iterator[bytes]:
    """Pass an archive of one image on, with another record and name; nothing is kept on disk."""
    manifest: list[Json] = []
    with tarfile.open(fileobj=cast(Any, _Reader(archive)), mode="r|") as tar:
        for member in tar:
            data = tar.extractfile(member) if member.isfile() else None
            if member.name == MANIFEST and data is not None:
                manifest = json.loads(data.read())
            elif member.name not in _OTHER_INDEXES:
                yield member.tobuf()
                if data is not None:
                    while chunk := data.read(_CHUNK):
                        yield chunk
                    yield _padding(member.size)
    if len(manifest) != 1:
        raise EngineError("The container engine's archive of the image has no manifest.")
    yield from _record_files(record, name, manifest[0]["Layers"])
    yield _END


def _record_files(record: bytes, name: str | None, layers: Sequence[str]) -> Iterator[bytes]:
    file = f"{hashlib.sha256(record).hexdigest()}.json"
    names = None if name is None else [name]
    manifest = [{"Config": file, "RepoTags": names, "Layers": list(layers)}]
    for path, data in ((file, record), (MANIFEST, json.dumps(manifest).encode())):
        entry = tarfile.TarInfo(path)
        entry.size = len(data)
        yield entry.tobuf()
        yield data
        yield _padding(len(data))


_END = bytes(2 * tarfile.BLOCKSIZE)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


class _Reader(io.RawIOBase):
    """Chunks as a file that can only be read forwards."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """Return up to so many bytes; fewer only at the end."""
        parts, length = [self._rest], len(self._rest)
        while length < size or size < 0:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            parts.append(chunk)
            length += len(chunk)
        data = b"".join(parts)
        if size < 0:
            size = len(data)
        self._rest = data[size:]
        return data[:size]
