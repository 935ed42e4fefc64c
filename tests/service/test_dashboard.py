"""The Grafana dashboard names metrics and labels that exist, and shows every metric there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from prometheus_client import Metric

from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.service.operations.held import HeldGpus
from jupyter_gpu_containers.service.operations.metrics import PREFIX, Metrics

FILE = Path(__file__).resolve().parents[2] / "docs" / "grafana-dashboard.json"
SAMPLES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
}


def families() -> list[Metric]:
    held = HeldGpus(FixedInventory([]))
    return list(Metrics(held, lambda: 0, lambda: 0).collect())


def dashboard() -> Any:
    return json.loads(FILE.read_text("utf-8"))


def expressions() -> list[str]:
    board = dashboard()
    found = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    found += [each["query"] for each in board["templating"]["list"]]
    return found


def named() -> set[str]:
    return {name for text in expressions() for name in re.findall(rf"\b{PREFIX}\w+", text)}


def test_every_metric_that_it_names_exists() -> None:
    samples = {family.name + end for family in families() for end in SAMPLES[family.type]}
    assert named() <= samples


def test_every_metric_is_on_it() -> None:
    for family in families():
        assert any(family.name + end in named() for end in SAMPLES[family.type]), family.name


def test_series_are_told_apart_by_labels_that_exist() -> None:
    metrics = Metrics(HeldGpus(FixedInventory([])), lambda: 0, lambda: 0)
    registry: Any = metrics.registry
    labels = {
        f"{each._name}{end}": {*each._labelnames, "le", "instance"}
        for each in registry._collector_to_names
        for end in SAMPLES[each._type]
    }
    for text in expressions():
        (name,) = {*re.findall(rf"\b{PREFIX}\w+", text)} or {""}
        by = [
            label.strip()
            for group in re.findall(r" by \((.*?)\)", text)
            for label in group.split(",")
        ]
        by += re.findall(r"[{,](\w+)=", text)
        if name in labels:
            assert labels[name].issuperset(by), text


def test_panels_do_not_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert taken.isdisjoint(cells), panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
