"""The driver that runs and the one that is installed, from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_gpu_containers.gpus.driver_files import (
    cdi_versions,
    installed_versions,
    loaded_version,
    mismatch,
)
from jupyter_gpu_containers.model.gpu.device import Problem

OLD, NEW = "570.124.06", "580.95.05"


@pytest.mark.parametrize(
    ("loaded", "installed", "cdi", "code"),
    [
        (OLD, [OLD], [OLD], None),
        (OLD, [], [], None),
        (OLD, [OLD], [], None),
        (None, [NEW], [OLD], None),  # no driver is loaded: NVML says that itself
        (OLD, [NEW], [OLD], "driver_library_mismatch"),
        (OLD, [NEW], [NEW], "driver_library_mismatch"),
        (NEW, [NEW], [OLD], "cdi_outdated"),
        (NEW, [], [OLD], "cdi_outdated"),
        (NEW, [OLD, NEW], [OLD, NEW], None),  # which of them is used, the loader decides
    ],
)
def test_mismatch(
    loaded: str | None, installed: list[str], cdi: list[str], code: str | None
) -> None:
    problem = mismatch(loaded, installed, cdi)
    assert (problem.code if problem else None) == code


def test_words() -> None:
    assert mismatch(OLD, [NEW], []) == Problem(
        "driver_library_mismatch",
        f"The NVIDIA driver was upgraded to {NEW}, but {OLD} is still loaded.",
        "Reboot this machine, or stop all programs that use a GPU and reload the nvidia modules. "
        "Kernels that run now are not affected.",
    )
    assert mismatch(NEW, [NEW], [OLD]) == Problem(
        "cdi_outdated",
        f"The CDI specification was made for the NVIDIA driver {OLD}, but {NEW} is loaded.",
        "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml",
    )


def test_loaded_module(tmp_path: Path) -> None:
    file = tmp_path / "version"
    assert loaded_version(file) is None
    file.write_text("")
    assert loaded_version(file) is None
    file.write_text(f"{OLD}\n")
    assert loaded_version(file) == OLD


def test_installed_library(tmp_path: Path) -> None:
    assert installed_versions([tmp_path]) == frozenset()
    (tmp_path / f"libnvidia-ml.so.{NEW}").touch()
    link = tmp_path / "libnvidia-ml.so.1"
    link.symlink_to(f"libnvidia-ml.so.{NEW}")
    assert installed_versions([tmp_path, tmp_path / "none"]) == {NEW}
    link.unlink()
    link.symlink_to(link.name)  # a link to itself
    assert installed_versions([tmp_path]) == frozenset()
    link.unlink()
    link.touch()  # a library that does not say its version
    assert installed_versions([tmp_path]) == frozenset()


def test_cdi_specification(tmp_path: Path) -> None:
    library = "/usr/lib/x86_64-linux-gnu/libcuda.so"
    (tmp_path / "nvidia.yaml").write_text(f"kind: nvidia.com/gpu\n- hostPath: {library}.{OLD}\n")
    (tmp_path / "other.json").write_text(f'{{"kind": "example.com/gpu", "x": "{library}.{NEW}"}}')
    (tmp_path / "nvidia.txt").write_text(f"nvidia.com/gpu {library}.{NEW}")
    (tmp_path / "broken.yaml").write_bytes(b"\xff\xfe nvidia.com/gpu")
    (tmp_path / "folder.yaml").mkdir()
    assert cdi_versions([tmp_path, tmp_path / "none"]) == {OLD}
