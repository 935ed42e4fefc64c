"""Eight servers race for three GPUs on a real engine: what `race.py` finds in 60 wins."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.engines import PrivateEngine

from .race import private_engine, race

WINS = 30  # in each; the published figure is of more: python -m rigs.reliability races --long


@pytest.fixture(scope="module")
def engine(images: SimpleNamespace, engine_host: str) -> Iterator[PrivateEngine]:
    with private_engine(images.debian12, source=engine_host) as engine:
        yield engine


@pytest.mark.engine
@pytest.mark.root
@pytest.mark.parametrize("seed", ["", "2"], ids=["first", "second"])
def test_no_gpu_is_given_twice(engine: PrivateEngine, images: SimpleNamespace, seed: str) -> None:
    result = race(engine, images.debian12, "protocol", wins=WINS, seed=seed)
    history = result.history
    assert history.doubles == []
    assert history.missed == []
    assert history.never_removed == set()
    assert result.left == 0, "orphans after recovery"
    assert result.seats == 4, "a GPU is lost"
    assert history.of_several > 0, "nobody had several GPUs"
    assert max(history.most.values()) == 2, "nobody shared"


@pytest.mark.engine
@pytest.mark.root
def test_the_rig_shows_doubles(engine: PrivateEngine, images: SimpleNamespace) -> None:
    """The obvious order fails on the same rig, so the test above could have failed."""
    result = race(engine, images.debian12, "naive", wins=WINS, until_first_double=True)
    assert result.history.doubles
    assert (result.left, result.seats) == (0, 4)
