"""docs/reliability.md names every command whose figures it gives."""

from __future__ import annotations

import re

from tests.conftest import ROOT

from .__main__ import sections

PAGE = (ROOT / "docs" / "reliability.md").read_text()


def test_every_command_is_in_the_documentation() -> None:
    said = set(re.findall(r"^`([a-z_]+)`:", PAGE, re.M))
    assert said == set(sections())
