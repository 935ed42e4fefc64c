"""`doctor` on machines of several kinds: the facts that it reads, and what it shows."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.cli import doctor as module
from jupyter_gpu_containers.config import load_services
from jupyter_gpu_containers.errors import EnginePermissionError
from jupyter_gpu_containers.model.kernel.container import EngineInfo
from jupyter_gpu_containers.service.doctor import facts
from jupyter_gpu_containers.service.doctor.checks import CHECKS, check_left_behind
from jupyter_gpu_containers.service.doctor.findings import Finding, Level

from .conftest import TORCH, Terminal


@pytest.fixture
def installed(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both extensions as an installation leaves them; returns the folder of the lab extension."""
    configuration = Path(os.environ["JUPYTER_CONFIG_DIR"]) / "jupyter_server_config.d"
    configuration.mkdir(parents=True)
    enabled = {"ServerApp": {"jpserver_extensions": {"jupyter_gpu_containers": True}}}
    (configuration / "jupyter_gpu_containers.json").write_text(json.dumps(enabled))
    folder = Path(os.environ["JUPYTER_DATA_DIR"]) / "labextensions" / "jupyter-gpu-containers"
    folder.mkdir(parents=True)
    package = {"name": "jupyter-gpu-containers", "version": "1.0.0", "jupyterlab": {}}
    (folder / "package.json").write_text(json.dumps(package))
    return folder


def findings(terminal: Terminal) -> dict[str, tuple[str, str, str]]:
    ran = terminal("doctor", "--json")
    assert ran.status == (0 if ran.json["ok"] else 1)
    return {
        check["name"]: (check["level"], check["message"], check["fix"])
        for check in ran.json["checks"]
    }


def test_a_healthy_demonstration(terminal: Terminal, installed: Path) -> None:
    ran = terminal("doctor")
    assert (ran.status, ran.err) == (0, "")
    marks = re.findall(r"^(OK|–|PROBLEM) ", ran.out, re.M)
    assert len(marks) == len(CHECKS)
    assert "PROBLEM" not in marks
    assert "fix:" not in ran.out


def test_the_exit_status_tells_of_problems(terminal: Terminal, installed: Path) -> None:
    left = terminal.container()
    ran = terminal("doctor")
    assert ran.status == 1
    assert "PROBLEM  left behind" in ran.out
    (fix,) = re.findall(r"fix: jupyter gpu-containers (stop .*)", ran.out)
    assert fix == f"stop {left[:12]}"
    assert terminal(*fix.split()).status == 0
    assert terminal("doctor").status == 0


def test_an_engine_that_refuses(
    terminal: Terminal, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(self: MemoryBackend) -> EngineInfo:
        raise EnginePermissionError("You are not allowed to use the engine.", "newgrp docker")

    monkeypatch.setattr(MemoryBackend, "info", refuse)
    found = findings(terminal)
    assert found["permission"] == (
        "problem",
        "You are not allowed to use the engine.",
        "newgrp docker",
    )
    assert [name for name, (level, *_) in found.items() if level == "problem"] == ["permission"]


def test_an_environment_whose_image_is_gone(
    terminal: Terminal, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert terminal("environments", "add", TORCH, "--name", "torch").status == 0

    async def nothing(self: MemoryBackend) -> list[object]:
        return []

    monkeypatch.setattr(MemoryBackend, "images", nothing)
    level, message, fix = findings(terminal)["environments"]
    assert (level, message.partition(":")[0]) == ("problem", "torch")
    assert fix.startswith("docker pull pytorch/pytorch@sha256:")


def test_an_environment_that_a_newer_rule_forbids(terminal: Terminal, installed: Path) -> None:
    assert terminal("environments", "add", TORCH, "--name", "torch", "--gpus", "1").status == 0
    terminal.configure(max_gpus_per_kernel=0)
    level, message, fix = findings(terminal)["environments"]
    assert (level, fix) == ("problem", "jupyter gpu-containers environments remove torch")
    assert "max_gpus_per_kernel" in message
    assert terminal(*fix.split()[2:]).status == 0
    assert findings(terminal)["environments"][0] == "ok"


@pytest.mark.parametrize(("uid", "fix"), [(1000, ""), (0, "jupyter gpu-containers stop ")])
def test_what_others_left_is_for_root_alone_to_stop(terminal: Terminal, uid: int, fix: str) -> None:
    """With a key for several people it can be told; `stop` refuses it to others."""
    theirs = terminal.container(user="somebody-else")
    services = load_services()
    seats = services.kernels.seats
    seats.caller = replace(seats.caller, uid=uid, name="ada")
    found = check_left_behind(terminal.wait(facts.read_facts(services)))
    services.close()
    assert found.fix == (fix and fix + theirs[:12])


def test_extensions_that_are_not_there(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "jupyter_config_path", lambda: [os.environ["JUPYTER_CONFIG_DIR"]])
    monkeypatch.setattr(module, "jupyter_path", lambda *_: [os.environ["JUPYTER_DATA_DIR"]])
    found = findings(terminal)
    assert found["server extension"][0] == "problem"
    assert found["lab extension"][1] == "JupyterLab's part is not installed."


def test_a_lab_extension_that_is_disabled(
    terminal: Terminal, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = {"disabledExtensions": {"jupyter-gpu-containers": True}}
    monkeypatch.setattr(module, "get_page_config", lambda folders: page)
    assert findings(terminal)["lab extension"][1] == "JupyterLab's part is disabled."


def test_nvidia_devices_are_counted_on_the_pci_bus(tmp_path: Path) -> None:
    for address, vendor, kind in (
        ("0000:01:00.0", "0x10de", "0x030200"),  # 3D controller
        ("0000:02:00.0", "0x10de", "0x030000"),  # VGA compatible controller
        ("0000:02:00.1", "0x10de", "0x040300"),  # its audio device
        ("0000:03:00.0", "0x8086", "0x030000"),
    ):
        (tmp_path / address).mkdir()
        (tmp_path / address / "vendor").write_text(f"{vendor}\n")
        (tmp_path / address / "class").write_text(f"{kind}\n")
    (tmp_path / "0000:04:00.0").mkdir()  # it vanished while it was read
    assert facts.count_nvidia_devices(tmp_path) == 2
    assert facts.count_nvidia_devices(tmp_path / "none") == 0


def test_device_nodes_without_links(tmp_path: Path) -> None:
    """/dev/null and /dev/zero stand in for NVIDIA's nodes: they are character devices, too."""
    (tmp_path / "char").mkdir()
    (tmp_path / "nvidia0").symlink_to("/dev/null")
    (tmp_path / "nvidiactl").symlink_to("/dev/zero")
    (tmp_path / "nvidia-caps").mkdir()
    (tmp_path / "nvidia9").symlink_to("/dev/no-such-device")
    (tmp_path / "char" / "1:5").symlink_to("/dev/zero")
    assert facts.unlinked_devices(tmp_path) == (str(tmp_path / "nvidia0"),)
    assert facts.unlinked_devices(tmp_path / "none") == ()


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("NVIDIA Container Toolkit CLI version 1.17.8\ncommit: f202b80a9b\n", "1.17.8"),
        ("something else\n", None),
    ],
)
def test_the_toolkits_version_is_what_its_program_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str, version: str | None
) -> None:
    program = tmp_path / "nvidia-ctk"
    program.write_text(f"#!/bin/sh\nprintf '%s' '{printed}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert facts.toolkit_version() == version


def test_no_toolkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert facts.toolkit_version() is None


def test_free_space(tmp_path: Path) -> None:
    free = facts.free_space(str(tmp_path))
    assert free is not None
    assert free > 0
    assert facts.free_space(str(tmp_path / "none")) is None
    assert facts.free_space("") is None


def test_run_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    assert facts.run_root_problem(private) is None
    assert facts.run_root_problem(private / "to" / "be" / "made") is None
    private.chmod(0o755)
    problem = facts.run_root_problem(private)
    assert problem is not None
    assert (problem.code, problem.hint) == ("run_dir_not_private", f"chmod 700 {private}")
    (tmp_path / "file").write_text("")
    problem = facts.run_root_problem(tmp_path / "file" / "x")
    assert problem is not None
    assert problem.code == "run_dir_not_writable"
    monkeypatch.setattr(os, "access", lambda *_: False)
    problem = facts.run_root_problem(tmp_path / "other")
    assert problem is not None
    assert problem.code == "run_dir_not_writable"


def test_somebody_elses_run_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    problem = facts.run_root_problem(tmp_path)
    assert problem is not None
    assert problem.hint == f"sudo rm -r {tmp_path}"


def test_long_messages_are_wrapped_and_fixes_are_not() -> None:
    finding = Finding("engine", Level.PROBLEM, "word " * 40, "sudo " + "x" * 90)
    text = module._text([finding], module.Style(width=60))
    *wrapped, fix = text.splitlines()
    assert max(map(len, wrapped)) <= 60
    assert fix.strip() == f"fix: {finding.fix}"


@pytest.mark.engine
def test_the_real_engine(
    engine_host: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from jupyter_gpu_containers.cli import main

    monkeypatch.setenv("DOCKER_HOST", engine_host)
    monkeypatch.chdir(tmp_path)
    for name in ("CONFIG_DIR", "DATA_DIR"):
        monkeypatch.setenv(f"JUPYTER_{name}", str(tmp_path / name.lower()))
    main(["doctor", "--json"])
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    for name in ("engine", "permission", "disk", "run directory", "workspace"):
        assert checks[name]["level"] == "ok", checks[name]
    assert re.search(r"Engine \d+\.\d+.*, API 1\.\d+", checks["engine"]["message"])
