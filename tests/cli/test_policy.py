"""Rules on the command line, and whose they are: the system's files and the user's own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jupyter_core import paths

from jupyter_gpu_containers.config import load_services
from jupyter_gpu_containers.model.kernel.container import Network
from jupyter_gpu_containers.model.policy import ADMINISTRATOR, CONFIGURATION, Show, shown
from jupyter_gpu_containers.policy_config import administrators_folders

from .conftest import TORCH, Terminal

Etc = Callable[..., Path]
GIB = 1 << 30


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Etc:
    """Writes the administrator's file."""
    folder = tmp_path / "etc" / "jupyter"
    folder.mkdir(parents=True)
    monkeypatch.setattr(paths, "SYSTEM_CONFIG_PATH", [str(folder)])

    def write(**traits: Any) -> Path:
        file = folder / "jupyter_gpu_containers_config.json"
        file.write_text(json.dumps({"GpuContainers": traits}))
        return file

    return write


def refused(terminal: Terminal, *words: str) -> dict[str, str]:
    """Run a command that a rule refuses; return the error."""
    ran = terminal(*words, "--json")
    assert ran.status == 1, ran.out
    error: dict[str, str] = ran.json
    assert error["code"].startswith("policy_")
    assert error["message"].startswith(("The administrator ", "This server's configuration "))
    return error


def test_each_command_that_takes_an_image_is_refused(terminal: Terminal, etc: Etc) -> None:
    etc(allowed_images=["quay.io/team/*"])
    made = terminal.config_file.parent / "Dockerfile"
    made.write_text(f"FROM {TORCH}\n")
    requirements = terminal.config_file.parent / "requirements.txt"
    requirements.write_text("numpy\n")
    folder = str(made.parent)
    container = terminal.container()
    commands = [
        ("environments", "add", TORCH),
        ("pull", "pytorch/pytorch:2.7.1-cuda12.8-cudnn9-runtime"),
        ("push", TORCH),
        ("tag", TORCH, "quay.io/team/x:1"),
        ("tag", TORCH, "elsewhere/x:1"),
        ("build", folder, "-t", "elsewhere/x:1"),
        ("build", folder, "-t", "quay.io/team/x:1"),
        ("build", "--requirements", str(requirements), "--base", TORCH, "-t", "quay.io/team/x:1"),
        ("commit", container[:12], "elsewhere/x:1"),
    ]
    before = {image.name for image in terminal.wait(terminal.backend.images())}
    for words in commands:
        error = refused(terminal, *words)
        assert error["code"] == "policy_image", words
        assert error["hint"] == "Allowed: quay.io/team/*."
    assert {image.name for image in terminal.wait(terminal.backend.images())} == before
    assert terminal("environments", "list", "--json").json == {"environments": []}
    assert terminal.containers() == [container]  # nobody looked inside, either
    shown_images = terminal("images", "--json").json["images"]
    assert {image["problem"]["code"] for image in shown_images} == {"policy_image"}


def test_what_the_rules_allow_is_done(terminal: Terminal, etc: Etc) -> None:
    etc(
        allowed_images=["pytorch/*", "quay.io/team/*"],
        max_gpus_per_kernel=1,
        max_memory="8g",
        networks=["none"],
    )
    ran = terminal("environments", "add", TORCH, "--gpus", "1", "--memory", "8g", "--json")
    assert ran.status == 0
    assert terminal("tag", TORCH, "quay.io/team/x:1").status == 0
    assert refused(terminal, "environments", "add", TORCH, "--gpus", "2") == {
        "code": "policy_gpus",
        "message": "The administrator allows at most 1 GPU per kernel "
        "(c.GpuContainers.max_gpus_per_kernel); 2 were asked for.",
        "hint": "Start with 1 GPU or fewer.",
    }
    too_much = refused(terminal, "environments", "add", TORCH, "--memory", "9g")
    assert too_much["code"] == "policy_memory"
    bridge = refused(terminal, "environments", "add", TORCH, "--network", "bridge")
    assert bridge["code"] == "policy_network"
    chosen = terminal("environments", "add", TORCH, "--network", "none", "--json")
    assert chosen.json["network"] == "none"


def test_a_user_cannot_loosen_what_the_system_says(terminal: Terminal, etc: Etc) -> None:
    """Not by a file of the user's, which Jupyter reads last, nor by --config."""
    etc(
        max_gpus_per_kernel=1,
        allowed_images=["pytorch/*"],
        show_others="counts",
        max_idle_time=3600.0,
    )
    loose = {"max_gpus_per_kernel": 8, "allowed_images": [], "show_others": "all"}
    loose |= {"max_idle_time": 0.0, "idle_warning": 1e9, "idle_gpu_utilization": 0}
    terminal.configure(**loose)  # what --config names
    user = Path(paths.jupyter_config_dir(), "jupyter_gpu_containers_config.json")
    user.parent.mkdir(exist_ok=True)
    user.write_text(terminal.config_file.read_text())
    assert refused(terminal, "environments", "add", TORCH, "--gpus", "2")["code"] == "policy_gpus"
    services = load_services()  # as papermill does
    try:
        assert [rules.source for rules in services.gate.rules] == [ADMINISTRATOR, CONFIGURATION]
        assert services.gate.max_gpus == 1
        assert shown(services.gate.rules) is Show.COUNTS
        idle = services.idle._rules.of(0.0, has_gpus=True)
        assert (idle.timeout, idle.warning, idle.gpu_utilization) == (3600.0, 600.0, 5)
    finally:
        services.close()


def test_a_users_catalogue_has_no_kernel_carried(terminal: Terminal, etc: Etc) -> None:
    entries = [{"name": "mine", "reference": "evil/x:1"}]
    for system, known in ((entries, True), ([], False)):
        etc(carry_into_unknown_images=False, catalogue_entries=system)
        terminal.configure(catalogue_entries=entries)
        services = load_services(str(terminal.config_file))
        try:
            assert ("evil/x:1" in services.gate._known()) is known
        finally:
            services.close()


def test_a_user_can_add_rules(terminal: Terminal, etc: Etc) -> None:
    etc(max_gpus_per_kernel=2)
    terminal.configure(max_gpus_per_kernel=1)
    error = refused(terminal, "environments", "add", TORCH, "--gpus", "2")
    assert error["message"].startswith("This server's configuration allows at most 1 GPU ")


def test_no_variable_takes_the_systems_rules_away(
    terminal: Terminal, etc: Etc, monkeypatch: pytest.MonkeyPatch
) -> None:
    etc(max_gpus_per_kernel=0)
    for variable in ("JUPYTER_NO_CONFIG", "JUPYTER_PREFER_ENV_PATH"):
        monkeypatch.setenv(variable, "1")
    assert refused(terminal, "environments", "add", TORCH, "--gpus", "1")["code"] == "policy_gpus"


@pytest.mark.parametrize(
    "text", ["{", '{"GpuContainers": {"max_gpus_per_kernel": "many"}}', '{"GpuContainers": 1}']
)
def test_with_a_damaged_file_of_the_systems_nothing_starts(
    terminal: Terminal, etc: Etc, text: str
) -> None:
    etc().write_text(text)
    ran = terminal("images", "--json")
    assert ran.status == 1
    assert ran.json["code"] == "policy_invalid"


@pytest.mark.parametrize(
    "traits",
    [
        {"allowed_images": ["a b"]},
        {"denied_images": [""]},
        {"max_memory": "many"},
        {"max_memory": "x%"},
    ],
)
def test_a_rule_that_means_nothing_is_told(terminal: Terminal, traits: dict[str, Any]) -> None:
    terminal.configure(**traits)
    ran = terminal("images", "--json")
    assert ran.status == 1
    assert ran.json["hint"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("c.GpuContainers.network = 'host'", "['bridge', 'none']"),
        ("c.GpuContainers.", "line 1"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_file_of_the_users_that_is_damaged_is_told(
    terminal: Terminal, tmp_path: Path, text: str, words: str
) -> None:
    terminal.config_file = tmp_path / "damaged.py"
    terminal.config_file.write_text(text)
    ran = terminal("images", "--json")
    assert (ran.status, ran.json["code"]) == (1, "invalid_request")
    assert words in ran.json["message"]
    assert ran.json["hint"]


def test_the_systems_mounts_stand_and_others_can_be_added(
    terminal: Terminal, etc: Etc, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "mine").mkdir()
    data, mine = str(tmp_path / "data"), str(tmp_path / "mine")
    etc(data_mounts={"data": data}, networks=["none"], max_memory="1g")
    terminal.configure(data_mounts={"data": f"{data}:rw", "mine": f"{mine}:rw", "ro": f"{mine}:ro"})
    services = load_services(str(terminal.config_file))
    try:
        mounts = services.policy.data_mounts
        assert {name: (m.source, m.read_only) for name, m in mounts.items()} == {
            "data": (data, True),
            "mine": (mine, False),
            "ro": (mine, True),
        }
        assert services.policy.network is Network.NONE  # the default is one that is allowed
        assert services.policy.memory == GIB
    finally:
        services.close()


def test_whose_folders_are_the_administrators(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    mine.mkdir()
    theirs.mkdir()
    monkeypatch.setattr(paths, "SYSTEM_CONFIG_PATH", ["/etc/jupyter"])
    monkeypatch.setattr(paths, "ENV_CONFIG_PATH", [str(mine), str(theirs), str(tmp_path / "none")])
    real = os.access  # root may write everywhere
    monkeypatch.setattr(os, "access", lambda p, mode: p != str(theirs) and real(p, mode))
    assert administrators_folders() == ["/etc/jupyter", str(theirs)]


@pytest.mark.parametrize(("show", "rows"), [("all", 2), ("counts", 2), ("none", 1)])
def test_who_sees_whose_kernels(terminal: Terminal, etc: Etc, show: str, rows: int) -> None:
    etc(show_others=show)
    first, second = terminal.uuids()
    terminal.container(gpus=(first,), notebook="mine.ipynb")
    terminal.container(gpus=(second,), notebook="theirs.ipynb", user="bob")
    listed = terminal("ps", "--json").json["kernels"]
    assert len(listed) == rows
    assert sorted(gpu for row in listed for gpu in row["gpus"]) == sorted([first, second][:rows])
    for command in ("ps", "gpus"):
        for words in ((command,), (command, "--json")):
            out = terminal(*words).out
            assert "mine.ipynb" in out
            assert ("theirs.ipynb" in out) is ("bob" in out) is (show == "all")
    states = [gpu["state"] for gpu in terminal("gpus", "--json").json["gpus"]]
    assert states == ["claimed", "claimed"]
