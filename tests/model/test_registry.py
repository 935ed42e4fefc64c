"""How much of an image is still to be fetched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.model.image.image import ImageConfig
from jupyter_gpu_containers.model.image.registry import Layer, RemoteImage


def remote(*diff_ids: str) -> RemoteImage:
    layers = tuple(Layer(f"blob-{i}", 10**i, diff_id) for i, diff_id in enumerate(diff_ids))
    return RemoteImage("a/b:1", "sha256:0", "sha256:1", ImageConfig(), layers, "amd64")


def test_nothing_is_here() -> None:
    assert remote("a", "b", "c").missing([]) == 111
    assert remote("a", "b", "c").missing([("x",), ()]) == 111


def test_the_longest_common_base_counts() -> None:
    present = [("a", "x"), ("a", "b", "y"), ("b", "c")]
    assert remote("a", "b", "c").missing(present) == 100


def test_a_layer_on_top_of_others_is_another_layer() -> None:
    assert remote("a", "b").missing([("x", "b")]) == 11


def test_all_is_here_in_an_image_that_is_made_from_it() -> None:
    assert remote("a", "b").missing([("a", "b", "mine")]) == 0


def test_layers_without_identity_are_never_taken_for_present() -> None:
    assert remote("", "").missing([("", "")]) == 11


@given(
    st.lists(st.sampled_from("abc"), max_size=6),
    st.lists(st.lists(st.sampled_from("abc"), max_size=6).map(tuple), max_size=4),
)
def test_more_images_never_mean_more_bytes(
    diff_ids: list[str], present: list[tuple[str, ...]]
) -> None:
    image = remote(*diff_ids)
    assert 0 <= image.missing(present) <= image.missing(present[1:]) <= image.size
