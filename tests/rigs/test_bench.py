"""`rigs/bench`: a page of made-up results, and a small measurement, however long it takes."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import pytest

from rigs.bench import contenders as c
from rigs.bench import footprint, goals, idle, listing, peers, report
from rigs.bench.__main__ import PARTS
from rigs.bench.clients import Client, Clients, FailedError
from rigs.bench.place import Place
from rigs.bench.rounds import Sample

HOW = {"date": "2026-01-02", "rounds": 3, "gate": {"samples_disturbed": 1}}
PLAIN = "one plain GET /images/json"


def samples(*quantities: str, ours: float = 0.5) -> dict[str, Any]:
    """What a part reports of the native kernel, a container, and somebody else's, who fails."""
    cases = {
        c.NATIVE: [dict.fromkeys(quantities, 0.4)],
        c.COLD: [dict.fromkeys(quantities, ours)],
        peers.TITLES[0]: [],
    }
    failures = {peers.TITLES[0]: "Error occurred during launch"}
    return {"cases": cases, "failures": failures, "errors": []}


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
    assert parts.keys() == report.CHAPTERS.keys() == PARTS.keys()
    measured = {name: {**found, "measured": HOW} for name, found in parts.items()}
    return {"machine": {"cores": 2}, **measured}


def test_page_of_a_whole_run_and_of_one_chapter_that_is_measured_again(tmp_path: Path) -> None:
    file, pictures = tmp_path / "performance.md", tmp_path / report.PICTURES
    found = results()
    report.write(file, found, whole=True)
    text = file.read_text()
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["Goals", *(title for title, _ in report.CHAPTERS.values())]
    assert f"| {peers.TITLES[0]} | 0 | fails: HTTP 599: Timeout | | | | |" in text
    assert "Left out: this machine has no GPU." in text
    shown = set(re.findall(rf"\({report.PICTURES}/([\w-]+\.svg)\)", text))
    assert shown == {path.name for path in pictures.iterdir()} != set()
    changed = {**samples("round_trip", "late", "output", ours=0.3), "measured": HOW}
    report.write(file, {"machine": {"cores": 2}, "traffic": changed}, whole=False)
    again = file.read_text()
    report.write(file, {**found, "traffic": changed}, whole=True)
    assert again == file.read_text() != text


@pytest.mark.parametrize(("ours", "word"), [(0.3, "holds"), (0.301, "**missed**")])
def test_goal_that_is_missed_is_told(ours: float, word: str) -> None:
    found = {"starts": {"cases": {c.NATIVE: [{"answer": 0.3}], c.COLD: [{"answer": ours}]}}}
    work = "cold start to first answer, no network"
    assert f"| {word} |" in goals.rows(found)[work]
    assert goals.verdicts(found)[work]["holds"] is (word == "holds")


def test_native_kernel_is_measured_and_a_failure_told(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Place()
    for name, value in here.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("JUPYTER_GPU_CONTAINERS_BACKEND", raising=False)

    async def use() -> None:
        clients = Clients(here)
        with here:
            try:
                async with clients.of(c.native()) as client:
                    await measure(client)
            finally:
                await clients.close()

    async def measure(client: Client) -> None:
        started = await client.ask("start", count=1)
        assert 0 < started["start_kernel"] < started["info"] < started["answer"]
        trips = await client.ask("round_trips", count=3)
        assert 0 < trips["round_trip"] <= trips["late"]
        ((namespace, pid),) = (await client.ask("where"))["where"]
        assert namespace == os.readlink("/proc/self/ns/pid")
        sums = footprint.memory([(namespace, pid)], client.pid, {client.pid})
        assert sums["kernel"] == sums["pss"] > 10e6
        with pytest.raises(FailedError, match=r"^RuntimeError: ZeroDivisionError"):
            await client.ask("execute", code="1 / 0")
        assert set(await client.ask("stop")) == {"shutdown"}

    asyncio.run(use())
