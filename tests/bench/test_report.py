"""The page of figures: every chapter, replaced one by one, with its pictures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from . import contenders as c
from . import goals, idle, listing, peers, plots, report
from .rounds import Sample

HOW = {"date": "2026-01-02", "rounds": 3, "gate": {"samples_disturbed": 1}}
SVG = "{http://www.w3.org/2000/svg}"
PLAIN = "one plain GET /images/json"


def cases(*quantities: str, cold: float = 0.5) -> dict[str, list[Sample]]:
    """Samples of the native kernel, a container and somebody else's, who fails."""
    return {
        c.NATIVE: [dict.fromkeys(quantities, 0.4)],
        c.COLD: [dict.fromkeys(quantities, cold)],
        peers.TITLES[0]: [],
    }


def samples(*quantities: str, cold: float = 0.5) -> dict[str, Any]:
    """The same, as a part reports it."""
    failures = {peers.TITLES[0]: "Error occurred during launch"}
    return {"cases": cases(*quantities, cold=cold), "failures": failures, "errors": []}


def results() -> dict[str, Any]:
    """What a run of all parts finds."""
    life = samples("post", "websocket", "answer", "interrupt", "restart", "shutdown")
    judged = {"one H200, nothing in common": [{"judge": 0.01}]}
    lab: list[Sample] = [{"pss": 8e7, "uss": 7e7, "rss": 9e7}]
    start: list[Sample] = [{"restored": 1.0, "busy": 0.5}]
    scroll: list[Sample] = [{"per_second": 60.0, "median": 0.016, "p95": 0.02, "busy": 0.001}]
    memory = ("pss", "kernel", "own", "shim", "other")
    loaded = {**samples(*memory, "import"), "libraries": ["numpy==2.2.6"]}
    parts: dict[str, Any] = {
        "starts": {
            **samples("start_kernel", "info", "phase queued", "answer", "shutdown"),
            "same": True,
            "requests": [f"POST /v1.41/containers/{'0f' * 32}/start"],
        },
        "network": {"cases": {one: [{"start": 0.1, "remove": 0.2}] for one in ("none", "bridge")}},
        "life": {**life, "failed_steps": {peers.TITLES[0]: {"restart": "HTTP 599: Timeout"}}},
        "bursts": {"counts": {"10": samples("all", "first", "middle", "shutdown")}},
        "traffic": samples("round_trip", "late", "output"),
        "footprint": {**samples(*memory), "kernels": 6, "libraries": loaded},
        "framework": {"left_out": "this machine has no GPU"},
        "idle": {
            "cases": {
                name: [{"cpu": 0.3, "requests": 2.0}] for name in (idle.WITHOUT, idle.WITH)
            },
            "window": 4.0,
        },
        "memory": {"cases": {"JupyterLab": lab, "JupyterLab with the extension": lab}},
        "listing": {
            "images": 210,
            "made": listing.COUNT,
            "first": ["GET /v1.41/version", "GET /v1.41/images/json"],
            "next": ["GET /v1.41/images/json"],
            "samples": {"cases": {PLAIN: [{"list": 0.01}], "Images.list()": [{"list": 0.012}]}},
        },
        "pulls": {"layers": 6, "size": 1.2e8, "samples": {"cases": {"docker pull": [{"pull": 1}]}}},
        "verdicts": {"cases": judged},
        "page": {
            "browser": "Chromium 1", "load": 0.1, "rounds": 3, "starts": {"panel open": start},
            "scrolls": {"an empty page": scroll}, "requests": {"gpus": 12}, "rest": 60,
            "gpus": 64, "images": 1000, "bundle": {"start": 1000, "all": 2000},
        },
    }  # fmt: skip
    assert parts.keys() == report.CHAPTERS.keys()
    measured = {name: {**found, "measured": HOW} for name, found in parts.items()}
    return {"machine": {"cores": 2}, **measured}


def page(found: dict[str, Any]) -> str:
    """The page without pictures."""
    return report.page(found, report.Pictures(wanted=False))


def test_every_chapter_stands_on_the_page_in_order() -> None:
    text = page(results())
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["Goals", *(title for title, _ in report.CHAPTERS.values())]
    assert "`POST /containers/ID/start`" in text
    assert "| restart | fails" not in text
    assert f"| {peers.TITLES[0]} | 0 | fails: HTTP 599: Timeout | | | | |" in text
    assert f"- {peers.TITLES[0]}, restart: HTTP 599: Timeout" in text
    assert "Left out: this machine has no GPU." in text
    assert "\n\n\n" not in text
    assert "![" not in text


def test_other_products_that_cannot_be_installed_are_named() -> None:
    found = {**results(), "left_out": {"one 1.0": "could not be installed: no | index"}}
    assert "- one 1.0 could not be installed: no \\| index" in page(found)


def test_chapter_and_its_goals_are_replaced_alone() -> None:
    before = results()
    old = page(before)
    changed = {**samples("round_trip", "late", "output", cold=0.3), "measured": HOW}
    new = report.merged(old, page({"machine": {"cores": 64}, "traffic": changed}))
    before["traffic"] = changed
    assert new == page(before)
    assert new != old


def test_part_that_is_new_comes_to_its_place() -> None:
    whole = results()
    without = {name: found for name, found in whole.items() if name != "traffic"}
    alone = {"machine": {}, "traffic": whole["traffic"]}
    assert report.merged(page(without), page(alone)) == page(whole)


def test_page_and_pictures_are_written(tmp_path: Path) -> None:
    file = tmp_path / "performance.md"
    report.write(file, results(), whole=True)
    text = file.read_text()
    shown = set(re.findall(rf"\({report.PICTURES}/([\w-]+\.svg)\)", text))
    written = {path.name for path in (tmp_path / report.PICTURES).iterdir()}
    assert shown == written
    assert {"starts.svg", "life.svg", "restart.svg", "bursts-10.svg", "libraries.svg"} <= written
    assert sum(path.stat().st_size for path in (tmp_path / report.PICTURES).iterdir()) < 40_000
    report.write(file, {"machine": {}, "verdicts": results()["verdicts"]}, whole=False)
    assert file.read_text() == text


@pytest.mark.parametrize("title", ["Plain", "<b> & 'more'"])
def test_picture_is_well_formed_and_in_proportion(title: str) -> None:
    failures = {peers.TITLES[0]: "no"}
    root = ElementTree.fromstring(
        plots.bars(title, cases("answer"), "answer", c.NATIVE, failures=failures)
    )
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts == [
        title, c.NATIVE, "400 ms · 1.00×", c.COLD, "500 ms · 1.25×", peers.TITLES[0], "fails"
    ]  # fmt: skip
    native, cold = (float(bar.attrib["width"]) for bar in root.iter(f"{SVG}rect"))
    assert cold / native == pytest.approx(1.25, abs=0.01)
    assert plots.LEFT + cold + plots.RIGHT <= plots.WIDTH


def test_goals_table_of_a_whole_run_has_every_row() -> None:
    assert list(goals.rows(results())) == [goal.work for goal in goals.GOALS]


@pytest.mark.parametrize(("ours", "word"), [(0.1, "holds"), (0.3, "**missed**")])
def test_note_is_told_whether_the_goal_is_held_or_missed(ours: float, word: str) -> None:
    cases = {c.NATIVE: [{"output": 0.2}], c.COLD: [{"output": ours}]}
    row = goals.rows({"traffic": {"cases": cases}})["50 MB of output"]
    assert row.endswith(f" | {word} | {goals.RUNS} |")
