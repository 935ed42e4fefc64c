"""Hostile requests, few: our server withstands them."""

from __future__ import annotations

from rigs.reliability.hostile_corpus import RECIPES
from rigs.reliability.hostile_requests import Scale, besiege, figures


def test_a_real_server_under_hostile_requests() -> None:
    """The published figure, small: python -m rigs.reliability hostile_requests."""
    scale = Scale(strangers=200, malformed=300, valid=0)
    siege = besiege(scale, seed=7, generated=False)
    assert [str(one) for one in figures(siege, scale) if not one.met] == []
    assert set(siege.tally.sent) >= {recipe.__name__.replace("_", " ") for recipe in RECIPES}
