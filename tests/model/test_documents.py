"""Hosts and images as documents: what is read, what is refused in words, whatever the JSON is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.fitness.host import Host, HostGpu
from jupyter_gpu_containers.model.fitness.host_document import host_document, parse_host
from jupyter_gpu_containers.model.fitness.verdict import ImageClaims, judge
from jupyter_gpu_containers.model.image.document import parse_image_config
from jupyter_gpu_containers.model.image.image import ImageConfig

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
HOST_KEYS = ["driver_version", "cuda_version", "architecture", "gpus", "disk_free"]
GPU_KEYS = ["name", "compute_capability", "brand", "mig", "index", "problem"]
IMAGE_KEYS = ["config", "Config", "architecture", "Architecture", "RepoTags"]
GPU = st.dictionaries(st.sampled_from(GPU_KEYS), SCALARS) | SCALARS
HOST = st.dictionaries(st.sampled_from(HOST_KEYS), SCALARS | st.lists(GPU, max_size=3)) | SCALARS
CONFIG = st.fixed_dictionaries(
    {},
    optional={
        "Env": st.lists(st.text() | SCALARS, max_size=3) | SCALARS,
        "Labels": st.dictionaries(st.text(), SCALARS, max_size=2) | SCALARS,
    },
)
IMAGE = st.dictionaries(
    st.sampled_from(IMAGE_KEYS), CONFIG | SCALARS | st.lists(SCALARS, max_size=2)
)
WORDS = st.none() | st.sampled_from(["550.54.15", "12.4"])
HOSTS = st.builds(
    Host,
    architecture=st.none() | st.sampled_from(["amd64", "arm64"]),
    driver_version=WORDS,
    cuda_version=WORDS,
    gpus=st.lists(
        st.builds(
            HostGpu,
            index=st.integers(0, 9),
            name=st.text(min_size=1),
            compute_capability=st.none() | st.tuples(st.integers(0, 99), st.integers(0, 9)),
            brand=st.none() | st.text(min_size=1),
            mig=st.booleans(),
            problem=st.none() | st.text(min_size=1),
        ),
        max_size=3,
    ).map(tuple),
    disk_free=st.none() | st.integers(0, 2**50),
)


@given(HOSTS)
def test_a_host_survives_being_written(host: Host) -> None:
    assert parse_host(host_document(host)) == host


def test_the_format_of_the_command_line() -> None:
    document = {
        "driver_version": "535.161.08",
        "cuda_version": 12.2,
        "architecture": "x86_64",
        "gpus": [
            {"name": "NVIDIA A100", "compute_capability": 8.0, "brand": "Nvidia", "mig": True},
            {},
        ],
        "comment": "a key that nobody knows",
    }
    assert parse_host(document) == Host(
        "amd64",
        "535.161.08",
        "12.2",
        (HostGpu(0, "NVIDIA A100", (8, 0), "Nvidia", mig=True), HostGpu(1, "NVIDIA GPU")),
    )
    assert parse_host({}) == Host(None)


def test_images_in_both_forms() -> None:
    claims = ImageClaims(
        "pytorch/pytorch:2.6.0", ImageConfig({"A": "1=2", "B": ""}, {"x": "y"}), "arm64"
    )
    config = {"Env": ["A=1=2", "B="], "Labels": {"x": "y"}}
    tags = ["pytorch/pytorch:2.6.0", "other"]
    inspected = {"Id": "sha256:…", "RepoTags": tags, "Architecture": "aarch64", "Config": config}
    assert parse_image_config([inspected]) == parse_image_config(inspected) == claims
    oci = parse_image_config({"architecture": "arm64", "config": config})
    assert oci == ImageClaims("", claims.config, "arm64")
    empty = ImageClaims("", ImageConfig(), "amd64")
    assert parse_image_config({"architecture": "amd64"}) == empty
    nothing = {"RepoTags": None, "Architecture": "amd64", "Config": {"Env": None, "Labels": None}}
    assert parse_image_config(nothing) == empty


@given(IMAGE | st.lists(IMAGE, max_size=2) | SCALARS, HOST)
def test_any_json_is_judged_or_refused_in_words(image: object, host: object) -> None:
    try:
        judge(parse_image_config(image), parse_host(host))
    except InvalidRequestError as exc:
        complaint = exc
    else:
        return
    assert complaint.message.endswith(".")
    assert complaint.hint


def test_two_images_at_once() -> None:
    with pytest.raises(InvalidRequestError, match="one image is judged at a time"):
        parse_image_config([{"Config": {}}, {"Config": {}}])
