"""Who accounts for GPUs by clocks that stand still, or by the real ones; fixtures of its tests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jupyter_gpu_containers.model.accounting.report import By, Report, Row
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuSnapshot
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.model.policy import Show
from jupyter_gpu_containers.ports import GpuInventory
from jupyter_gpu_containers.service.accounting.accounting import Accounting
from jupyter_gpu_containers.service.accounting.ledger import Ledger
from jupyter_gpu_containers.service.accounting.reports import read_report

__all__ = ["ASKED", "NOON", "Book", "Inventory", "book", "busy", "real"]

NOON = 1_795_000_000.0
ASKED = Launch("k1", image="torch:1", environment="torch", path="a.ipynb")


def busy(percent: int | None, energy: float | None = None) -> GpuSnapshot:
    return GpuSnapshot((Gpu("GPU-1", 3, "NVIDIA H200", utilization=percent, energy=energy),))


class Inventory(GpuInventory):
    """Tells whoever listens of each look; counts them."""

    def __init__(self, fails: int = 0) -> None:
        self.looks = threading.Semaphore(0)
        self.count = 0
        self.fails = fails
        self.listener: Callable[[GpuSnapshot], None] = lambda snapshot: None

    async def snapshot(self) -> GpuSnapshot:
        self.count += 1
        self.looks.release()
        if self.count <= self.fails:
            raise RuntimeError("a bug")
        self.listener(busy(50))
        return busy(50)

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Book:
    """The ledger of a process whose clocks stand still unless they are told."""

    folder: Path
    now: float = NOON

    def begin(self, **more: Any) -> Accounting:
        """Return the accounting of a process of its own, which looks at nothing by itself."""
        return Accounting(
            Ledger(self.folder, size=1 << 20, months=13),
            Inventory(),
            "ada",
            look_every=more.pop("look_every", 0.0),
            note_every=more.pop("note_every", 3600.0),
            clock=lambda: self.now,
            steady=lambda: self.now - NOON,
            **more,
        )

    def started(self, accounting: Accounting, gpus: tuple[str, ...] = ("GPU-1",)) -> Launch:
        launch = ASKED.advance(Phase.QUEUED, self.now)
        accounting.follow(launch)
        launch = launch.advance(Phase.STARTING, self.now, gpus=gpus, container_id="c1")
        accounting.follow(launch)
        return launch

    def look(self, accounting: Accounting, after: float, snapshot: GpuSnapshot) -> None:
        self.now += after
        accounting.looked(snapshot)

    def report(self, accounting: Accounting | None = None, by: By = By.KERNEL) -> Report:
        """Return what a process tells; without one it is that of a program that holds nothing."""
        told = accounting or self.begin()
        return read_report(told, "7d", by, Show.ALL, "ada", clock=lambda: self.now)

    def row(self, accounting: Accounting | None = None) -> Row:
        (row,) = self.report(accounting).rows
        return row

    @property
    def records(self) -> list[dict[str, Any]]:
        return [
            json.loads(line)
            for path in sorted(self.folder.glob("*.jsonl"))
            for line in path.read_text().splitlines()
        ]


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "accounting")


def real(folder: Path, inventory: Inventory, **more: Any) -> Accounting:
    """Accounting by the real clocks."""
    ledger = Ledger(folder, size=1 << 20, months=13)
    accounting = Accounting(ledger, inventory, "ada", **more)
    inventory.listener = accounting.looked
    return accounting
