"""`/metrics` of a Jupyter server whose kernels we start; and its audit trail and log."""

from __future__ import annotations

import json
import logging
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jupyter_core.paths import jupyter_data_dir
from prometheus_client.parser import text_string_to_metric_families

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.kernel.launch import Phase
from tests.conftest import ROOT

from .conftest import Api

TORCH = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"
P = "jupyter_gpu_containers_"

Scrape = Callable[[], Any]


@pytest.fixture
def scrape(jp_fetch: Callable[..., Any]) -> Scrape:
    """Return the samples of ours that Jupyter Server's own endpoint shows, by name and labels."""

    async def scrape() -> dict[tuple[str, ...], float]:
        text = (await jp_fetch("metrics")).body.decode()
        return {
            (sample.name.removeprefix(P), *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name.startswith(P)
        }

    return scrape


def read(trail: Path) -> tuple[list[dict[str, Any]], int | None]:
    """Return the records of an audit trail, and the file's mode; None: there is no file."""
    if not trail.exists():
        return [], None
    return [json.loads(line) for line in trail.read_text().splitlines()], trail.stat().st_mode


async def test_a_kernels_life_in_metrics_audit_trail_and_log(
    api: Api, scrape: Scrape, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    trail = Path(jupyter_data_dir(), "gpu_containers", "audit.jsonl")
    before = await scrape()
    assert (before["kernels",], before["gpus_held",], before["queue_length",]) == (0, 0, 0)
    assert read(trail) == ([], None)
    asked = {"image": TORCH, "gpus": 2, "path": "thesis.ipynb"}
    launch_id = (await api("POST", "/launches", asked)).json["id"]
    launch = await api.until(launch_id, Phase.RUNNING)

    async def refuse(*args: object) -> object:
        raise AssertionError("a scrape asks nobody")

    with monkeypatch.context() as during:
        during.setattr(MemoryBackend, "containers", refuse)
        during.setattr(MemoryBackend, "usage", refuse)
        during.setattr(FixedInventory, "snapshot", refuse)
        now = await scrape()
    assert (now["kernels",], now["gpus_held",], now["spare_containers",]) == (1, 2, 0)
    assert now["launches_total", "running"] == 1
    assert now["launch_phase_seconds_count", "starting"] == 1
    assert now["launch_seconds_count",] == 1
    assert not any(launch_id in text or "thesis" in text for name in now for text in name)

    assert (await api("DELETE", f"/launches/{launch_id}")).status == 204
    after = await scrape()
    assert (after["kernels",], after["gpus_held",]) == (0, 0)
    (started, ended), mode = read(trail)
    assert mode == stat.S_IFREG | 0o600
    assert [started["event"], ended["event"]] == ["started", "ended"]
    assert started["launch"] == launch_id
    assert started["gpus"] == list(launch.gpus)
    assert started["notebook"] == "thesis.ipynb"
    assert ended["outcome"] == "cancelled"
    environment = api.services.launches.environment(launch_id)
    assert environment is not None
    assert (started["image"], started["image_id"]) == (TORCH, environment.image_id)
    assert environment.repo_digest is not None
    assert environment.repo_digest.endswith(started["digest"])
    (line,) = [text for text in caplog.messages if f"launch={launch_id} phase=running" in text]
    assert f"image={TORCH}" in line
    assert "starting_s=" in line


async def test_a_refusal_is_counted_by_its_code(api: Api, scrape: Scrape) -> None:
    launch_id = (await api("POST", "/launches", {"image": "nobody/has:this"})).json["id"]
    with pytest.raises(AssertionError, match="image_not_found"):
        await api.until(launch_id, Phase.RUNNING)
    now = await scrape()
    assert now["failures_total", "image_not_found", "start"] == 1
    assert now["launches_total", "failed"] == 1


async def test_each_metric_has_a_row_in_the_administrators_documentation(
    api: Api, scrape: Scrape
) -> None:
    """And nothing else has."""
    page = (ROOT / "docs" / "administration.md").read_text("utf-8").split("## Metrics\n")[1]
    rows = re.findall(r"^\| `(\w+)` \| \S.+ \|$", page.split("\n## ")[0], re.MULTILINE)
    names = {name for name, *_ in await scrape() if not name.endswith("_created")}
    shown = {re.sub("_(bucket|count|sum)$", "", name) for name in names}
    # counters with labels are there from the first that is counted
    assert sorted(rows) == sorted(shown | {"failures_total", "jobs_total"})


async def test_metrics_go_with_the_extension(api: Api, scrape: Scrape, jp_serverapp: Any) -> None:
    assert await scrape()
    api.services.operations.close()
    assert not await scrape()
