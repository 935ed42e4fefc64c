"""What is known beforehand: releases by tag, and how far a verdict on it may be trusted."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from jupyter_gpu_containers.catalogue import curated_entries, nvidia_matrix
from jupyter_gpu_containers.model.fitness.host import Host, HostGpu
from jupyter_gpu_containers.model.fitness.rating import Rating, Reason, Severity
from jupyter_gpu_containers.model.fitness.verdict import GpuVerdict, Verdict
from jupyter_gpu_containers.model.image.catalogue import (
    Evidence,
    KnownImage,
    familiar,
    nvidia_env,
    with_evidence,
)
from jupyter_gpu_containers.model.image.framework import describe
from jupyter_gpu_containers.model.image.image import Image, ImageReference

MATRIX = nvidia_matrix()
WHY = Reason("driver_is_new_enough", "Fits.", "CUDA_VERSION=13.0")


def find(reference: str) -> KnownImage | None:
    return MATRIX.find(ImageReference.parse(reference))


# --- the data ------------------------------------------------------------------------------------


def test_every_entry_is_complete() -> None:
    entries = curated_entries()
    names = [entry.name for entry in entries]
    assert len(set(names)) == len(names)
    assert {entry.vendor for entry in entries} >= {"NVIDIA", "OpenPAI", "Jupyter", "RAPIDS"}
    for entry in entries:
        assert entry.reference == entry.tags[0]
        assert entry.link.startswith("https://")
        assert entry.licence
        assert entry.description.endswith(".")
        assert len(set(entry.tags)) == len(entry.tags)
        for tag in entry.tags:
            assert familiar(tag) == tag
            assert ImageReference.parse(tag).tag


def test_of_every_image_something_is_known_without_a_registry() -> None:
    for entry in curated_entries():
        known = {image.reference: image for image in entry.known}
        for tag in entry.tags:
            image = known.get(tag) or find(tag)
            assert image is not None, tag


def test_a_name_is_of_a_tag_of_its_entry() -> None:
    for entry in curated_entries():
        assert {image.reference for image in entry.known} <= set(entry.tags)


def test_releases_are_newest_first_and_have_a_cuda_version() -> None:
    assert list(MATRIX.releases) == sorted(MATRIX.releases, reverse=True)
    for release in MATRIX.releases.values():
        assert re.fullmatch(r"\d{1,2}(\.\d+){1,3}", release.cuda)
        assert release.evidence


# --- the matrix ----------------------------------------------------------------------------------


def test_a_tag_that_nobody_listed_is_known_by_its_release() -> None:
    assert find("nvcr.io/nvidia/pytorch:25.08-py3") == KnownImage(
        "nvcr.io/nvidia/pytorch:25.08-py3",
        Evidence.MATRIX,
        env={
            "CUDA_VERSION": "13.0.1.012",
            "CUDA_DRIVER_VERSION": "580.82.07",
            "NVIDIA_REQUIRE_CUDA": "cuda>=9.0",
            "NVIDIA_VISIBLE_DEVICES": "all",
            "NVIDIA_PYTORCH_VERSION": "25.08",
        },
        python="3.12.3",
        min_capability=(7, 5),
    )


def test_an_image_of_its_own_goes_before_its_release() -> None:
    # built on the PyTorch of 25.10, whatever its own tag says
    known = find("nvcr.io/nvidia/tritonserver:26.01-trtllm-python-py3")
    assert known is not None
    assert known.env["CUDA_VERSION"] == "13.0.2.006"
    assert known.size == 16_170_000_000


def test_what_one_image_told_is_not_said_of_its_siblings() -> None:
    known = find("nvcr.io/nvidia/tensorflow:23.10-tf2-py3")
    assert known is not None
    assert known.evidence is Evidence.RELEASE_NOTES  # PyTorch's environment was read, not this


@pytest.mark.parametrize(
    "reference",
    [
        "nvcr.io/nvidia/pytorch:99.01-py3",  # a release that nobody knows
        "nvcr.io/nvidia/pytorch:latest",
        "nvcr.io/nvidia/pytorch@sha256:" + 64 * "0",
        "nvcr.io/nvidia/pytorch:25.08-py3-igpu",  # Jetson
        "nvcr.io/other/pytorch:25.08-py3",
        "pytorch:25.08-py3",
    ],
)
def test_of_others_the_matrix_says_nothing(reference: str) -> None:
    assert find(reference) is None


def test_a_driver_branch_of_the_release_notes_is_not_a_bundled_driver() -> None:
    assert "CUDA_DRIVER_VERSION" not in nvidia_env("10.0", "410", {})
    assert nvidia_env("13.0", "580.82.07", {"pytorch": "2.9.0"})["PYTORCH_VERSION"] == "2.9.0"


def test_what_is_known_describes_itself_as_the_image_would() -> None:
    known = find("nvcr.io/nvidia/pytorch:25.06-py3")
    assert known is not None
    told = describe(Image("sha256:0", references=(known.reference,), config=known.config("amd64")))
    assert told.framework is not None
    assert (told.framework.name, told.framework.version) == ("PyTorch", "25.06")
    assert told.cuda == "12.9.0"


def test_what_was_read_for_one_architecture_is_not_said_of_another() -> None:
    known = KnownImage(
        "a/b:1", Evidence.IMAGE_ENV, {"A": "1"}, {"arm64": {"TORCH_CUDA_ARCH_LIST": "8.0"}}
    )
    assert known.config("arm64").env == {"A": "1", "TORCH_CUDA_ARCH_LIST": "8.0"}
    assert known.config("amd64").env == known.config(None).env == {"A": "1"}


# --- how far it may be trusted -------------------------------------------------------------------


def verdict(*ratings: Rating, overall: Rating) -> Verdict:
    gpus = tuple(
        GpuVerdict(index, rating, "native", "ok", "pass", (WHY,))
        for index, rating in enumerate(ratings)
    )
    return Verdict(overall, gpus, ())


def host(*capabilities: tuple[int, int]) -> Host:
    return Host(
        "amd64",
        "580.95.05",
        "13.0",
        tuple(HostGpu(index, "GPU", capability) for index, capability in enumerate(capabilities)),
    )


def known_by(evidence: Evidence) -> KnownImage:
    return KnownImage("a/b:1", evidence, min_capability=(7, 5))


def test_what_was_read_from_the_image_may_be_compatible() -> None:
    given = verdict(Rating.COMPATIBLE, overall=Rating.COMPATIBLE)
    found = with_evidence(given, known_by(Evidence.IMAGE_ENV), host((9, 0)))
    assert found == replace(given, reasons=found.reasons)
    assert [(one.code, one.severity) for one in found.reasons] == [
        ("registry_not_asked", Severity.INFO)
    ]


def test_a_table_makes_it_likely_at_most() -> None:
    given = verdict(Rating.COMPATIBLE, Rating.GPU_BROKEN, overall=Rating.COMPATIBLE)
    found = with_evidence(given, known_by(Evidence.MATRIX), host((9, 0), (9, 0)))
    assert [gpu.rating for gpu in found.gpus] == [Rating.LIKELY, Rating.GPU_BROKEN]
    assert found.rating is Rating.LIKELY
    assert found.reasons[-1].evidence == "support matrix"
    assert found.reasons[-1].severity is Severity.WARNING


def test_gpus_older_than_the_maker_supports_are_incompatible() -> None:
    given = verdict(Rating.LIKELY, Rating.LIKELY, overall=Rating.LIKELY)
    found = with_evidence(given, known_by(Evidence.MATRIX), host((7, 0), (8, 0)))
    assert [gpu.rating for gpu in found.gpus] == [Rating.INCOMPATIBLE, Rating.LIKELY]
    assert found.rating is Rating.LIKELY  # one GPU is enough
    assert found.gpus[0].reasons[0].message == (
        "The image supports compute capability 7.5 and newer; this GPU has 7.0."
    )
    alone = with_evidence(
        verdict(Rating.LIKELY, overall=Rating.LIKELY), known_by(Evidence.MATRIX), host((7, 0))
    )
    assert alone.rating is Rating.INCOMPATIBLE
    assert alone.reasons[0] == found.gpus[0].reasons[0]
    assert alone.reasons[0].severity is Severity.PROBLEM


@pytest.mark.parametrize("rating", [Rating.CPU, Rating.UNVERIFIED, Rating.INCOMPATIBLE])
def test_other_ratings_stay_what_they_are(rating: Rating) -> None:
    found = with_evidence(verdict(overall=rating), known_by(Evidence.DOCKERFILE), host())
    assert found.rating is rating
