"""The catalogue: the administrator's entries, curated ones, hidden ones."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_gpu_containers.catalogue import curated_entries, nvidia_matrix, own_entries
from jupyter_gpu_containers.errors import InvalidImageReferenceError, InvalidRequestError
from jupyter_gpu_containers.model.image.catalogue import Entry, Evidence
from jupyter_gpu_containers.service.image.catalogue import Catalogue

COURSE = {"name": "course", "reference": "registry.example.org/teaching/course:2026"}


def names(catalogue: Catalogue) -> list[str]:
    return [entry.name for entry in catalogue.entries()]


def test_an_own_entry_comes_first_and_takes_the_place_of_its_namesake() -> None:
    own = own_entries([COURSE, {"name": "pytorch", "reference": "registry.example.org/torch"}])
    catalogue = Catalogue(curated_entries(), own=own)
    assert names(catalogue)[:2] == ["course", "pytorch"]
    assert names(catalogue).count("pytorch") == 1
    assert len(names(catalogue)) == len(curated_entries()) + 1


def test_hidden_entries_are_named_or_matched() -> None:
    catalogue = Catalogue(curated_entries(), hidden=["pytorch", "ngc-*"])
    assert "jupyter-pytorch" in names(catalogue)
    assert not [name for name in names(catalogue) if name == "pytorch" or name.startswith("ngc-")]


def test_all_curated_entries_can_be_hidden_but_not_the_own() -> None:
    catalogue = Catalogue(curated_entries(), own=own_entries([COURSE]), hidden=["*"])
    assert names(catalogue) == ["course"]


def test_what_is_known_of_an_image_does_not_depend_on_what_is_shown() -> None:
    catalogue = Catalogue(curated_entries(), nvidia_matrix(), hidden=["*"])
    known = catalogue.known("docker.io/pytorch/pytorch:2.9.1-cuda12.8-cudnn9-devel")
    assert known is not None
    assert known.env["CUDA_VERSION"] == "12.8.1"
    assert catalogue.known("nvcr.io/nvidia/pytorch:26.07-py3") is not None
    assert catalogue.known("nvcr.io/nvidia/pytorch:24.12-py3") is not None  # by its release
    assert catalogue.known("ubuntu:24.04") is None
    assert catalogue.known("<none>:<none>") is None


def test_the_matrix_adds_what_an_image_does_not_tell_itself() -> None:
    known = Catalogue(curated_entries(), nvidia_matrix()).known("nvcr.io/nvidia/pytorch:25.10-py3")
    assert known is not None
    assert known.evidence is Evidence.IMAGE_ENV
    assert known.config("arm64").env["TORCH_CUDA_ARCH_LIST"] == "8.0 8.6 9.0 10.0 11.0 12.0+PTX"
    assert (known.python, known.min_capability) == ("3.12", (7, 5))


def test_an_own_entry_with_everything() -> None:
    row = {
        **COURSE,
        "title": "Course",
        "description": "For the course.",
        "link": "https://wiki.example.org/course",
        "licence": "MIT",
        "framework": "PyTorch",
        "vendor": "Our faculty",
        "tags": ["registry.example.org/teaching/course:2025", COURSE["reference"]],
    }
    assert own_entries([row]) == (
        Entry(
            name="course",
            title="Course",
            reference="registry.example.org/teaching/course:2026",
            description="For the course.",
            link="https://wiki.example.org/course",
            licence="MIT",
            framework="PyTorch",
            vendor="Our faculty",
            tags=(
                "registry.example.org/teaching/course:2026",
                "registry.example.org/teaching/course:2025",
            ),
        ),
    )


def test_an_own_entry_with_the_least() -> None:
    (entry,) = own_entries([{"name": "u", "reference": "docker.io/library/ubuntu:24.04"}])
    assert (entry.title, entry.reference, entry.tags) == ("ubuntu:24.04",) * 2 + (
        ("ubuntu:24.04",),
    )


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"reference": "a/b"}, "catalogue_entries[0] has no name."),
        ({"name": "x"}, "catalogue_entries[0] has no reference."),
        ({"name": "X y", "reference": "a/b"}, "“X y” cannot be the name"),
        ({**COURSE, "image": "a/b"}, "unknown key “image”"),
        ({**COURSE, "title": 3}, "has no title"),
        ({**COURSE, "tags": "a/b:1"}, "must be a list"),
        ({**COURSE, "link": "javascript:alert(1)"}, "is not a link"),
    ],
)
def test_what_is_wrong_with_an_own_entry_is_said(row: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        own_entries([row])
    assert words in raised.value.message


def test_own_entries_have_references_and_names_of_their_own() -> None:
    with pytest.raises(InvalidImageReferenceError):
        own_entries([{"name": "x", "reference": "No/Reference"}])
    with pytest.raises(InvalidRequestError, match="two entries of the name “course”"):
        own_entries([COURSE, COURSE])
