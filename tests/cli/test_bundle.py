"""``doctor --report``: what is in the file, and what is not."""

from __future__ import annotations

import getpass
import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.cli.bundle import _names
from jupyter_gpu_containers.errors import EngineUnreachableError
from tests.rooms import MEMORY_IMAGE, Room
from tests.servers import Server

from .conftest import TORCH, Terminal

NAMES = [
    *("README.txt", "doctor.json", "versions.json", "engine.json", "gpus.json"),
    *("limits.json", "environments.json", "kernels.json", "servers.json"),
]


def read(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as bundle:
        assert bundle.namelist() == NAMES
        return {name: json.loads(bundle.read(name)) for name in NAMES[1:]}


def test_a_report(terminal: Terminal, tmp_path: Path) -> None:
    terminal("environments", "add", TORCH, "--name", "torch")
    terminal.container(user="somebody", notebook="secret-project/trials/n.ipynb")
    ran = terminal("doctor", "--report")
    (path,) = (tmp_path / "work").glob("gpu-containers-report-*.zip")
    assert f"Wrote {path.name}: doctor.json, versions.json" in ran.out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    parts = read(path)
    assert {"engine", "driver", "disk"} <= {check["name"] for check in parts["doctor.json"]}
    assert parts["versions.json"]["packages"]["jupyter_server"]
    assert [one["name"] for one in parts["environments.json"]] == ["torch"]
    (kernel,) = parts["kernels.json"]
    assert (kernel["user"], kernel["notebook"]) == ("[user]", "…/n.ipynb")
    assert parts["gpus.json"]["gpus"][0]["holders"] == 0
    assert parts["servers.json"]["problem"]["code"] == "no_server"
    text = json.dumps(parts)
    for name in ("somebody", "secret-project", str(tmp_path), str(Path.home() / "x")):
        assert name not in text


def test_a_file_of_that_name_stays(terminal: Terminal) -> None:
    path = Path("r.zip")
    path.write_text("mine")
    ran = terminal("doctor", "--report", "r.zip")
    assert (ran.status, path.read_text()) == (1, "mine")
    assert "r.zip is there already." in ran.err
    nowhere = terminal("doctor", "--report", "no/such/r.zip")
    assert "No such file or directory" in nowhere.err


def test_an_engine_that_is_away(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report is needed most where something does not answer."""

    async def away(*_: object) -> None:
        raise EngineUnreachableError("No engine at /home/ada/docker.sock.", "systemctl start x")

    for name in ("containers", "images", "info"):
        monkeypatch.setattr(MemoryBackend, name, away)
    ran = terminal("doctor", "--report", "r.zip", "--json")
    assert (ran.status, ran.json["report"]) == (1, "r.zip")
    problem = read(Path("r.zip"))["engine.json"]["problem"]
    assert problem["message"] == "No engine at …/docker.sock."


def test_what_a_failed_launch_wrote(memory_room: Room, capsys: pytest.CaptureFixture[str]) -> None:
    """Also what only a server knows; the token with which it was asked is not in it."""
    from jupyter_gpu_containers.cli import main

    server = Server(memory_room)
    launch = server.launch(image=MEMORY_IMAGE, kernel="no-such")
    server.until(lambda: server.get_launch(launch)["phase"] == "failed")
    main(["doctor", "--report", "r.zip"])
    parts = read(memory_room.workspace / "r.zip")
    (told,) = parts["servers.json"]["launches"]
    assert (told["id"], told["error"]["code"]) == (launch, "kernel_not_in_image")
    assert server.token not in json.dumps(parts)
    assert server.terminate() == 0


def test_names_of_people_and_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")
    monkeypatch.setattr("socket.gethostname", lambda: "dgx7.lab.example")
    assert _names() == {"dgx7.lab.example": "[host]", "dgx7": "[host]", "ada": "[user]"}
    monkeypatch.setattr(getpass, "getuser", lambda: "root")
    assert "root" not in _names()
