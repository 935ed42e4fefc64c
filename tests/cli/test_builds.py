"""``build`` on the command line: what it reads, what it shows, how it ends."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.web.contract import validate

from .conftest import Terminal

TAG = "team/image:1"
BASE = DEMO_IMAGES[0].references[0]


def test_a_folder(terminal: Terminal) -> None:
    Path("Dockerfile").write_text(f"FROM {BASE}\nRUN make\n")
    ran = terminal("build", "-t", TAG)
    assert ran.status == 0
    assert ran.out.startswith(f"Built {TAG} (")
    assert ran.err.splitlines() == [
        f"{TAG}: build queued",
        f"{TAG}: build running",
        f"Context: 1 file, {len(BASE) + 15} B",
        f"[1/2] FROM {BASE}",
        "[2/2] RUN make",
        f"{TAG}: build succeeded",
    ]
    assert TAG in terminal("images").out
    Path("gpu").mkdir()
    Path("Dockerfile").rename("gpu/Other")
    again = terminal("build", "gpu", "-f", "Other", "-t", TAG, "--json")
    assert (again.status, again.err) == (0, "")
    validate("Job", again.json)


def test_a_failing_step(terminal: Terminal) -> None:
    Path("Dockerfile").write_text(f"FROM {BASE}\nRUN exit 3\n")
    ran = terminal("build", ".", "-t", TAG)
    assert ran.status == 1
    assert "error: Step [2/2] RUN exit 3 failed: it ended with code 3." in ran.err
    assert terminal("build", ".", "-t", TAG, "--json").json["code"] == "build_failed"


def test_a_pipe_and_files(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"FROM {BASE}\n"))
    assert terminal("build", "-", "-t", TAG).status == 0
    Path("requirements.txt").write_text("numpy\n")
    Path("environment.yml").write_text("dependencies: [numpy]\n")
    for option in ("--requirements=requirements.txt", "--environment=environment.yml"):
        ran = terminal("build", option, "--base", BASE, "-t", TAG)
        assert ran.status == 0, ran.err
        assert "install.sh" in ran.err
        assert "needs a base image" in terminal("build", option, "-t", TAG).err


def test_a_secret_is_read_from_its_file(terminal: Terminal) -> None:
    Path("Dockerfile").write_text(f"FROM {BASE}\n")
    Path("token").write_text("hunter2")
    ran = terminal("build", "-t", TAG, "--secret", "id=token,src=token")
    assert ran.status == 0
    assert "hunter2" not in ran.out + ran.err
    for text in ("token", "id=token", "src=token", "id=token,src=absent"):
        assert terminal("build", "-t", TAG, "--secret", text).status == 1


def test_what_cannot_be_understood(terminal: Terminal) -> None:
    assert terminal("build").status == 2
    assert terminal("build", "-t", TAG, "--requirements=a", "--environment=b").status == 2
    assert "cannot be read" in terminal("build", "-t", TAG, "--requirements=absent").err
    assert "There is no folder absent" in terminal("build", "absent", "-t", TAG).err
    assert terminal("build", "-t", TAG, "--json").json["code"] == "dockerfile_missing"
