"""What is said of a server that keeps something of each start."""

from __future__ import annotations

from dataclasses import replace

import pytest

from .soak import Sample, figures

FLAT = Sample(descriptors=40, threads=9, memory=100 * 2**20, containers=0, folders=0)


def test_what_does_not_grow_is_met() -> None:
    assert all(figure.met for figure in figures([FLAT] * 40))


@pytest.mark.parametrize("name", ["descriptors", "threads", "containers", "folders"])
def test_one_more_in_ten_starts_is_noticed(name: str) -> None:
    grown = [replace(FLAT, **{name: getattr(FLAT, name) + i // 10}) for i in range(40)]
    missed = [figure for figure in figures(grown) if not figure.met]
    assert len(missed) == 1


def test_memory_may_grow_a_little() -> None:
    slowly = [replace(FLAT, memory=FLAT.memory + i * 2**16) for i in range(40)]
    assert all(figure.met for figure in figures(slowly))
    quickly = [replace(FLAT, memory=FLAT.memory + i * 2**19) for i in range(40)]
    assert [figure.name for figure in figures(quickly) if not figure.met] == [
        "resident memory after 40 starts"
    ]
