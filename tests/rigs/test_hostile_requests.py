"""Hostile requests, few: our server withstands them, and a careless one is found out."""

from __future__ import annotations

import json
from itertools import islice

import pytest

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.web.contract import validate
from rigs.reliability import careless
from rigs.reliability.hostile_corpus import RECIPES
from rigs.reliability.hostile_generated import _batch, _operations
from rigs.reliability.hostile_requests import Scale, besiege, figures
from rigs.reliability.hostile_strangers import effective
from rigs.reliability.hostile_targets import ABSENT_VALUES, targets


def test_a_real_server_under_hostile_requests() -> None:
    """The published figure, small: python -m rigs.reliability hostile_requests."""
    scale = Scale(strangers=200, malformed=300, valid=0)
    siege = besiege(scale, seed=7, generated=False)
    assert [str(one) for one in figures(siege, scale) if not one.met] == []
    assert set(siege.tally.sent) >= {recipe.__name__.replace("_", " ") for recipe in RECIPES}


def test_a_careless_server_is_found_out() -> None:
    scale = Scale(strangers=300, malformed=150, valid=0)
    siege = besiege(scale, seed=4, generated=False, extension=careless.__name__)
    missed = {one.name for one in figures(siege, scale) if not one.met}
    assert missed == {
        "answers of 5xx",
        "tracebacks and errors in the server's log",
        "changes by requests without authorisation",
        "answers that tell them something",
        "answers that are not as openapi.yaml has them",
    }


def test_every_change_of_the_contract_is_tried_by_strangers() -> None:
    tried = {
        (one.method, one.target.partition("?")[0])
        for one in islice(effective(1, ABSENT_VALUES), 60)
    }
    changing = [one for one in targets() if one.changes]
    assert {(one.method.upper(), one.address(ABSENT_VALUES)) for one in changing} <= tried


def test_what_is_made_of_the_contract_is_refused_or_taken_by_it() -> None:
    index = next(n for n, one in enumerate(_operations()) if one.label == "POST /launches")
    for request in _batch("valid", 10, (index, 1)):
        validate("NewLaunch", json.loads(request.body))
    malformed = _batch("malformed", 10, (index, 1))
    assert len(malformed) == 10
    for request in malformed:
        with pytest.raises((ValueError, InvalidRequestError)):
            validate("NewLaunch", json.loads(request.body))
