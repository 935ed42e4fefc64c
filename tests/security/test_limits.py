"""Which limits an engine cannot set: by what it says, and by what its process may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_gpu_containers.backends.docker.limits import unsettable

ALL, WITHOUT_RESOURCE = "000001ffffffffff", "000001fffeffffff"
FINE = {"MemoryLimit": True, "SwapLimit": True, "PidsLimit": True, "SecurityOptions": []}
LOW, HIGH, UNLIMITED = ("20000", "8388608"), ("65536", "8388608"), ("unlimited", "unlimited")


def engine(folder: Path, capabilities: str, hard: tuple[str, str]) -> Path:
    (folder / "status").write_text(f"Name:\tdockerd\nCapPrm:\t0\nCapEff:\t{capabilities}\n")
    (folder / "limits").write_text(
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        f"Max open files            1024                 {hard[0]:<20} files     \n"
        f"Max locked memory         65536                {hard[1]:<20} bytes     \n"
    )
    return folder


@pytest.mark.parametrize(
    ("capabilities", "hard", "left_out"),
    [
        (ALL, LOW, ()),  # it may raise any
        (WITHOUT_RESOURCE, UNLIMITED, ()),
        (WITHOUT_RESOURCE, HIGH, ("memlock",)),
        (WITHOUT_RESOURCE, LOW, ("memlock", "nofile")),
    ],
)
def test_an_engine_that_may_not_raise_limits(
    tmp_path: Path, capabilities: str, hard: tuple[str, str], left_out: tuple[str, ...]
) -> None:
    assert unsettable(FINE, engine(tmp_path, capabilities, hard)) == left_out


@pytest.mark.parametrize(
    ("said", "left_out"),
    [
        ({"SecurityOptions": ["name=seccomp", "name=rootless"]}, ("memlock", "nofile")),
        ({"SwapLimit": False}, ("swap",)),
        ({"MemoryLimit": False, "PidsLimit": False}, ("memory", "pids")),
        ({"MemoryLimit": None}, ()),  # does not say
    ],
)
def test_an_engine_that_says_so(said: dict[str, Any], left_out: tuple[str, ...]) -> None:
    assert unsettable(FINE | said, None) == left_out


def test_a_process_that_is_not_seen(tmp_path: Path) -> None:
    assert unsettable(FINE, tmp_path / "gone") == ()
