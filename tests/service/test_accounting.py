"""GPU use of a process's kernels: what is written of it, who looks, what a kill -9 takes along."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_gpu_containers.model.accounting.report import By, Sums
from jupyter_gpu_containers.model.accounting.stretch import Holding, Stretch
from jupyter_gpu_containers.model.gpu.device import GpuSnapshot
from jupyter_gpu_containers.model.gpu.slots import GpuSlots
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container, ContainerStatus
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.model.policy import Show
from jupyter_gpu_containers.service.accounting.accounting import Waiting
from jupyter_gpu_containers.service.accounting.ledger import Ledger
from jupyter_gpu_containers.service.accounting.reports import read_report
from tests.service.accounting_book import *  # noqa: F403
from tests.service.accounting_book import NOON, Book, Inventory, busy, real

ROOT = Path(__file__).resolve().parents[2]


def test_held_used_and_energy(book: Book) -> None:
    accounting = book.begin()
    accounting.looked(busy(0, 500.0))  # as a claim looks before it chooses
    launch = book.started(accounting)
    book.look(accounting, 0, busy(0, 1000.0))
    accounting.follow(launch := launch.advance(Phase.RUNNING, book.now))
    book.look(accounting, 30, busy(100, 4000.0))
    book.look(accounting, 30, busy(100, 10000.0))
    book.now += 20  # nobody looked at its end
    accounting.follow(launch.advance(Phase.CANCELLED, book.now))
    accounting.close()
    assert book.row().sums == Sums(80.0, 60.0, 45.0, 9000.0, 60.0)
    first, last = book.records[0], book.records[-1]
    assert (first["event"], first["from"]) == ("begin", first["to"])
    assert last == {
        "event": "end",
        "from": first["from"],
        "to": "2026-11-18T11:08:00.000Z",
        "sampled_s": 60.0,
        "used_s": 45.0,
        "energy_j": 9000.0,
        "metered_s": 60.0,
        "gpu": "GPU-1",
        "index": 3,
        "name": "NVIDIA H200",
        "user": "ada",
        "kernel": "k1",
        "notebook": "a.ipynb",
        "environment": "torch",
        "image": "torch:1",
        "container": "c1",
        "waiting": False,
    }


def test_a_kernel_without_gpus_costs_nothing(book: Book) -> None:
    accounting = book.begin()
    before = threading.active_count()
    launch = book.started(accounting, gpus=())
    assert threading.active_count() == before
    accounting.follow(launch.advance(Phase.FAILED, book.now))
    accounting.close()
    assert not book.folder.exists()


def test_a_start_writes_nothing_itself(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread of whoever starts a kernel touches no file."""
    writers: list[str] = []
    write = Ledger.write

    def noted(self: Ledger, *args: Any) -> None:
        writers.append(threading.current_thread().name)
        write(self, *args)

    monkeypatch.setattr(Ledger, "write", noted)
    written = threading.Event()
    monkeypatch.setattr(Ledger, "_forget", lambda self, month: written.set())
    accounting = real(book.folder, Inventory())
    book.started(accounting)
    assert writers == []
    assert written.wait(10)
    assert set(writers) == {"gpu-containers-accounting"}
    accounting.close()


def test_lines_keep_their_order_whoever_writes(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a process ends while its thread is about to write that a kernel began."""
    writes, writing, other = iter([True]), threading.Event(), threading.Event()
    write = Ledger.write

    def held(self: Ledger, *args: Any) -> None:
        if next(writes, False):
            writing.set()
            other.wait(0.3)  # it does not come
        else:
            other.set()
        write(self, *args)

    monkeypatch.setattr(Ledger, "write", held)
    accounting = real(book.folder, Inventory())
    book.started(accounting)
    assert writing.wait(10)
    accounting.close()
    assert [record["event"] for record in book.records] == ["begin", "end"]


def test_what_is_not_written_yet_is_reported_too(book: Book) -> None:
    accounting = book.begin()
    book.started(accounting)
    book.look(accounting, 0, busy(100))
    book.look(accounting, 60, busy(100))
    for _ in range(2):  # asking changes nothing
        row = book.row(accounting)
        assert row.sums == Sums(60.0, 60.0, 60.0)
        assert row.running
    assert accounting.utilization("c1", "GPU-1") == 1.0
    assert accounting.utilization("c1", "GPU-2") is None
    accounting.close()
    assert accounting.utilization("c1", "GPU-1") is None


def test_what_the_driver_does_not_tell_is_not_known(book: Book) -> None:
    """As of a MIG instance."""
    accounting = book.begin()
    book.started(accounting)
    for _ in range(3):
        book.look(accounting, 30, busy(None))
    accounting.close()
    row = book.row()
    assert row.sums == Sums(90.0)
    assert row.sums.idle_share is None


def test_a_look_that_shows_the_past_tells_nothing(book: Book) -> None:
    accounting = book.begin()
    book.started(accounting)
    book.look(accounting, 0, busy(100))
    book.look(accounting, 30, replace(busy(100), stale=True))
    accounting.close()
    assert book.row().sums.sampled == 0


def test_use_of_a_gpu_that_several_share_is_nobodys_unless_it_is_clear_whose(book: Book) -> None:
    accounting = book.begin(slots=GpuSlots({"*": 2}))
    accounting.looked(busy(0))
    book.started(accounting)
    book.look(accounting, 0, replace_processes_unknown(busy(80, 0.0)))
    book.look(accounting, 30, replace_processes_unknown(busy(80, 900.0)))
    accounting.close()
    assert book.row().sums == Sums(30.0)


def replace_processes_unknown(snapshot: GpuSnapshot) -> GpuSnapshot:
    (gpu,) = snapshot.gpus
    return replace(snapshot, gpus=(replace(gpu, processes_known=False),))


def test_a_restart_goes_on_and_another_container_is_another_claim(book: Book) -> None:
    accounting = book.begin()
    launch = book.started(accounting).advance(Phase.RUNNING, book.now)
    accounting.follow(launch)
    book.now += 10
    launch = launch.advance(Phase.STARTING, book.now)  # in the same container
    accounting.follow(launch)
    book.now += 10
    launch = launch.advance(Phase.FAILED, book.now)
    accounting.follow(launch)
    book.now += 100  # nobody holds it
    launch = launch.advance(Phase.STARTING, book.now, container_id="c2")
    accounting.follow(launch)
    book.now += 5
    accounting.close()
    row = book.row()
    assert (row.sums.held, row.kernels, row.running) == (25.0, 1, False)
    ends = [each["container"] for each in book.records if each["event"] == "end"]
    assert ends == ["c1", "c2"]


def test_what_waits_has_a_line_of_its_own_until_a_kernel_takes_it(book: Book) -> None:
    """The kernel's begins where that ends; nothing counts twice."""
    accounting = book.begin()
    accounting.looked(busy(0))
    accounting.waits(Waiting("c1", ("GPU-1",), "k1", "torch", "torch:1"))
    accounting.waits(Waiting("c2", (), "k2", "torch", "torch:1"))  # without GPUs it costs nothing
    book.now += 60
    (row,) = book.report(accounting, By.USER).rows
    assert (row.user, row.waiting, row.kernels, row.running) == ("ada", True, 0, True)
    accounting.waits_no_more("c1")
    book.started(accounting)
    book.now += 30
    accounting.close()
    for by in By:
        report = book.report(by=by)
        waited, ran = report.rows
        assert (waited.waiting, waited.sums.held, waited.kernel) == (True, 60.0, "")
        assert (waited.gpus, waited.environment) == ((("GPU-1", 3),), "torch")
        assert (ran.waiting, ran.sums.held, ran.kernels) == (False, 30.0, 1)
        assert report.total.held == 90.0


def test_a_clock_that_is_set_back_counts_nothing_twice(book: Book) -> None:
    accounting = book.begin()
    launch = book.started(accounting)
    book.now += 10
    accounting.close(over=False)
    accounting = book.begin()
    book.now -= 3600
    accounting.follow(replace(launch, recovered=True).advance(Phase.RUNNING, book.now))
    accounting.found("k1")
    book.now += 10
    accounting.close()
    assert 0 <= book.row().sums.held <= 20.0


@pytest.mark.parametrize(
    ("show", "uid", "told"),
    [
        (Show.ALL, 1000, {("ada", "a.ipynb"), ("bob", "secret.ipynb")}),
        (Show.COUNTS, 1000, {("ada", "a.ipynb"), ("", "")}),
        (Show.NONE, 1000, {("ada", "a.ipynb")}),
        (Show.NONE, 0, {("ada", "a.ipynb"), ("bob", "secret.ipynb")}),  # who reads all files
    ],
)
def test_of_others_only_what_the_rules_show(
    book: Book, show: Show, uid: int, told: set[tuple[str, str]]
) -> None:
    accounting = book.begin()
    book.started(accounting)
    theirs = Holding("c2", "GPU-2", 1, "H200", "k2", "bob", "secret.ipynb")
    assert accounting.ledger is not None
    accounting.ledger.write([Stretch(theirs, NOON - 50, NOON)])
    found = read_report(accounting, "1h", By.NOTEBOOK, show, "ada", clock=lambda: book.now, uid=uid)
    assert {(row.user, row.notebook) for row in found.rows} == told
    accounting.close()


# --- servers that are killed ----------------------------------------------------------------------


def killed(folder: Path, *options: str) -> float:
    """Have a process hold a GPU until it is killed; return since when it did."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.service.accounting_child", str(folder), *options],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as child:
        assert child.stdout is not None
        began = float(child.stdout.readline())
        child.kill()
    return began


def test_kill_9_and_the_next_server(tmp_path: Path) -> None:
    """What was held is known to the second, and counts once; what was not seen is not known."""
    folder = tmp_path / "accounting"
    began = killed(folder)
    book = Book(folder, time.time() + 100)
    held = book.row().sums.held
    assert 0 < held < 30

    launch = Launch("k1", path="a.ipynb", image="torch:1")
    launch = launch.advance(Phase.STARTING, began, gpus=("GPU-1",), container_id="c1")
    launch = launch.advance(Phase.RUNNING, began + 1)
    accounting = book.begin()
    accounting.follow(replace(launch, recovered=True))
    assert book.row(accounting).sums.held == held  # nobody knows whether its container is there
    accounting.found("k1")
    assert book.row(accounting).sums.held == pytest.approx(book.now - began, abs=0.01)
    book.look(accounting, 0, busy(100))
    book.look(accounting, 50, busy(100))
    accounting.close()
    row = book.row()
    assert row.sums.held == pytest.approx(book.now - began, abs=0.01)
    assert row.sums.used == pytest.approx(50.0, abs=0.1)
    assert not row.running


LABELS = {labels.GPUS: "GPU-1", labels.KERNEL: "k1", labels.USER: "ada"}


def test_kill_9_and_nobody_takes_it_over(tmp_path: Path) -> None:
    """As of `run`: it is counted when it is removed, to that moment, and once."""
    folder = tmp_path / "accounting"
    began = killed(folder)
    book = Book(folder, time.time() + 100)
    left = Container("c1", "jgc-1", ContainerStatus.RUNNING, "sha256:1", LABELS, began)
    for strange in (
        replace(left, id="c2", status=ContainerStatus.EXITED),  # since when, nobody knows
        replace(left, id="c3", labels={**LABELS, labels.USER: "bob"}),  # has a ledger of his own
        replace(left, id="c4", labels={labels.USER: "ada"}),
        left,
    ):
        accounting = book.begin()
        accounting.left_behind(strange)
        accounting.close()
    row = book.row()
    assert (row.kernel, row.image, row.running) == ("k1", "torch:1", False)
    assert row.sums.held == pytest.approx(book.now - began, abs=0.1)


def test_kill_9_while_a_container_waits(tmp_path: Path) -> None:
    """It held its GPU until the next process removed it."""
    folder = tmp_path / "accounting"
    began = killed(folder, "--waits")
    book = Book(folder, time.time() + 100)
    seen = book.row().sums.held
    assert 0 < seen < 30
    accounting = book.begin()
    waited = Container(
        *("c1", "jgc-1", ContainerStatus.RUNNING, "sha256:1"),
        {**LABELS, labels.ENVIRONMENT: "torch"},
        created=began,
    )
    accounting.left_behind(waited, waiting=True)
    for told in (accounting, None):
        row = book.row(told)
        assert (row.waiting, row.running) == (True, False)
        assert row.sums.held == pytest.approx(book.now - began, abs=0.1)
        accounting.close()


def test_a_kernel_that_is_not_there_any_more_was_held_only_as_long_as_it_was_seen(
    book: Book,
) -> None:
    first = book.begin()
    launch = book.started(first).advance(Phase.RUNNING, book.now)
    first.follow(launch)
    book.now += 60
    first.close(over=False)  # and the machine is switched off
    book.now += 3 * 86400
    second = book.begin()
    second.follow(replace(launch, recovered=True))
    book.now += 10
    second.follow(replace(launch, recovered=True).advance(Phase.FAILED, book.now))
    second.close()
    assert book.row().sums.held == 60.0
