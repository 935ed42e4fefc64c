"""Who looks at the GPUs for the accounting: by itself, rarely, and only while some are held."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import pytest

from jupyter_gpu_containers.model.accounting.stretch import Event
from jupyter_gpu_containers.model.kernel.launch import Phase
from jupyter_gpu_containers.service.accounting.accounting import Accounting
from tests.service.accounting_book import *  # noqa: F403
from tests.service.accounting_book import NOON, Book, Inventory, busy, real


def test_it_looks_by_itself_only_while_gpus_are_held(tmp_path: Path) -> None:
    inventory = Inventory(fails=1)
    accounting = real(tmp_path, inventory, look_every=0.01)
    book = Book(tmp_path, time.time())
    launch = book.started(accounting)
    for _ in range(4):
        assert inventory.looks.acquire(timeout=10)
    accounting.follow(launch.advance(Phase.CANCELLED, time.time()))
    accounting.close()
    book.now = time.time()
    looks = inventory.count
    assert book.row().sums.used == pytest.approx(book.row().sums.sampled / 2, abs=0.005)
    threads = [each.name for each in threading.enumerate()]
    assert "gpu-containers-accounting" not in threads
    assert inventory.count == looks


def test_a_gpu_that_nobody_sees_is_not_looked_for_all_the_time(book: Book) -> None:
    """It was lost, or its container has not been found again."""
    accounting = book.begin(look_every=30.0)
    book.started(accounting, gpus=("GPU-gone",))
    for _ in range(3):
        book.look(accounting, 10, busy(0))
        due = accounting._look_due()
        assert due is not None
        assert due - (book.now - NOON) >= 30.0
    accounting.close()


@pytest.mark.parametrize("setting", [{"look_every": 0.0}, {"look_every": 3600.0}])
def test_it_does_not_look_where_it_need_not(tmp_path: Path, setting: dict[str, float]) -> None:
    inventory = Inventory()
    accounting = real(tmp_path, inventory, note_every=0.01, **setting)
    Book(tmp_path, time.time()).started(accounting)
    accounting.looked(busy(0))  # a page did
    notes = 0
    while notes < 3:  # the thread has been round several times
        notes = sum(each.event is Event.NOTE for each in accounting.ledger.read(0.0))  # type: ignore[union-attr]
    accounting.close()
    assert inventory.count == 0


def test_a_look_that_fails_is_told_and_the_next_one_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inventory = Inventory(fails=2)
    log = logging.getLogger("here")
    accounting = real(tmp_path, inventory, look_every=0.01, log=log)
    Book(tmp_path, time.time()).started(accounting)
    for _ in range(4):
        assert inventory.looks.acquire(timeout=10)
    accounting.close()
    assert [record.name for record in caplog.records] == ["here", "here"]


def test_without_a_ledger_nobody_looks_and_what_others_see_is_told(tmp_path: Path) -> None:
    inventory = Inventory()
    accounting = Accounting(None, inventory, "ada", look_every=0.01)
    launch = Book(tmp_path, time.time()).started(accounting)
    accounting.looked(busy(100))
    accounting.looked(busy(100))
    assert accounting.utilization("c1", "GPU-1") == 1.0
    accounting.follow(launch.advance(Phase.CANCELLED, time.time()))
    accounting.close()
    assert inventory.count == 0
    assert list(tmp_path.iterdir()) == []
