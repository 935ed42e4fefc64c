"""Times as people write and read them."""

from __future__ import annotations

import pytest

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("90s", 90), (" 30 m ", 1800), ("2H", 7200), ("1.5d", 129_600)],
)
def test_times(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "-1h", "1e9", "2 hours", "1.h", "٣h", "2hh", "1h30m"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_duration(text)
    assert "is not a time" in caught.value.message
    assert "2h" in caught.value.hint


def test_a_long_text_is_not_repeated_in_full() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_duration("x" * 10_000)
    assert len(caught.value.message) < 100
