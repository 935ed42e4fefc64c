"""GPU use: adding up looks, stretches on disk, and the report; no second counts twice."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.accounting.meter import Meter, Sample, sample_of
from jupyter_gpu_containers.model.accounting.report import (
    By,
    Sums,
    make_report,
    parse_since,
    visible,
)
from jupyter_gpu_containers.model.accounting.stretch import (
    Event,
    Holding,
    Stretch,
    of_record,
    to_record,
)
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuProcess
from jupyter_gpu_containers.model.policy import Show

ADA = Holding("c1", "GPU-1", 0, "NVIDIA H200", "k1", "ada", "a.ipynb", "torch", "pytorch:2")
BOB = replace(ADA, container="c2", gpu="GPU-2", index=1, kernel="k2", user="bob", notebook="")
BOB_AS_ADA = replace(BOB, user="ada")


def stretch(begin: float, end: float, holding: Holding = ADA, **more: Any) -> Stretch:
    return Stretch(holding, begin, end, **more)


def read(*samples: Sample, longest: float = 75.0) -> Meter:
    meter = Meter()
    for sample in samples:
        meter = meter.after(sample, longest)
    return meter


# --- what looks tell ------------------------------------------------------------------------------


def test_use_is_utilisation_over_time() -> None:
    meter = read(Sample(0, 0.0), Sample(10, 1.0), Sample(30, 1.0))
    assert (meter.sampled, meter.used, meter.energy) == (30.0, 25.0, None)


def test_what_nobody_looked_at_for_long_is_not_known() -> None:
    meter = read(Sample(0, 1.0), Sample(100, 1.0), Sample(110, 1.0))
    assert (meter.sampled, meter.used) == (10.0, 10.0)


def test_an_energy_counter_counts_while_nobody_looks() -> None:
    meter = read(Sample(0, counter=1000.0), Sample(3600, counter=361000.0))
    assert (meter.energy, meter.metered, meter.sampled) == (360000.0, 3600.0, 0.0)


def test_a_counter_that_begins_anew_tells_nothing_of_the_time_before() -> None:
    meter = read(Sample(0, counter=1000.0), Sample(10, counter=5.0), Sample(20, counter=105.0))
    assert (meter.energy, meter.metered) == (100.0, 10.0)


def test_power_is_added_up_only_between_looks_that_are_close() -> None:
    meter = read(Sample(0, power=100.0), Sample(10, power=300.0), Sample(1000, power=300.0))
    assert (meter.energy, meter.metered) == (2000.0, 10.0)


def test_a_meter_goes_on_after_it_was_read() -> None:
    meter = read(Sample(0, 1.0), Sample(10, 1.0)).read()
    assert (meter.sampled, meter.energy) == (0.0, None)
    assert meter.after(Sample(15, 1.0), 75.0).used == 5.0


def test_a_gpu_of_ones_own_is_all_ones_own() -> None:
    gpu = Gpu("GPU-1", 0, "H200", utilization=40, energy=7.0, processes_known=False)
    assert sample_of(gpu, "c1", 1, 3.0) == Sample(3.0, 0.4, 7.0)


@pytest.mark.parametrize(
    ("computing", "known", "expected"),
    [
        (["c1"], True, Sample(3.0, 0.4, 7.0)),
        ([], True, Sample(3.0, 0.0)),
        (["c2"], True, Sample(3.0, 0.0)),  # the other one's
        (["c1", "c2"], True, Sample(3.0)),  # nobody can say whose
        (["c1", None], True, Sample(3.0)),
        ([], False, Sample(3.0)),
    ],
)
def test_a_shared_gpu_is_ones_own_only_while_nobody_else_computes(
    computing: list[str | None], known: bool, expected: Sample
) -> None:
    processes = tuple(GpuProcess(n, 1, each) for n, each in enumerate(computing))
    gpu = Gpu("GPU-1", 0, "H200", utilization=40, energy=7.0, processes=processes)
    assert sample_of(replace(gpu, processes_known=known), "c1", 4, 3.0) == expected


# --- on disk --------------------------------------------------------------------------------------


def test_a_record_says_all_of_a_stretch() -> None:
    some = stretch(100.0, 400.0, sampled=300.0, used=123.0, energy=9000.0, metered=290.0)
    for each in (some, stretch(5.0, 5.0, BOB, event=Event.BEGIN)):
        assert of_record(json.loads(json.dumps(to_record(each)))) == each
    assert of_record(to_record(some), user="root").holding.user == "root"


@pytest.mark.parametrize(
    "changes",
    [
        {"from": "1970-01-01T00:10:00Z"},  # ends before it begins
        {"used_s": 301.0},
        {"used_s": -1.0},
        {"sampled_s": float("nan")},
        {"energy_j": float("inf")},
        {"metered_s": 1e9},
        {"event": "free"},
        {"to": "tomorrow"},
        {"to": 400},
        {"index": "zero"},
    ],
)
def test_a_record_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    record = to_record(stretch(100.0, 400.0, sampled=300.0, used=123.0))
    with pytest.raises(ValueError):  # noqa: PT011
        of_record({**record, **changes})


@pytest.mark.parametrize("document", [{}, [], "text", None, 3])
def test_what_is_no_record_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match="no record"):
        of_record(document)


# --- the report -----------------------------------------------------------------------------------


def test_by_user_notebook_and_kernel() -> None:
    again = replace(ADA, container="c3", kernel="k3", environment="jax")
    stretches = [
        stretch(0, 100, sampled=80.0, used=20.0, energy=1000.0, metered=100.0),
        stretch(200, 300, again, sampled=100.0, used=100.0),
        stretch(0, 50, BOB),
    ]
    ada, bob = make_report(stretches, 0, 1000, By.USER).rows
    assert (ada.user, ada.kernels, ada.notebook, ada.kernel, ada.environment) == (
        *("ada", 2),
        *("", "", ""),
    )
    assert ada.sums == Sums(200.0, 180.0, 120.0, 1000.0, 100.0)
    assert ada.sums.idle_share == pytest.approx(1 / 3)
    assert (ada.first, ada.last, ada.image, ada.gpus) == (0, 300, "pytorch:2", (("GPU-1", 0),))
    assert (bob.user, bob.sums.held, bob.sums.idle_share, bob.sums.energy) == (
        *("bob", 50.0),
        *(None, None),
    )
    report = make_report(stretches, 0, 1000, By.NOTEBOOK)
    assert [(row.user, row.notebook) for row in report.rows] == [("ada", "a.ipynb"), ("bob", "")]
    report = make_report(stretches, 0, 1000, By.KERNEL)
    assert [row.kernel for row in report.rows] == ["k1", "k3", "k2"]
    assert report.total.held == 250.0


def test_two_gpus_of_a_kernel_are_twice_the_time() -> None:
    second = replace(ADA, gpu="GPU-2", index=1)
    (row,) = make_report([stretch(0, 60), stretch(0, 60, second)], 0, 100, By.KERNEL).rows
    assert (row.sums.held, row.kernels) == (120.0, 1)
    assert row.gpus == (("GPU-1", 0), ("GPU-2", 1))


def test_only_what_is_in_the_window_counts() -> None:
    whole = stretch(0, 100, sampled=50.0, used=40.0, energy=200.0, metered=100.0)
    report = make_report([whole], 75, 1000, By.USER)
    assert report.total == Sums(25.0, 12.5, 10.0, 50.0, 25.0)
    assert make_report([whole], 200, 1000, By.USER).rows == ()


def test_what_two_tell_counts_once() -> None:
    """A server that was killed, and the next one, which knows only when the kernel began."""
    first = [
        stretch(0, 0, event=Event.BEGIN),
        stretch(0, 300, sampled=300.0, used=300.0),
        stretch(300, 600, sampled=300.0, used=300.0),
    ]
    second = [
        stretch(0, 900, event=Event.BEGIN),  # was found again
        stretch(900, 1000, sampled=100.0, used=0.0, event=Event.END),
    ]
    both = [*second, *first, *first]
    (row,) = make_report(both, 0, 1000, By.KERNEL).rows
    assert row.sums == Sums(1000.0, 700.0, 600.0)
    assert not row.running


def test_who_goes_on() -> None:
    def running(*stretches: Stretch) -> bool:
        (row,) = make_report(stretches, 0, 2000, By.USER, fresh=900.0).rows
        return row.running

    assert running(stretch(0, 1990))
    assert running(stretch(1990, 1990, event=Event.BEGIN))
    assert not running(stretch(0, 1000))  # nobody has written of it for long: it was killed
    assert not running(stretch(0, 1990, event=Event.END))
    assert running(stretch(0, 1000, event=Event.END), stretch(0, 1990, BOB_AS_ADA))


_spans = st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda ends: sorted(ends))


@given(st.lists(_spans, max_size=8), st.integers(0, 50))
def test_no_second_counts_twice_and_windows_add_up(spans: list[list[int]], cut: int) -> None:
    stretches = [stretch(begin, end, sampled=float(end - begin)) for begin, end in spans]
    held = make_report(stretches, 0, 50, By.USER).total
    assert held.held <= len({n for begin, end in spans for n in range(begin, end)})
    assert held.sampled == pytest.approx(held.held)
    before = make_report(stretches, 0, cut, By.USER).total.held
    after = make_report(stretches, cut, 50, By.USER).total.held
    assert before + after == pytest.approx(held.held)


def test_who_may_see_what() -> None:
    stretches = [stretch(0, 10), stretch(0, 20, BOB)]
    assert visible(stretches, Show.ALL, "ada") == stretches
    assert visible(stretches, Show.NONE, "ada") == stretches[:1]
    counted = visible(stretches, Show.COUNTS, "ada")
    report = make_report(counted, 0, 100, By.KERNEL)
    hidden, mine = report.rows
    assert (mine.user, mine.kernel) == ("ada", "k1")
    told = (hidden.user, hidden.notebook, hidden.kernel, hidden.environment, hidden.image)
    assert told == ("", "", "", "", "")
    assert (hidden.sums.held, hidden.kernels) == (20.0, 1)


# --- since ----------------------------------------------------------------------------------------

NOON = datetime(2026, 11, 23, 12, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("7d", 7 * 24.0),
        ("90m", 1.5),
        ("2026-11-23", 12.0),
        ("2026-11-23T10:30", 1.5),
        ("2026-11-23T10:00:00Z", 1.0),
    ],
)
def test_since(text: str, hours: float) -> None:
    assert NOON.timestamp() - parse_since(text, NOON) == hours * 3600


@pytest.mark.parametrize(
    "text", ["", "d", "yesterday", "2026-13-01", "2026-11-24", "1e9d", "9" * 39 + "d"]
)
def test_since_that_is_none(text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_since(text, NOON)
    assert caught.value.error_code == "since_invalid"
