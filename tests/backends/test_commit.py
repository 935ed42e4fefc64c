"""What a backend makes of a container: an image, and the list of its differences."""

from __future__ import annotations

import asyncio
import io
import json
import os
import tarfile
import threading
from concurrent.futures import Future
from typing import Any, ClassVar

import pytest
from docker import APIClient

from jupyter_gpu_containers.backends.docker import client as docker_client
from jupyter_gpu_containers.backends.docker import commit as docker_commit
from jupyter_gpu_containers.backends.docker.client import EngineClient
from jupyter_gpu_containers.errors import (
    ContainerNotFoundError,
    EngineError,
    ImageNotFoundError,
    InvalidImageReferenceError,
)
from jupyter_gpu_containers.model.image.container_diff import ChangeKind
from tests.backends.conftest import Bench
from tests.registries.real import RealRegistry

TIMEOUT = 30.0  # seconds
WAITS = "open({!r}, 'w').write(''); open({!r}).read()"


async def started(bench: Bench, code: str = "pass", **changes: Any) -> str:
    """Start a container that waits for the test's end; return when it has run the code."""
    ready, go = bench.pipe(), bench.pipe()
    container_id = await bench.create(
        f"{code}\n{WAITS.format(str(ready), str(go))}",
        **{"mounts": bench.mounts, "working_dir": str(bench.folder), **changes},
    )
    await bench.backend.start(container_id)
    await ready.read()
    return container_id


async def test_an_image_of_a_container(bench: Bench) -> None:
    container_id = await started(bench)
    name = bench.name()
    base = await bench.backend.image(bench.reference)
    image_id = await bench.backend.commit(container_id, name, env={"GREETING": "a=b"})
    image = await bench.backend.image(name)
    assert (image.id, image.references) == (image_id, (name,))
    assert image.layers[:-1] == base.layers
    assert image.config is not None
    assert base.config is not None
    assert image.config.labels == base.config.labels
    assert image.config.env == {**base.config.env, "GREETING": "a=b"}
    assert [c.status.value for c in await bench.listed()] == ["running"]
    # made again, the name moves
    assert await bench.backend.commit(container_id, name) != image_id
    assert not (await bench.backend.image(image_id)).references
    await bench.backend.remove_image(image_id, force=True)


async def test_what_cannot_be_committed(bench: Bench) -> None:
    with pytest.raises(ContainerNotFoundError):
        await bench.backend.diff("f" * 64)
    with pytest.raises(ContainerNotFoundError):
        await bench.backend.commit("f" * 64, bench.name())
    container_id = await started(bench)
    with pytest.raises(InvalidImageReferenceError):
        await bench.backend.commit(container_id, "a@sha256:" + "1" * 64)
    diff = await bench.backend.diff(container_id)
    assert diff.image_id == await bench.image_id()
    assert str(bench.folder) in {outside.target for outside in diff.outside}


@pytest.mark.engine
async def test_differences_have_kinds_and_sizes(docker: Bench) -> None:
    code = (
        "import os; os.makedirs('/tmp/a/b'); open('/tmp/a/b/c', 'w').write('x' * 1234)\n"
        "open('/tmp/a/two\\nlines', 'w'); open('/tmp/a/ü', 'w').write('xy')"
    )
    diff = await docker.backend.diff(await started(docker, code))
    found = {path.path: path for path in diff.paths}
    assert found["/tmp/a/b"].folder
    assert (found["/tmp/a/b/c"].kind, found["/tmp/a/b/c"].size) == (ChangeKind.ADDED, 1234)
    assert found["/tmp/a/ü"].size == 2
    assert found["/tmp/a/two\nlines"].size is None
    assert diff.size == 1236


@pytest.mark.engine
async def test_without_stat_there_are_paths_without_sizes(docker: Bench) -> None:
    code = "open('/tmp/stat', 'w').write('#!/bin/sh\\necho nonsense\\n')\nimport os\n"
    code += "os.chmod('/tmp/stat', 0o755)"
    diff = await docker.backend.diff(
        await started(docker, code, env={"PATH": "/tmp:/usr/bin:/bin"})
    )
    found = {path.path: path.size for path in diff.paths}
    assert found["/tmp/stat"] is None
    assert diff.size


@pytest.mark.engine
@pytest.mark.parametrize("drivers", [docker_commit.DRIVERS, ()], ids=["record", "layers"])
async def test_the_layers_are_there_by_either_road(
    docker: Bench, drivers: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that does not know its layers again gets them back."""
    monkeypatch.setattr(docker_commit, "DRIVERS", drivers)
    await docker.backend.info()
    container_id = await started(docker, "open('/tmp/mine', 'w').write('kept')")
    name = docker.name()
    image_id = await docker.backend.commit(container_id, name)
    made = await docker.spec("cat", "/tmp/mine", image=image_id)
    assert await docker.backend.run(made, timeout=30) == (0, "kept")


class Halfway(EngineClient):
    """Waits for the test when the engine's own commit is made, and tells when it is dropped."""

    committed: ClassVar[Future[str]]  # the id of the engine's own image
    go_on: ClassVar[threading.Event]
    dropped: ClassVar[Future[str]]

    def commit_container(self, container_id: str, **query: str) -> str:
        raw = super().commit_container(container_id, **query)
        self.committed.set_result(raw)
        assert self.go_on.wait(TIMEOUT)
        return raw

    def remove_image(self, image: str, *args: Any, **kwargs: Any) -> Any:
        removed = super().remove_image(image, *args, **kwargs)
        self.dropped.set_result(image)
        return removed


@pytest.mark.engine
async def test_a_commit_that_is_given_up_leaves_nothing(
    docker: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    Halfway.committed, Halfway.go_on, Halfway.dropped = Future(), threading.Event(), Future()
    monkeypatch.setattr(docker_client, "EngineClient", Halfway)
    container_id = await started(docker)
    name = docker.name()
    task = asyncio.ensure_future(docker.backend.commit(container_id, name))
    raw = await asyncio.wait_for(asyncio.wrap_future(Halfway.committed), TIMEOUT)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    Halfway.go_on.set()
    assert await asyncio.wait_for(asyncio.wrap_future(Halfway.dropped), TIMEOUT) == raw
    for gone in (name, raw):
        with pytest.raises(ImageNotFoundError):
            await docker.backend.image(gone)


@pytest.mark.engine
async def test_a_committed_image_travels(
    docker: Bench, plain_registry: RealRegistry, engine_host: str
) -> None:
    """Through a registry, with a small base: all of it is packed and sent."""
    name = plain_registry.reference(f"made/{os.urandom(4).hex()}:1")
    base = docker.name()
    client = APIClient(base_url=engine_host)
    try:
        client.import_image_from_data(archive({"base": b"b"}), *base.rsplit(":", 1))
    finally:
        client.close()
    spec = await docker.spec("/none", image=(await docker.backend.image(base)).id)
    docker.names.append(name)
    image_id = await docker.backend.commit(await docker.backend.create(spec), name)
    await docker.backend.push(name)
    assert image_id in await docker.backend.remove_image(name)
    await docker.backend.pull(name)
    image = await docker.backend.image(name)
    assert image.id == image_id
    assert image.config is not None
    assert image.config.labels == {}


# --- records and archives ----------------------------------------------------------------------

BASE: dict[str, Any] = {
    "Architecture": "amd64",
    "Os": "linux",
    "Config": {"Env": ["PATH=/bin", "A=1"], "Cmd": ["sh"], "Labels": {"a": "b"}, "User": "1000"},
}
MADE: dict[str, Any] = {
    "Created": "2026-01-01T00:00:00Z",
    "RootFS": {"Layers": ["sha256:1", "sha256:2"]},
}
ROWS: list[dict[str, Any]] = [
    {"Created": 3, "CreatedBy": "ours", "Size": 9},
    {"Created": 2, "CreatedBy": "ENV A=1", "Size": 0},
    {"Created": 1, "CreatedBy": "ADD x", "Size": 5, "Comment": "c"},
]


def test_the_record_is_the_bases_with_a_layer_more() -> None:
    record = docker_commit.image_record(BASE, MADE, ROWS, {"A": "2", "B": "3"})
    config: dict[str, Any] = BASE["Config"]
    assert record["config"] == {**config, "Env": ["PATH=/bin", "A=2", "B=3"]}
    assert record["rootfs"]["diff_ids"] == ["sha256:1", "sha256:2"]
    assert [step.get("empty_layer", False) for step in record["history"]] == [False, True, False]
    assert record["history"][0]["comment"] == "c"
    assert "variant" not in record


def test_a_history_that_does_not_match_the_layers_is_left_out() -> None:
    rows = [ROWS[0], ROWS[1]]
    assert "history" not in docker_commit.image_record(BASE, MADE, rows, {})


def archive(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return made.getvalue()


@pytest.mark.parametrize("size", [1, 511, 512, 100_000])
def test_an_archive_passes_with_another_record(size: int) -> None:
    manifest = [{"Config": "old.json", "RepoTags": None, "Layers": ["x/layer.tar"]}]
    source = archive(
        {
            "x/layer.tar": b"l" * size,
            "index.json": b"{}",
            "manifest.json": json.dumps(manifest).encode(),
        }
    )
    chunks = (source[i : i + 700] for i in range(0, len(source), 700))
    made = b"".join(docker_commit.with_record(chunks, b'{"a": 1}', "a:1"))
    with tarfile.open(fileobj=io.BytesIO(made)) as tar:
        files = {m.name: tar.extractfile(m).read() for m in tar}  # type: ignore[union-attr]
    assert files.pop("x/layer.tar") == b"l" * size
    (entry,) = json.loads(files.pop("manifest.json"))
    assert (entry["RepoTags"], entry["Layers"]) == (["a:1"], ["x/layer.tar"])
    assert files == {entry["Config"]: b'{"a": 1}'}


def test_an_archive_without_a_name() -> None:
    manifest = [{"Config": "old.json", "RepoTags": ["old:1"], "Layers": ["x/layer.tar"]}]
    source = archive({"x/layer.tar": b"l", "manifest.json": json.dumps(manifest).encode()})
    made = b"".join(docker_commit.with_record(iter([source]), b"{}", None))
    with tarfile.open(fileobj=io.BytesIO(made)) as tar:
        [entry] = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
    assert entry["RepoTags"] is None


def test_an_archive_of_nothing() -> None:
    with pytest.raises(EngineError, match="manifest"):
        b"".join(docker_commit.with_record([archive({})], b"{}", "a:1"))
