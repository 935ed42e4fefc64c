"""Sizes as people write them."""

from __future__ import annotations

import pytest

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.size import format_bytes, format_memory, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("512b", 512),
        ("1k", 1 << 10),
        ("512m", 512 << 20),
        ("8g", 8 << 30),
        ("8G", 8 << 30),
        ("8GB", 8 << 30),
        ("1.5GiB", 3 << 29),
        ("2 tb", 2 << 40),
        (" 4g ", 4 << 30),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "g", "-1g", "1e9", "8 apples", "1.g", "٣g", "8gg", "0x10"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_size(text)
    assert "is not a size" in caught.value.message
    assert "8g" in caught.value.hint


def test_a_long_text_is_not_repeated_in_full() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_size("x" * 10_000)
    assert len(caught.value.message) < 100


@pytest.mark.parametrize(
    ("count", "memory", "size"),
    [
        (0, "0 B", "0 B"),
        (512, "512 B", "512 B"),
        (999_999, "976.6 kB", "1 MB"),
        (256 << 20, "256 MB", "268.4 MB"),
        ((1 << 30) - 1, "1 GB", "1.1 GB"),
        (1536 << 20, "1.5 GB", "1.6 GB"),
        (8 << 30, "8 GB", "8.6 GB"),
        (8_900_000_000, "8.3 GB", "8.9 GB"),
        (3 << 50, "3072 TB", "3377.7 TB"),
    ],
)
def test_memory_counts_by_1024_and_all_else_by_1000(count: int, memory: str, size: str) -> None:
    assert (format_memory(count), format_bytes(count)) == (memory, size)
