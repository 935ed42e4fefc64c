"""docs/reliability.md names every command whose figures it gives."""

from __future__ import annotations

import re

from tests.conftest import ROOT

from .__main__ import sections
from .killed import ALL

PAGE = (ROOT / "docs" / "reliability.md").read_text()


def test_the_points_at_which_servers_are_killed_are_as_many_as_it_says() -> None:
    assert re.findall(r"(\d+) named points", PAGE) == [str(len(ALL))]


def test_every_command_is_in_the_documentation() -> None:
    said = set(re.findall(r"^`([a-z_]+)`:", PAGE, re.M))
    assert said == set(sections())
