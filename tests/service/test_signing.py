"""Which containers are ours, by a signature that only our key makes."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container, ContainerSpec, ContainerStatus
from jupyter_gpu_containers.service.recovery.signing import Signer, load_key

KEY = b"k" * 64
TEXT = labels.make_labels(
    purpose="kernel", owner="m/b/1/2/3", user="ada", kernel_id="k1", gpus=["GPU-1"], server="s-0"
)


def container(text: dict[str, str]) -> Container:
    return Container("id", "name", ContainerStatus.RUNNING, "sha256:1", text)


def spec(text: dict[str, str]) -> ContainerSpec:
    return ContainerSpec("sha256:1", ("true",), "name", "1:1", "/", text)


def test_what_we_signed_is_ours() -> None:
    signed = Signer(KEY).signed(spec(TEXT)).labels
    assert Signer(KEY).is_ours(container(signed))
    assert not Signer(b"x" * 64).is_ours(container(signed))
    assert not Signer(KEY).is_ours(container(TEXT))


@pytest.mark.parametrize("name", labels.SIGNED)
def test_every_label_is_covered(name: str) -> None:
    """Also one that was empty: an image's label would come in its place."""
    signed = Signer(KEY).signed(spec(TEXT)).labels
    assert not Signer(KEY).is_ours(container({**signed, name: "other"}))


def test_an_image_cannot_add_labels_of_ours() -> None:
    """An engine takes only those labels from the image that a container does not have itself."""
    signed = Signer(KEY).signed(spec(labels.make_labels(purpose="kernel", owner="o", user="u")))
    image = dict.fromkeys(labels.SIGNED, "from the image")
    merged = {**image, **signed.labels}
    assert Signer(KEY).is_ours(container(merged))
    assert labels.gpus_of(container(merged)) == frozenset()


def test_labels_of_others_are_left_as_they_are() -> None:
    signed = Signer(KEY).signed(spec({**TEXT, "org.example": "x"})).labels
    assert signed["org.example"] == "x"
    assert Signer(KEY).is_ours(container({**signed, "org.example": "y"}))


@given(st.dictionaries(st.sampled_from(labels.SIGNED), st.text()), st.text())
def test_values_cannot_flow_into_each_other(text: dict[str, str], given: str) -> None:
    """Nothing but the very same labels has the same signature, whatever is in them."""
    signed = labels.signed(text, KEY)
    assert labels.is_signed(signed, KEY)
    assert not labels.is_signed({**text, labels.SIGNATURE: given}, KEY)
    for name, value in signed.items():
        if name != labels.SIGNATURE:
            assert not labels.is_signed({**signed, name: value + "\0"}, KEY)


def test_the_key_is_shown_nowhere() -> None:
    signer = Signer(b"canary-key-0123456789")
    assert "canary" not in repr(signer) + str(signer) + repr(signer.signed(spec(TEXT)))


# --- the file -------------------------------------------------------------------------------------


def test_made_once(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "key"
    key = load_key(path)
    assert len(key) == 64
    assert load_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["key"]


def _load(path: Path) -> bytes:
    return load_key(path)


def test_of_many_at_once_one_makes_it(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        keys = pool.map(_load, [tmp_path / "key"] * 16)
    assert len(set(keys)) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


def test_one_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    load_key(path)
    path.chmod(0o640)
    with pytest.raises(InvalidRequestError, match="mode 640") as caught:
        load_key(path)
    assert "chmod 600" in caught.value.hint
    assert load_key(path, shared=True)  # a laboratory's may be its group's
    path.chmod(0o644)
    with pytest.raises(InvalidRequestError):
        load_key(path, shared=True)


@pytest.mark.parametrize("content", [b"", b"short", b"\n" * 100])
def test_one_that_is_damaged_is_refused(tmp_path: Path, content: bytes) -> None:
    """Never replaced in silence: kernels that run would become somebody else's."""
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(InvalidRequestError, match="damaged"):
        load_key(path)
    assert path.read_bytes() == content


def test_a_shared_one_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        load_key(tmp_path / "key", shared=True)
    assert os.listdir(tmp_path) == []


def test_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        load_key(tmp_path / "file" / "key")


def test_a_copy_of_the_labels_is_as_signed() -> None:
    """What a signature cannot tell: that is why a kernel is found by its container's id, too."""
    signed = Signer(KEY).signed(spec(TEXT)).labels
    assert Signer(KEY).is_ours(replace(container(signed), id="another", name="another"))
