"""Statistics, ratios and tables of samples, and whether goals hold."""

from __future__ import annotations

import pytest

from . import contenders as c
from . import goals, peers, tables

CASES: dict[str, list[dict[str, float]]] = {
    c.NATIVE: [{"answer": 0.2, "start_kernel": 0.01}, {"answer": 0.4}, {"answer": 0.3}],
    c.COLD: [{"answer": 0.6, "phase queued": 0.1, "phase starting": 0.5}],
    peers.TITLES[0]: [],
}


def starts(cold: float) -> dict[str, object]:
    """Results of the part `starts` where a cold one takes so many seconds, and a native one 0.3."""
    sample = {"answer": cold, "phase queued": 0.1, "phase starting": 0.5}
    return {"cases": {**CASES, c.COLD: [sample]}}


def row(results: dict[str, object], work: str) -> list[str]:
    """Cells of a goal's row."""
    return [cell.strip() for cell in goals.rows(results)[work].strip("|").split("|")]


def test_figures_of_the_samples_that_have_the_quantity() -> None:
    found = tables.figures(CASES[c.NATIVE], "answer")
    assert found == tables.Figures(3, 0.3, 0.39, 0.2)
    assert tables.figures(CASES[c.NATIVE], "start_kernel").count == 1  # type: ignore[union-attr]
    assert tables.figures(CASES[c.NATIVE], "shutdown") is None


def test_ratio_needs_both_sides() -> None:
    assert tables.ratio(CASES, "answer", c.COLD, c.NATIVE) == pytest.approx(2.0)
    assert tables.ratio(CASES, "answer", peers.TITLES[0], c.NATIVE) is None
    assert tables.ratio(CASES, "answer", c.WARM, c.NATIVE) is None
    assert tables.ratio({"a": [{"x": 1.0}], "b": [{"x": 0.0}]}, "x", "a", "b") is None


def test_table_has_figures_ratios_and_the_words_of_a_failure() -> None:
    words = {peers.TITLES[0]: "HTTP 500: <no> kernel | none\n at all"}
    lines = tables.table(CASES, "answer", c.NATIVE, failures=words).splitlines()
    assert lines[0].startswith("| case | n | median, ms | p95 |")
    assert lines[2] == "| native | 3 | 300.0 | 390.0 | 200.0 | 1.00 | 1.00 |"
    assert lines[3] == f"| {c.COLD} | 1 | 600.0 | 600.0 | 600.0 | 2.00 | 3.00 |"
    assert lines[4] == (
        f"| {peers.TITLES[0]} | 0 | fails: HTTP 500: &lt;no> kernel \\| none at all | | | | |"
    )


def test_case_without_samples_and_without_a_reason_is_left_out() -> None:
    assert peers.TITLES[0] not in tables.table(CASES, "answer", c.NATIVE)


def test_words_that_are_too_long_are_cut() -> None:
    assert tables.cell("word " * 100, 22) == "word word word word w…"


def test_composition_shows_what_each_case_has() -> None:
    parts = ["start_kernel", *tables.parts_of(CASES, "phase ")]
    assert parts == ["start_kernel", "phase queued", "phase starting"]
    assert tables.composition(CASES, parts).splitlines() == [
        "| case | start kernel | queued | starting |",
        "|---|--:|--:|--:|",
        "| native | 10.0 |  |  |",
        f"| {c.COLD} |  | 100.0 | 500.0 |",
    ]


def test_summary_for_json() -> None:
    found = tables.summary(CASES, c.NATIVE)
    assert found[c.COLD]["answer"] == {
        "n": 1, "median": 0.6, "p95": 0.6, "minimum": 0.6, "ratio": pytest.approx(2.0)
    }  # fmt: skip
    assert "ratio" not in found[c.COLD]["phase queued"]


@pytest.mark.parametrize(("cold", "word"), [(0.3, "holds"), (0.301, "**missed**")])
def test_goal_holds_up_to_its_limit(cold: float, word: str) -> None:
    results: dict[str, object] = {"starts": starts(cold)}
    work = "cold start to first answer, no network"
    assert row(results, work)[6] == word
    assert goals.verdicts(results)[work]["holds"] is (word == "holds")


def test_goal_that_is_missed_says_where_the_time_goes() -> None:
    cells = row({"starts": starts(0.6)}, "cold start to first answer, no network")
    assert cells[1:6] == ["300.0 ms", "", "600.0 ms", "2.00", "≤ 1.00"]
    assert cells[7] == "ours: queued 100, starting 500; native: start kernel 10"


def test_goal_that_holds_needs_no_reason() -> None:
    assert row({"starts": starts(0.2)}, "cold start to first answer, no network")[7] == ""


def test_goal_of_a_part_that_was_left_out_says_why() -> None:
    results: dict[str, object] = {"footprint": {"left_out": "only root may"}}
    assert row(results, "memory of an idle kernel")[6:] == ["not measured", "only root may"]
    assert goals.verdicts(results)["memory of an idle kernel"]["holds"] is None
    assert "execute round trip" not in goals.rows(results)


def test_goal_of_a_section_that_was_left_out_says_why() -> None:
    part: dict[str, object] = {"cases": {}, "libraries": {"left_out": "no package index"}}
    reason = row({"footprint": part}, "memory, warm, with numpy, pandas and pyplot")[6:]
    assert reason == ["not measured", "no package index"]


def test_best_of_the_others_or_that_all_fail() -> None:
    cases = {c.NATIVE: [{"restart": 1.0}], c.COLD: [{"restart": 1.0}]}
    one, other = peers.TITLES
    part: dict[str, object] = {
        "cases": {**cases, one: [{"restart": 5.0}], other: [{"restart": 3.0}]}
    }
    work = "restart to first answer, cold"
    assert row({"life": part}, work)[2] == "3.00"
    failed = {one: {"restart": "no"}, other: {"restart": "no"}}
    part = {"cases": {**cases, one: [{}], other: [{}]}, "failed_steps": failed}
    assert row({"life": part}, work)[2] == "fails"


def test_goals_are_named_once() -> None:
    works = [goal.work for goal in goals.GOALS]
    assert len(set(works)) == len(works)
