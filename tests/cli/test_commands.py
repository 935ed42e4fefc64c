"""Every command: what people read, what programs read, and how it ends."""

import getpass
import json
import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from jupyter_gpu_containers import __version__
from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.cli.outcome import CELL_FAILED, GPUS_BUSY, INTERRUPTED
from jupyter_gpu_containers.errors import EngineUnreachableError
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.service.kernel.owner import Owner
from jupyter_gpu_containers.web.contract import validate

from .conftest import TORCH, Terminal

ALIVE = str(Owner.current())


def test_gpus(terminal: Terminal) -> None:
    first, second = terminal.uuids()
    terminal.container(owner=ALIVE, gpus=[second])
    ran = terminal("gpus")
    assert ran.status == 0
    holder = f"PyTorch 2.6 · 1 GPU · nb1.ipynb ({getpass.getuser()})"
    (container,) = terminal.wait(terminal.backend.containers(labels.VERSION))
    since = datetime.fromtimestamp(container.created)
    assert ran.out.splitlines() == [
        "GPU  NAME         MEMORY         STATE    SINCE             HOLDER",
        "0    NVIDIA H200  0 B of 141 GB  free",
        f"1    NVIDIA H200  0 B of 141 GB  claimed  {since:%Y-%m-%d %H:%M}  {holder}",
        "Driver 580.95.05, CUDA up to 13.0",
    ]
    model = terminal("gpus", "--json").json
    validate("Gpus", model)
    assert [(gpu["uuid"], gpu["state"]) for gpu in model["gpus"]] == [
        (first, "free"),
        (second, "claimed"),
    ]


def test_gpus_that_are_shared_and_linked(terminal: Terminal) -> None:
    """Slots and their caveat where there are any, links as `nvidia-smi topo -m` says them."""
    entry = {"name": "NVIDIA A100", "memory_gib": 80, "link": "NV12"}
    terminal.configure(fixed_gpus=[entry | {"count": 2}], gpu_slots={"0": 2})
    first = terminal("gpus", "--json").json["gpus"][0]["uuid"]
    terminal.container(owner=ALIVE, gpus=[first], slots=[2])
    lines = terminal("gpus").out.splitlines()
    assert lines[0] == "GPU  NAME         MEMORY        STATE   SLOTS   SINCE             HOLDER"
    assert lines[1].startswith("0    NVIDIA A100  0 B of 80 GB  shared  1 of 2  20")
    assert "  PyTorch 2.6 ·" in lines[1]
    assert lines[2] == "1    NVIDIA A100  0 B of 80 GB  free    0 of 1"
    assert "share its memory without limits" in lines[3]
    assert lines[4] == "Links: NV12 between any two of GPU 0, 1"
    model = terminal("gpus", "--json").json
    validate("Gpus", model)
    assert [(gpu["slots"], gpu["slots_used"]) for gpu in model["gpus"]] == [(2, 1), (1, 0)]
    assert [link["name"] for link in model["links"]] == ["NV12"]


def test_links_of_several_kinds(terminal: Terminal) -> None:
    terminal.configure(fixed_gpus=[{"count": 2, "link": "PIX"}, {"count": 1}])
    lines = terminal("gpus").out.splitlines()
    assert lines[4:8] == [
        "LINKS  0    1    2",
        "0      X    PIX  SYS",
        "1      PIX  X    SYS",
        "2      SYS  SYS  X",
    ]


def test_a_machine_without_gpus_says_why(terminal: Terminal) -> None:
    terminal.configure(fixed_gpus=[])
    ran = terminal("gpus")
    assert (ran.status, ran.out) == (0, "The configuration says that this machine has no GPU.\n")
    assert terminal("gpus", "--json").json["gpus"] == []


def test_images(terminal: Terminal) -> None:
    ran = terminal("images")
    assert ran.status == 0
    title, newest, *_ = (re.split(r" {2,}", line) for line in ran.out.splitlines())
    assert title == ["IMAGE", "SIZE", "FRAMEWORK", "CUDA", "PYTHON", "KERNELS", "VERDICT"]
    assert newest == [
        "nvcr.io/nvidia/pytorch:25.08-py3",
        "13 GB",
        "PyTorch 25.08",
        "13.0.1",
        "3.12.3",
        "python3",
        "likely",
    ]
    for image in terminal("images", "--json").json["images"]:
        validate("Image", image)


def test_environments_come_and_go(terminal: Terminal) -> None:
    assert "There is no environment." in terminal("environments", "list").out
    added = terminal("environments", "add", TORCH, "--gpus", "1", "--memory", "8g", "--json")
    assert added.status == 0
    validate("Environment", added.json)
    name = added.json["name"]
    assert (added.json["gpus"], added.json["memory"]) == (1, 8 << 30)
    again = terminal("environments", "add", TORCH, "--gpus", "1", "--memory", "8g", "--json")
    assert (again.status, again.json) == (0, added.json)
    listed = terminal("environments", "list", "--json").json
    assert listed == {"environments": [added.json]}
    shown = terminal("environments", "list").out.splitlines()
    assert shown[0].split() == ["NAME", "DISPLAY", "NAME", "IMAGE", "GPUS", "MEMORY", "PROBLEM"]
    assert shown[1].startswith(f"{name}  PyTorch 2.6 · 1 GPU  {TORCH}  1     8 GB")
    removed = terminal("environments", "remove", name)
    assert (removed.status, removed.out) == (0, f"Removed {name}.\n")
    assert terminal("environments", "list", "--json").json == {"environments": []}


def test_an_environment_with_everything_said(terminal: Terminal) -> None:
    added = terminal(
        *("environments", "add", TORCH, "--name", "mine", "--display-name", "Mine"),
        *("--kernel", "python3", "--shm-size", "1g", "--gpus", "2"),
    )
    assert added.status == 0
    assert "jupyter console --kernel mine" in added.out
    spec = json.loads(
        (Path(os.environ["JUPYTER_DATA_DIR"]) / "kernels" / "mine" / "kernel.json").read_text()
    )
    assert spec["display_name"] == "Mine"
    assert spec["metadata"]["kernel_provisioner"]["config"]["shm_size"] == 1 << 30


def test_environments_of_mig_instances_and_of_particular_gpus(terminal: Terminal) -> None:
    """An index is what people know; the UUID is what is kept, since indexes change."""
    terminal.configure(fixed_gpus=[{"count": 2}, {"mig": ["1g.10gb", "1g.10gb"]}])
    models = terminal("gpus", "--json").json["gpus"]
    second, part = models[1]["uuid"], models[2]["uuid"]

    def add(*words: str) -> dict[str, Any]:
        ran = terminal("environments", "add", TORCH, *words, "--json")
        assert ran.status == 0, ran.err
        validate("Environment", ran.json)
        return {key: ran.json[key] for key in ("gpus", "gpu_profile", "gpu_uuids")}

    parts = {"gpus": 1, "gpu_profile": "1g.10gb", "gpu_uuids": []}
    assert add("--gpu-profile", "1g.10gb") == parts
    assert add("--gpu-profile", "1g.10gb", "--gpus", "2") == parts | {"gpus": 2}
    named = {"gpus": 1, "gpu_profile": None, "gpu_uuids": [second]}
    assert add("--gpu", "1", "--gpu", second) == named
    assert add("--gpus", "device=1") == named
    assert add("--gpu", part[:12]) == named | {"gpu_uuids": [part]}
    shown = terminal("environments", "list").out
    assert "2 × 1g.10gb" in shown
    assert second in shown


def test_environments_with_a_time_to_be_idle(terminal: Terminal) -> None:
    names = set()
    for time, seconds in (("2h", 7200), ("0", 0), ("90", 90)):
        ran = terminal("environments", "add", TORCH, "--idle-timeout", time, "--json")
        assert (ran.status, ran.json["idle_timeout"]) == (0, seconds)
        validate("Environment", ran.json)
        names.add(ran.json["name"])
    assert len(names) == 3
    for time, message in (("soon", "“soon” is not a time."), ("999d", "idle_timeout: ")):
        ran = terminal("environments", "add", TORCH, "--idle-timeout", time)
        assert ran.status == 1
        assert message in ran.err


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["--gpu", "7"], "This machine has no GPU 7.", "gpu-containers gpus"),
        (["--gpu", "GPU-nowhere"], "This machine has no GPU GPU-nowhere.", "gpus"),
        (["--gpu", "1"], "GPU 1 is 2 devices: 1g.10gb, 2g.20gb.", "--gpu-profile 1g.10gb"),
        (["--gpu", "0", "--gpus", "2"], "Particular GPUs were named, and 2 GPUs besides.", "other"),
        (["--gpu-profile", "1g.10gb", "--gpus", "0"], "no GPU was asked for", "Ask for 1 GPU"),
    ],
)
def test_gpus_that_an_environment_cannot_have(
    terminal: Terminal, words: list[str], message: str, hint: str
) -> None:
    terminal.configure(fixed_gpus=[{}, {"mig": ["1g.10gb", "2g.20gb"]}])
    ran = terminal("environments", "add", TORCH, *words)
    assert ran.status == 1
    assert message in ran.err
    assert hint in ran.err


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["add", "no/such:1"], "is not among the images", "Choose one"),
        (["add", "Not One"], "“Not One” is not an image reference.", "[registry/]repository"),
        (["add", TORCH, "--kernel", "ir"], "has no kernel “ir”", "It has: python3."),
        (["add", TORCH, "--memory", "lots"], "“lots” is not a size.", "8g or 512m"),
        (["add", TORCH, "--memory", "1"], "1 B is too little for a limit of memory.", "32 MB"),
        (["add", TORCH, "--name", "No Name"], "“No Name” cannot be the name", "small letters"),
        (["remove", "nope"], "There is no environment “nope”.", "environments list"),
    ],
)
def test_failures_are_a_sentence_and_a_hint(
    terminal: Terminal, words: list[str], message: str, hint: str
) -> None:
    ran = terminal("environments", *words)
    assert (ran.status, ran.out) == (1, "")
    error, advice = ran.err.splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert advice.startswith("hint: ")
    assert hint in advice


def test_failures_for_programs(terminal: Terminal) -> None:
    ran = terminal("environments", "remove", "nope", "--json")
    assert (ran.status, ran.err) == (1, "")
    validate("Error", ran.json)
    assert ran.json["code"] == "environment_not_found"


def test_an_engine_that_does_not_answer(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise EngineUnreachableError("No container engine answers.", "sudo systemctl start docker")

    for name in ("containers", "images", "info"):
        monkeypatch.setattr(MemoryBackend, name, away)
    for words in (["images"], ["ps"], ["stop", "--all"]):
        ran = terminal(*words)
        assert (ran.status, ran.err) == (
            1,
            "error: No container engine answers.\nhint: sudo systemctl start docker\n",
        )
    assert "unavailable" in terminal("gpus").out


@pytest.mark.parametrize(
    "words",
    [[], ["frobnicate"], ["stop"], ["stop", "a", "--all"], ["environments"], ["gpus", "x"]],
)
def test_usage(terminal: Terminal, words: list[str]) -> None:
    ran = terminal(*words)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("usage: jupyter gpu-containers")


def test_what_is_mistyped_is_told_with_what_was_meant(terminal: Terminal) -> None:
    ran = terminal("luanches")
    assert "there is no command “luanches”. Did you mean launches" in ran.err
    assert ran.err.endswith("hint: jupyter gpu-containers --help\n")
    assert "Did you mean" not in terminal("xyzzy").err
    ran = terminal("environments", "add", TORCH, "--gpu-profile", "huge")
    assert (ran.status, "“huge” is not the size of a MIG instance" in ran.err) == (2, True)
    assert ran.err.endswith("hint: jupyter gpu-containers environments add --help\n")


def test_help_has_examples_and_exit_codes(terminal: Terminal) -> None:
    text = terminal("--help").out
    assert "examples:\n" in text
    for status in (0, 1, 2, CELL_FAILED, GPUS_BUSY, INTERRUPTED):
        assert re.search(rf"^  {status} ", text, re.MULTILINE), status


def test_a_configuration_file_that_is_not_there(terminal: Terminal) -> None:
    terminal.config_file.unlink()
    assert "There is no configuration file" in terminal("gpus").err


def test_the_version() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "jupyter_gpu_containers.cli", "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout.strip() == __version__


def test_a_reader_that_has_seen_enough() -> None:
    ran = subprocess.run(
        f"{sys.executable} -m jupyter_gpu_containers.cli images | true; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "JUPYTER_GPU_CONTAINERS_BACKEND": "memory"},
    )
    assert (ran.stdout, ran.stderr) == ("0\n", "")
