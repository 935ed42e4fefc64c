"""`rigs/reliability`: it knows its programs and their points, and one is tried in a small round."""

from __future__ import annotations

import re

from jupyter_gpu_containers.service.recovery.crashpoints import POINTS
from rigs.reliability import idle, killed
from rigs.reliability.__main__ import sections
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "reliability.md").read_text()


def test_every_command_is_in_the_documentation() -> None:
    said = set(re.findall(r"^`([a-z_]+)`:", PAGE, re.M))
    assert said == set(sections())


async def test_no_cell_is_lost_and_no_warning_cut_short() -> None:
    [figure] = idle.figures(await idle.orders(range(50)), 50, 0.0)
    assert figure.met, figure


def test_every_point_has_its_scene_and_the_documentation_says_how_many_there_are() -> None:
    scenes = [*killed.START, *killed.SHUTDOWN, *killed.RECOVERY, *killed.ENDED, *killed.OFF]
    assert sorted([*scenes, killed.HALF, killed.STRANGE]) == sorted(POINTS)
    assert re.findall(r"(\d+) named points", PAGE) == [str(len(killed.ALL))]
