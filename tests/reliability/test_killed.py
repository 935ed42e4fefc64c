"""What is said of kernels that are lost, and of what stays behind."""

from __future__ import annotations

from collections import Counter

import pytest

from jupyter_gpu_containers.service.recovery.crashpoints import POINTS

from .killed import ENDED as ENDED_POINTS
from .killed import (
    HALF,
    OFF,
    RECOVERED_IN,
    RECOVERY,
    SHUTDOWN,
    START,
    STRANGE,
    figures,
    percentile,
)
from .lives import Census, Tally

ONE = frozenset({"k1"})


def census(**more: frozenset[str]) -> Census:
    return Census(**{"containers": ONE, "run_dirs": ONE, "homes": ONE, "records": ONE} | more)


def good() -> Tally:
    return Tally(
        starts=4,
        deaths=2,
        reached={"claim.created"},
        taken_over=3,
        removed=Counter(server_ended=1),
        seconds=[1.0, 2.0],
    )


def test_every_point_has_its_scene() -> None:
    scenes = [*START, *SHUTDOWN, *RECOVERY, *ENDED_POINTS, *OFF, HALF, STRANGE]
    assert sorted(scenes) == sorted(POINTS)


def test_what_stands_for_kernels_that_run_is_not_left_behind() -> None:
    assert census().left_beside(ONE) == set()
    assert census().left_beside(frozenset(), ONE) == set()  # one that starts may have it, or not
    assert Census().left_beside(frozenset(), ONE) == set()


@pytest.mark.parametrize("kind", ["containers", "run_dirs", "homes", "records"])
def test_what_is_left_or_missing_is_noticed(kind: str) -> None:
    assert len(census(**{kind: frozenset({"k1", "k2"})}).left_beside(ONE)) == 1
    assert len(census(**{kind: frozenset()}).left_beside(ONE)) == 1
    assert census(others=frozenset({"kernels/x.draft"})).left_beside(ONE) == {
        "file kernels/x.draft"
    }


def test_what_went_well_is_met() -> None:
    assert all(figure.met for figure in figures(good(), same_lists=True, points=1))


@pytest.mark.parametrize("what", ["wrong", "left", "point", "slow", "lists"])
def test_what_is_wrong_is_told(what: str) -> None:
    tally = good()
    if what == "wrong":
        tally.wrong.append("kernel k1: was lost")
    elif what == "left":
        tally.left.add("container of k1")
    elif what == "point":
        tally.reached.clear()
    elif what == "slow":
        tally.seconds.append(RECOVERED_IN + 0.1)
    found = figures(tally, same_lists=what != "lists", points=1)
    assert len([figure for figure in found if not figure.met]) == 1


def test_percentiles() -> None:
    values = [float(value) for value in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.95)) == (50.0, 95.0)
    assert percentile([3.0], 0.95) == 3.0
    assert percentile([1.0, 2.0, 3.0], 0.95) == 3.0
