"""Links out of the documentation: https, and neither this machine nor a package registry."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.conftest import ROOT

LINK = re.compile(r"\]\((\w+:[^)\s]+)\)")


@pytest.fixture
def complaint(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import links

    return links.complaint


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/",
        "https://localhost:8888/",
        "https://127.0.0.1/",
        "https://npmjs.example/",
    ],
)
def test_what_no_page_may_link_to(address: str, complaint: Callable[[str], str]) -> None:
    assert address in complaint(address)


def test_what_a_page_may_link_to(complaint: Callable[[str], str]) -> None:
    assert complaint("https://docs.example.org/page#anchor") == ""


def test_links_of_readme_and_changelog(complaint: Callable[[str], str]) -> None:
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"):
        for address in LINK.findall((ROOT / name).read_text("utf-8")):
            assert complaint(address) == ""
