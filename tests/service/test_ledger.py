"""The ledger: private files of a user's own, by month and size, read with distrust."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from jupyter_gpu_containers.model.accounting.stretch import Holding, Stretch, to_record
from jupyter_gpu_containers.service.accounting.ledger import Ledger

ADA = Holding("c1", "GPU-1", 0, "NVIDIA H200", "k1", "ada", "a.ipynb", "torch", "pytorch:2")
NOVEMBER = datetime(2026, 11, 23, tzinfo=timezone.utc).timestamp()
MONTH = 31 * 86400.0


def ledger(folder: Path, *, size: int = 1 << 20, months: int = 13) -> Ledger:
    return Ledger(folder, size=size, months=months, log=logging.getLogger("ledger"))


def stretch(end: float = NOVEMBER, holding: Holding = ADA) -> Stretch:
    return Stretch(holding, end - 10, end)


def own(folder: Path, month: str = "2026-11") -> Path:
    return folder / f"{os.getuid()}-{month}.jsonl"


def test_what_is_written_is_read_by_another_process(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "accounting"
    ledger(folder).write([stretch(), stretch(NOVEMBER + 5)])
    assert ledger(folder).read(0.0) == [stretch(), stretch(NOVEMBER + 5)]
    assert own(folder).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_only_what_ended_since_is_read(tmp_path: Path) -> None:
    ledger(tmp_path).write([stretch(), stretch(NOVEMBER + 100)])
    assert ledger(tmp_path).read(NOVEMBER + 50) == [stretch(NOVEMBER + 100)]
    os.utime(own(tmp_path), (NOVEMBER, NOVEMBER))  # as of a file that is long complete
    assert ledger(tmp_path).read(NOVEMBER + 50) == []


def test_nothing_is_there_before_something_is_written(tmp_path: Path) -> None:
    assert ledger(tmp_path / "none").read(0.0) == []
    assert not (tmp_path / "none").exists()


def test_files_are_rotated_by_size_and_all_are_read(tmp_path: Path) -> None:
    book = ledger(tmp_path, size=2000)
    wrote = [stretch(NOVEMBER + n) for n in range(30)]
    book.write(wrote)
    assert own(tmp_path).with_suffix(".jsonl.1").exists()
    assert sorted(each.end for each in book.read(0.0)) == [each.end for each in wrote]


def test_months_have_files_and_old_ones_go(tmp_path: Path) -> None:
    for months_ago in (3, 2, 1):
        ledger(tmp_path).write([stretch(NOVEMBER - months_ago * MONTH)])
    other = tmp_path / "4242-2020-01.jsonl"
    other.write_text("somebody else’s\n")
    (tmp_path / "2020-01.txt").write_text("no file of ours\n")
    ledger(tmp_path, months=2).write([stretch()])
    kept = {path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")}
    assert kept == {own(tmp_path).name, own(tmp_path, "2026-10").name, other.name, "2020-01.txt"}


def test_lines_that_make_no_sense_are_left_out_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger(tmp_path).write([stretch()])
    with own(tmp_path).open("ab") as file:
        file.write(b'{"event":"note"}\n\n[1]\n\xff\xfe\n' + b"9" * 200_000 + b"\n")
        file.write(json.dumps(to_record(stretch()) | {"used_s": 1e12}).encode() + b"\n")
        file.write(b'{"event":"no')  # its writer was killed
    ledger(tmp_path).write([stretch(NOVEMBER + 1)])
    caplog.clear()
    assert ledger(tmp_path).read(0.0) == [stretch(), stretch(NOVEMBER + 1)]
    [record] = caplog.records
    assert "cannot be read" in record.getMessage()


@pytest.mark.parametrize("what", ["link", "fifo", "folder", "another user’s name"])
def test_what_is_no_file_of_who_it_names_tells_nothing(what: str, tmp_path: Path) -> None:
    path = own(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    ledger(elsewhere).write([stretch()])
    if what == "link":
        path.symlink_to(own(elsewhere))
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        own(elsewhere).rename(tmp_path / f"{os.getuid() + 1}-2026-11.jsonl")
    assert ledger(tmp_path).read(0.0) == []


@pytest.mark.root
def test_a_folder_of_all_users_tells_root_of_each_by_the_files_owner() -> None:
    """Nobody's line counts as another's, whatever name stands in it."""
    with TemporaryDirectory() as name:  # others reach no folder of pytest's
        folder = Path(name)
        folder.chmod(0o1777)
        ledger(folder).write([stretch()])
        path = folder / "65534-2026-11.jsonl"  # the account nobody
        record = to_record(stretch(holding=replace(ADA, container="c2", user="ada")))
        path.write_text(json.dumps(record) + "\n")
        path.chmod(0o600)
        os.chown(path, 65534, 65534)
        assert sorted(each.holding.user for each in ledger(folder).read(0.0)) == ["ada", "nobody"]
        os.seteuid(65534)
        try:
            assert [each.holding.user for each in ledger(folder).read(0.0)] == ["nobody"]
        finally:
            os.seteuid(0)
