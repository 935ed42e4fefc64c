"""Counters of a control group, in version 1 and 2, and the last ones of a process that ends."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_gpu_containers.model.kernel.usage import ContainerUsage, UsageSource
from jupyter_gpu_containers.runtime import cgroup
from jupyter_gpu_containers.runtime.cgroup import LastCounters, cgroup_folders, read_usage

ID = "c0ffee" * 10
V1 = f"9:name=systemd:/docker/{ID}\n8:pids:/docker/{ID}\n4:memory:/docker/{ID}\n0::/\n"
V2 = f"0::/system.slice/docker-{ID}.scope\n"


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def version_1(root: Path) -> tuple[Path, Path]:
    memory = write(
        root / "memory/docker" / ID,
        memory__usage_in_bytes="100\n",
        memory__max_usage_in_bytes="300\n",
        memory__limit_in_bytes="400\n",
        memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    )
    pids = write(
        root / "pids/docker" / ID,
        pids__current="3\n",
        pids__peak="20\n",
        pids__max="20\n",
        pids__events="max 5\n",
    )
    return memory, pids


def version_2(root: Path) -> Path:
    return write(
        root / f"system.slice/docker-{ID}.scope",
        memory__current="100\n",
        memory__peak="300\n",
        memory__max="400\n",
        memory__events="low 0\nhigh 0\nmax 9\noom 2\noom_kill 2\noom_group_kill 0\n",
        pids__current="3\n",
        pids__peak="20\n",
        pids__max="20\n",
        pids__events="max 5\n",
    )


ALL = ContainerUsage(
    UsageSource.CGROUP,
    at=7.0,
    memory=100,
    memory_peak=300,
    memory_limit=400,
    oom_kills=2,
    pids=3,
    pids_peak=20,
    pids_limit=20,
    forks_refused=5,
)


def test_version_1(tmp_path: Path) -> None:
    folders = version_1(tmp_path / "cgroup")
    write(tmp_path / "proc/42", cgroup=V1)
    found = cgroup_folders(42, ID, proc=tmp_path / "proc", root=tmp_path / "cgroup")
    assert found == folders
    assert read_usage(folders, now=7.0) == ALL


def test_version_2(tmp_path: Path) -> None:
    folder = version_2(tmp_path / "cgroup")
    write(tmp_path / "proc/42", cgroup=V2)
    found = cgroup_folders(42, ID, proc=tmp_path / "proc", root=tmp_path / "cgroup")
    assert found == (folder, folder)
    assert read_usage((folder, folder), now=7.0) == ALL


def test_no_limits(tmp_path: Path) -> None:
    folder = write(version_2(tmp_path), memory__max="max\n", pids__max="max\n")
    usage = read_usage((folder, folder))
    assert usage is not None
    assert (usage.memory_limit, usage.pids_limit) == (None, None)
    memory, pids = version_1(tmp_path)
    (memory / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    usage = read_usage((memory, pids))
    assert usage is not None
    assert usage.memory_limit is None


def test_an_older_linux_counts_less(tmp_path: Path) -> None:
    """memory.peak came with Linux 5.19, pids.peak with 6.1."""
    folder = version_2(tmp_path)
    (folder / "memory.peak").unlink()
    (folder / "pids.peak").unlink()
    usage = read_usage((folder, folder), now=7.0)
    assert usage is not None
    assert (usage.memory_peak, usage.pids_peak, usage.oom_kills) == (None, None, 2)


@pytest.mark.parametrize("text", ["", "nonsense", "max", "max 1 2\n", "max many\n"])
def test_damaged_files_tell_nothing(tmp_path: Path, text: str) -> None:
    folder = version_2(tmp_path)
    for file in folder.iterdir():
        file.write_text(text)
    assert read_usage((folder, folder)) is None


def test_control_group_that_is_gone(tmp_path: Path) -> None:
    assert read_usage((tmp_path / "gone", tmp_path / "gone")) is None


@pytest.mark.parametrize(
    ("pid", "text", "container_id"),
    [
        (42, "0::/user.slice\n", ID),  # that number is another process here
        (42, V2, ""),
        (42, "", ID),
        (42, f"3:cpu:/docker/{ID}\n", ID),
        (43, V2, ID),  # no such process
    ],
)
def test_process_of_another_machine(tmp_path: Path, pid: int, text: str, container_id: str) -> None:
    write(tmp_path / "proc/42", cgroup=text)
    assert cgroup_folders(pid, container_id, proc=tmp_path / "proc", root=tmp_path) is None


@pytest.fixture
def followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[LastCounters, Path]]:
    """Counters whose files are in a folder of the test's."""
    folder = version_2(tmp_path)
    monkeypatch.setattr(cgroup, "cgroup_folders", lambda pid, container_id: (folder, folder))
    counters = LastCounters()
    yield counters, folder
    counters.close()


def test_last_counters(followed: tuple[LastCounters, Path]) -> None:
    counters, folder = followed
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    counters.follow(ID, process.pid)
    counters.follow(ID, process.pid)
    running = counters.read(ID)
    assert running is not None
    assert (running.forks_refused, running.final) == (5, False)
    assert counters.take(ID) is None  # it runs
    (folder / "pids.events").write_text("max 6\n")
    process.stdin.close()
    process.wait()
    ended = counters.take(ID)
    assert ended is not None
    assert (ended.forks_refused, ended.final) == (6, True)
    assert counters.take(ID) is None
    assert counters.read(ID) is None


def test_read_before_the_group_is_gone(followed: tuple[LastCounters, Path]) -> None:
    """Nobody asks until long after the end: the thread has read them."""
    counters, folder = followed
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    counters.follow(ID, process.pid)
    process.stdin.close()
    process.wait()
    while counters.read(ID) is not None:  # until the thread has noticed the end
        os.sched_yield()
    for file in folder.iterdir():
        file.unlink()
    ended = counters.take(ID)
    assert ended is not None
    assert ended.memory_peak == 300


def test_next_run_begins_anew(followed: tuple[LastCounters, Path]) -> None:
    counters, _ = followed
    first = subprocess.Popen(["true"])
    counters.follow(ID, first.pid)
    first.wait()
    while counters.read(ID) is not None:
        os.sched_yield()
    second = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    assert second.stdin is not None
    counters.follow(ID, second.pid)
    assert counters.take(ID) is None  # what is left of the first run is no news of this one
    second.stdin.close()
    second.wait()
    assert counters.take(ID) is not None


def test_process_that_is_gone(followed: tuple[LastCounters, Path]) -> None:
    counters, _ = followed
    process = subprocess.Popen(["true"])
    process.wait()
    counters.follow(ID, process.pid)
    counters.follow(ID, 0)
    assert counters.take(ID) is None


def test_closing_leaves_no_descriptor(followed: tuple[LastCounters, Path]) -> None:
    counters, _ = followed
    before = len(os.listdir("/proc/self/fd"))
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    counters.follow(ID, process.pid)
    counters.close()
    process.stdin.close()
    process.wait()
    while len(os.listdir("/proc/self/fd")) > before:  # the thread ends
        os.sched_yield()
    counters.follow(ID, process.pid)  # and nothing begins any more
    assert counters.take(ID) is None
