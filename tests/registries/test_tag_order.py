"""The order of tags, with those of real repositories."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.registries.tag_order import image_tags, matching, newest_first


@pytest.mark.parametrize(
    "tags",
    [
        ["25.10-py3", "25.10-py3-igpu", "25.08-py3", "24.12-py3", "24.02-py3", "9.12-py3"],
        ["latest", "2.10.0", "2.9.1", "2.9.0", "2.9.0rc2", "2.9.0rc1", "2.9.0.dev1", "1.13"],
        [
            "2.6.0-cuda12.4-cudnn9-devel",
            "2.6.0-cuda12.4-cudnn9-runtime",
            "2.6.0-cuda11.8-cudnn9-devel",
            "2.5.1-cuda12.4-cudnn9-devel",
        ],
        ["v0.25.1", "v0.25.0", "v0.9.3", "nightly"],
        ["2025-10-20", "2025-9-1", "cuda12-python-3.13", "python-3.13", "python-3.11"],
        ["latest", "3.12-slim", "3.9-slim", "bookworm", "slim"],
    ],
)
def test_newest_first(tags: list[str]) -> None:
    assert newest_first(sorted(tags)) == tags
    assert newest_first(reversed(tags)) == tags


def test_what_is_no_tag_of_an_image() -> None:
    signature = f"sha256-{'a' * 64}"
    found = image_tags(["1", "1", 2, None, "", ".a", "a b", signature, f"{signature}.sig", "b"])
    assert found == ["1", "b"]


def test_matching() -> None:
    tags = ["25.08-py3", "25.08-py3-IGPU", "24.08-py3"]
    assert matching(tags, "") == tags
    assert matching(tags, "igpu 25") == ["25.08-py3-IGPU"]


TAGS = st.lists(st.from_regex(r"[\w][\w.-]{0,20}", fullmatch=True) | st.text())


@given(TAGS)
def test_one_order_whatever_comes(tags: list[str]) -> None:
    expected = newest_first(tags)
    assert sorted(expected) == sorted(tags)
    assert newest_first(reversed(expected)) == expected


@given(st.lists(st.integers(0, 30), min_size=1, max_size=4), st.integers(0, 3), st.integers(1, 9))
def test_a_greater_number_is_newer(version: list[int], place: int, more: int) -> None:
    newer = list(version)
    newer[place % len(version)] += more
    one, other = (".".join(map(str, numbers)) for numbers in (version, newer))
    assert newest_first([one, other]) == [other, one]
