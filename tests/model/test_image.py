"""Image references: the grammar of distribution/reference, normal form, and what is refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.errors import InvalidImageReferenceError
from jupyter_gpu_containers.model.image.image import Image, ImageProbe, ImageReference, is_image_id

SAMPLES = Path(__file__).parents[2] / "labextension" / "src" / "__tests__" / "references.json"
DIGEST = "sha256:" + "0123456789abcdef" * 4
OTHER = "sha256:" + "a" * 64

components = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}", fullmatch=True)
labels = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,6}[a-zA-Z0-9])?", fullmatch=True)
registries = st.one_of(
    st.just("localhost"),
    st.builds("{}.{}".format, labels, labels),
    st.builds("{}:{}".format, labels, st.integers(1, 65535)),
    st.just("[2001:db8::1]:5000"),
)
references = st.builds(
    lambda registry, path, tag, digest: (
        f"{registry}/" * bool(registry)
        + "/".join(path)
        + f":{tag}" * bool(tag)
        + f"@{digest}" * bool(digest)
    ),
    st.none() | registries,
    st.lists(components, min_size=1, max_size=3),
    st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
    st.none() | st.just(DIGEST),
)


@given(references)
def test_parse_and_str_are_inverse(text: str) -> None:
    reference = ImageReference.parse(text)
    assert ImageReference.parse(str(reference)) == reference
    assert ImageReference.parse(reference.familiar) == reference


@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        reference = ImageReference.parse(text)
    except InvalidImageReferenceError:
        return
    assert ImageReference.parse(str(reference)) == reference


def test_the_refusal_shows_how_a_reference_looks() -> None:
    with pytest.raises(InvalidImageReferenceError) as caught:
        ImageReference.parse("Not one")
    assert caught.value.as_dict() == {
        "code": "invalid_image_reference",
        "message": "“Not one” is not an image reference.",
        "hint": "Write it as [registry/]repository[:tag], for example "
        "nvcr.io/nvidia/pytorch:25.08-py3.",
    }


@pytest.mark.parametrize(
    ("text", "full", "familiar"),
    [
        ("ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest"),
        ("index.docker.io/ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest"),
        ("pytorch/pytorch:2.6.0", "docker.io/pytorch/pytorch:2.6.0", "pytorch/pytorch:2.6.0"),
        (
            "nvcr.io/nvidia/pytorch:25.08-py3",
            "nvcr.io/nvidia/pytorch:25.08-py3",
            "nvcr.io/nvidia/pytorch:25.08-py3",
        ),
        ("localhost:5000/x:1", "localhost:5000/x:1", "localhost:5000/x:1"),
        ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
        (f"a/b@{DIGEST}", f"docker.io/a/b@{DIGEST}", f"a/b@{DIGEST}"),
        (f"a/b:1@{DIGEST}", f"docker.io/a/b:1@{DIGEST}", f"a/b:1@{DIGEST}"),
    ],
)
def test_normal_form(text: str, full: str, familiar: str) -> None:
    reference = ImageReference.parse(text)
    assert (str(reference), reference.familiar) == (full, familiar)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ubuntu",
        "python:3\n",  # a `$` in place of fullmatch lets this pass
        "Ubuntu",
        "a//b",
        "a/b:",
        "a/b@sha256:123",
        "-a",
        "a..b",
        "ubuntu:1 --privileged",
        "../../etc/passwd",
        "a" * 5000,
        DIGEST,  # an image id is not a reference
    ],
)
def test_what_is_not_a_reference(text: str) -> None:
    with pytest.raises(InvalidImageReferenceError):
        ImageReference.parse(text)


def test_the_front_end_is_tested_with_what_is_a_reference_here() -> None:
    samples = json.loads(SAMPLES.read_text(encoding="utf-8"))
    for text in samples["references"]:
        ImageReference.parse(text)
    for text in samples["others"]:
        with pytest.raises(InvalidImageReferenceError):
            ImageReference.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [(DIGEST, True), (DIGEST.upper(), False), (DIGEST + "\n", False), (DIGEST[:-1], False)],
)
def test_image_ids(text: str, expected: bool) -> None:
    assert is_image_id(text) is expected


def test_an_image_is_called_by_its_first_reference_or_its_short_id() -> None:
    assert Image(DIGEST, references=("a:1", "b:2")).name == "a:1"
    assert Image(DIGEST).name == "0123456789ab"


@pytest.mark.parametrize(
    ("reference", "digest"),
    [
        ("nvcr.io/nvidia/pytorch:25.08-py3", DIGEST),
        ("nvcr.io/nvidia/pytorch:other", DIGEST),  # it is the repository that has the digest
        (f"nvcr.io/nvidia/pytorch@{DIGEST}", DIGEST),
        (f"nvcr.io/nvidia/pytorch@sha256:{'f' * 64}", None),
        ("pytorch:1", OTHER),
        ("docker.io/library/pytorch:1", OTHER),
        ("nvcr.io/nvidia/tensorflow:1", None),
        ("not a reference", None),
        (DIGEST, None),
    ],
)
def test_an_image_has_its_digest_where_it_came_from(reference: str, digest: str | None) -> None:
    names = ("<none>@<none>", f"nvcr.io/nvidia/pytorch@{DIGEST}", f"pytorch@{OTHER}")
    assert Image(DIGEST, repo_digests=names).digest_as(reference) == digest
    assert Image(DIGEST).digest_as(reference) is None


def test_a_probe_is_added_to_a_copy() -> None:
    image, probe = Image(DIGEST), ImageProbe(python="3.12.1")
    assert image.with_probe(probe) == Image(DIGEST, probe=probe)
    assert image.probe is None
