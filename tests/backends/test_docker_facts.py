"""What engines answer, read into the model's values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_gpu_containers.backends.docker.facts import (
    container_from_list,
    engine_info,
    image_from_inspect,
    image_from_list,
    seconds,
)
from jupyter_gpu_containers.backends.output import plain_text
from jupyter_gpu_containers.model.image.image import Image, ImageConfig
from jupyter_gpu_containers.model.kernel.container import Container, ContainerStatus

ID = "sha256:" + "b" * 64
DOCKER = {"Version": "28.3.0", "ApiVersion": "1.51", "Arch": "amd64", "Components": []}


def podman(version: str) -> dict[str, Any]:
    return {
        "Version": version,
        "ApiVersion": "1.41",
        "Arch": "amd64",
        "Components": [{"Name": "Podman Engine", "Version": version}],
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-01-01T00:00:00Z", 1735689600.0),
        ("2025-01-01T01:00:00.5+01:00", 1735689600.5),
        ("0001-01-01T00:00:00Z", 0.0),
        ("", 0.0),
    ],
)
def test_seconds(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07text", "red text"),
        (b"one\r\ntwo\r\n", "one\ntwo\n"),
        (b"start\n 10%\r 50%\r100%\nend", "start\n100%\nend"),
        (b"\xff", "\ufffd"),
    ],
)
def test_plain_text(data: bytes, text: str) -> None:
    assert plain_text(data) == text


def test_image_from_list() -> None:
    row = {
        "Id": ID,
        "RepoTags": ["docker.io/library/debian:12", "localhost/own:latest"],
        "RepoDigests": ["debian@sha256:" + "c" * 64],
        "Size": 5,
        "Created": 7,
        "Labels": None,
    }
    assert image_from_list(row) == Image(
        id=ID,
        references=("debian:12", "localhost/own:latest"),
        repo_digests=("debian@sha256:" + "c" * 64,),
        size=5,
        created=7.0,
    )


@pytest.mark.parametrize("tags", [None, [], ["<none>:<none>"]])
def test_dangling_image_is_left_out(tags: list[str] | None) -> None:
    assert image_from_list({"Id": ID, "RepoTags": tags, "RepoDigests": ["<none>@<none>"]}) is None


def test_image_pulled_by_digest_is_named_by_it() -> None:
    digest = "debian@sha256:" + "c" * 64
    image = image_from_list({"Id": ID, "RepoTags": [], "RepoDigests": [digest]})
    assert image is not None
    assert image.references == (digest,)


def test_image_from_inspect() -> None:
    row = {
        "Id": ID,
        "RepoTags": ["debian:12"],
        "Created": "2025-01-01T00:00:00Z",
        "Size": 5,
        "Architecture": "arm64",
        "Config": {"Env": ["A=b=c", "EMPTY"], "Labels": {"k": "v"}},
    }
    assert image_from_inspect(row) == Image(
        id=ID,
        references=("debian:12",),
        size=5,
        created=1735689600.0,
        labels={"k": "v"},
        architecture="arm64",
        config=ImageConfig(env={"A": "b=c", "EMPTY": ""}, labels={"k": "v"}),
    )


def test_container_from_list() -> None:
    row = {
        "Id": "d" * 64,
        "Names": ["/kernel-1"],
        "State": "Exited",  # Podman's compatible API has used capitals
        "ImageID": ID,
        "Labels": {"k": "v"},
        "Created": 9,
    }
    assert container_from_list(row) == Container(
        "d" * 64, "kernel-1", ContainerStatus.EXITED, ID, {"k": "v"}, 9.0
    )


def test_engine_without_cdi() -> None:
    info = engine_info(DOCKER, {"Runtimes": {"runc": {}, "nvidia": {}}})
    assert (info.name, info.version, info.architecture) == ("Docker Engine", "28.3.0", "amd64")
    assert info.cdi_devices is None
    assert info.nvidia_runtime


def test_devices_that_the_engine_discovered() -> None:
    rows = [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}, {"Source": "other", "ID": "x"}]
    info = engine_info(DOCKER, {"DiscoveredDevices": rows, "CDISpecDirs": ["/nowhere"]})
    assert info.cdi_devices == ("nvidia.com/gpu=0",)


def test_devices_in_the_folders_that_the_engine_reads(tmp_path: Path) -> None:
    spec = {"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": [{"name": "GPU-1"}]}
    (tmp_path / "nvidia.json").write_text(json.dumps(spec))
    (tmp_path / "other.yaml").write_text("kind: vendor.com/nic\ndevices:\n- name: eth0\n")
    (tmp_path / "damaged.yaml").write_text("devices: [")
    (tmp_path / "README").write_text("not a specification")
    info = engine_info(DOCKER, {"CDISpecDirs": [str(tmp_path), "/nowhere"]})
    assert info.cdi_devices == ("nvidia.com/gpu=GPU-1", "vendor.com/nic=eth0")


def test_podman_that_ignores_device_requests_offers_no_cdi() -> None:
    info = engine_info(podman("4.3.1"), {"CDISpecDirs": ["/etc/cdi"]})
    assert (info.name, info.cdi_devices) == ("Podman Engine", None)
    assert engine_info(podman("5.4.0"), {}).cdi_devices is not None


def test_image_of_several_tags_has_one_name() -> None:
    """The engine gives tags in random order; titles made of the first must not change with it."""
    tags = ["lab/torch:b", "lab/torch:a"]
    images = [
        image_from_list({"Id": "sha256:1", "RepoTags": order}) for order in (tags, tags[::-1])
    ]
    assert [image.name for image in images if image] == ["lab/torch:a", "lab/torch:a"]
