"""Few of the random orders in every run of the tests; all by `python -m tests.reliability idle`."""

from __future__ import annotations

from collections import Counter

import pytest

from . import idle


async def test_no_cell_is_lost_and_no_warning_cut_short() -> None:
    [figure] = idle.figures(await idle.orders(range(200)), 200, 0.0)
    assert figure.met, figure


@pytest.mark.parametrize("make", [idle.Unchecked, idle.Unasked])
async def test_wrong_ways_are_found_out(make: type[idle.Idle]) -> None:
    tried, lost = await idle.until_found(make)
    assert lost, tried


@pytest.mark.parametrize(
    "wrong",
    [
        {"cells lost": 1},
        {"warnings cut short": 1},
        {"stops with a working GPU": 1},
        {"stops": 0},
        {"cells during a look": 0},
        {"orders": 99},
    ],
)
def test_what_is_wrong_misses_the_goal(wrong: dict[str, int]) -> None:
    good = Counter({"orders": 100, "stops": 50, "cells during a look": 120})
    assert idle.figures(good, 100, 1.0)[0].met
    assert not idle.figures(Counter({**good, **wrong}), 100, 1.0)[0].met
