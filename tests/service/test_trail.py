"""The file of the audit trail: private, whole lines, rotated, written by several processes."""

from __future__ import annotations

import json
import logging
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_gpu_containers.service.operations.trail import Trail

BIG = 1 << 20  # bytes

WRITER = """
import sys
from pathlib import Path
from jupyter_gpu_containers.service.operations.trail import Trail
trail = Trail(Path(sys.argv[1]), size=int(sys.argv[2]), kept=500)
for number in range(int(sys.argv[4])):
    trail.write({"who": sys.argv[3], "n": number, "text": "x" * 200})
    print(number, flush=True)
sys.stdin.read()
"""


def records(path: Path) -> list[dict[str, object]]:
    """Return what stands in all files of a trail, each line a whole record."""
    files = [path, *path.parent.glob(f"{path.name}.[0-9]*")]
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def writer(path: Path, size: int, who: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), str(size), who, str(count)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "audit.jsonl"
    old = os.umask(0)
    try:
        trail = Trail(path, size=120, kept=2)
        for number in range(20):
            trail.write({"n": number, "text": "two\nlines"})
    finally:
        os.umask(old)
    files = sorted(each.name for each in path.parent.iterdir())
    assert files == ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.lock"]
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert max(each.stat().st_size for each in path.parent.iterdir()) <= 120
    kept = sorted(record["n"] for record in records(path))  # type: ignore[type-var]
    assert kept == list(range(20))[-len(kept) :]  # the oldest have gone, none between
    assert len(kept) > 3


def test_a_file_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.touch(0o644)
    Trail(path, size=BIG, kept=1).write({"n": 1})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_written_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    process = writer(path, BIG, "victim", 3)
    assert process.stdout is not None
    for expected in range(3):
        assert process.stdout.readline() == f"{expected}\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [record["n"] for record in records(path)] == [0, 1, 2]


def test_a_line_that_was_cut_off_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text('{"n":1}\n{"n":')
    Trail(path, size=BIG, kept=1).write({"n": 3})
    assert path.read_text() == '{"n":1}\n{"n":\n{"n":3}\n'


def test_processes_that_rotate_the_same_file_lose_nothing(tmp_path: Path) -> None:
    path, count = tmp_path / "audit.jsonl", 150
    processes = [writer(path, 2000, who, count) for who in ("a", "b", "c")]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    found = sorted((record["who"], record["n"]) for record in records(path))
    assert found == [(who, number) for who in ("a", "b", "c") for number in range(count)]
    assert len(list(tmp_path.glob("audit.jsonl.[0-9]*"))) > 10


def test_a_file_that_somebody_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    trail = Trail(path, size=BIG, kept=1)
    trail.write({"n": 1})
    path.rename(tmp_path / "archived")
    trail.write({"n": 2})
    assert [record["n"] for record in records(path)] == [2]


@pytest.mark.parametrize("what", ["link", "fifo", "folder"])
def test_what_is_no_file_of_its_own_is_left_alone_and_told_once(
    what: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, other = tmp_path / "audit.jsonl", tmp_path / "other"
    if what == "link":
        other.write_text("mine\n")
        path.symlink_to(other)
    elif what == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    trail = Trail(path, size=BIG, kept=1, log=logging.getLogger("here"))
    trail.write({"n": 1})
    trail.write({"n": 2})
    assert [record.name for record in caplog.records] == ["here"]
    assert "nothing is written to the audit trail" in caplog.text
    if what == "link":
        assert other.read_text() == "mine\n"
    (path.rmdir if what == "folder" else path.unlink)()
    trail.write({"n": 3})  # it works again
    assert [record["n"] for record in records(path)] == [3]
    path.unlink()
    os.mkfifo(path)
    trail.write({"n": 4})
    assert len(caplog.records) == 2  # and does not, once more
