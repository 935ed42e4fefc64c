"""What others wrote, where a line means something."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.model.quoting import MARGIN, one_line, quoted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("It ended.", "It ended."),
        ("Grüße 你好\t→", "Grüße 你好\t→"),
        ("a\nb\r\nc", "a\\nb\\r\\nc"),
        ("\x1b[2J\x07\x7f\x9b1m", "\\x1b[2J\\x07\\x7f\\x9b1m"),
        ("a\u2028b\u202ec", "a\\u2028b\\u202ec"),
    ],
)
def test_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_quoted() -> None:
    forged = "[E 2026-11-22 18:00:00.000 ServerApp] the disk is on fire"
    assert quoted(f"no licence\n\n{forged}\r\x1b[1A\n") == (
        f"  | no licence\n  | {forged}\\r\\x1b[1A"
    )
    assert quoted("") == ""


@given(st.text())
def test_nothing_acts_and_no_line_is_without_its_margin(text: str) -> None:
    for line in quoted(text).split("\n"):
        assert not line or line.startswith(MARGIN)
        assert all(c == "\t" or unicodedata.category(c) not in ("Cc", "Zl", "Zp") for c in line)
