"""Whose a process on a GPU is: the container that Linux has it in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_gpu_containers.gpus import processes
from jupyter_gpu_containers.gpus.processes import container_of, with_containers
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuProcess, GpuSnapshot

ID = "c0ffee" + "0" * 58
INNER = "beef" + "1" * 60


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"0::/system.slice/docker-{ID}.scope\n", ID),
        (f"12:pids:/docker/{ID}\n1:name=systemd:/docker/{ID}\n0::/\n", ID),
        (f"0::/machine.slice/libpod-{ID}.scope/container\n", ID),
        (f"0::/docker/{ID}/docker/{INNER}\n", INNER),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", ""),
        (f"0::/user.slice/{ID}f\n", ""),  # a longer number is no id
    ],
)
def test_control_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    (tmp_path / "17").mkdir()
    (tmp_path / "17" / "cgroup").write_text(text)
    assert container_of(17) == expected


def test_a_process_that_has_ended() -> None:
    assert container_of(2**22 + 1) is None  # PID_MAX_LIMIT of Linux


def test_in_a_namespace_of_its_own_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Process ids of the driver mean nothing then: they may be those of others here."""
    snapshot = GpuSnapshot((Gpu("GPU-1", 0, "T4", processes=(GpuProcess(os.getpid()),)),))
    monkeypatch.setattr(processes, "_HOST_PID_NAMESPACE", "pid:[1]")
    assert with_containers(snapshot) == snapshot
    monkeypatch.setattr(processes, "_HOST_PID_NAMESPACE", os.readlink("/proc/self/ns/pid"))
    (process,) = with_containers(snapshot).gpus[0].processes
    assert process.container_id == container_of(os.getpid())
    assert process.container_id is not None
