"""Commands about images and registries: what people read, what programs read, how they end."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.backends.memory.registry import ENDLESS, PRIVATE
from jupyter_gpu_containers.backends.memory.remote import WRONG
from jupyter_gpu_containers.web.contract import validate

from .conftest import TORCH, Terminal

REMOTE = "nvcr.io/nvidia/pytorch:25.01-py3"
SECRET = "nvapi-0123456789"
PROGRAM = [sys.executable, "-m", "jupyter_gpu_containers.cli"]
PATIENCE = 60  # seconds; for a program's start on a busy machine


def test_the_catalogue(terminal: Terminal) -> None:
    ran = terminal("catalogue")
    assert ran.status == 0
    assert ran.out.splitlines()[0].split() == [
        *("TITLE", "IMAGE", "VERDICT", "DOWNLOAD", "HERE", "LICENCE")
    ]
    entries = terminal("catalogue", "--json").json["entries"]
    for entry in entries:
        validate("CatalogueEntry", entry)
    assert len(ran.out.splitlines()) == len(entries) + 1


def test_search(terminal: Terminal) -> None:
    ran = terminal("search", "pytorch")
    assert ran.out.splitlines()[0].split() == ["NAME", "STARS", "OFFICIAL", "DESCRIPTION"]
    assert "pytorch/pytorch" in ran.out
    for result in terminal("search", "pytorch", "--json").json["results"]:
        validate("SearchResult", result)
    assert terminal("search", "xyzzy").out == "Docker Hub has nothing for “xyzzy”.\n"


def test_tags(terminal: Terminal) -> None:
    every = terminal("tags", "nvcr.io/nvidia/pytorch", "--json").json
    validate("Tags", every)
    assert terminal("tags", "nvcr.io/nvidia/pytorch").out.splitlines() == every["tags"]
    few = terminal("tags", "nvcr.io/nvidia/pytorch", "--contains", "py3", "--limit", "1").out
    newest, more = few.splitlines()
    assert "py3" in newest
    assert re.fullmatch(r"… and \d+ more", more)
    none = terminal("tags", "nvcr.io/nvidia/pytorch", "--contains", "xyzzy")
    assert (none.status, none.out) == (0, "No tag of nvcr.io/nvidia/pytorch matches.\n")
    unknown = terminal("tags", "nvcr.io/no/such", "--json")
    assert (unknown.status, unknown.json["code"]) == (1, "tag_unknown")


def test_inspect_here_and_in_a_registry(terminal: Terminal) -> None:
    here = terminal("inspect", TORCH)
    assert here.status == 0
    assert here.out.splitlines()[:2] == [TORCH, "where      on this machine"]
    assert "kernels    python3" in here.out
    assert "GPU 1: " in here.out
    model = terminal("inspect", REMOTE, "--json").json
    validate("ImageDetails", model)
    assert not model["on_engine"]
    remote = terminal("inspect", REMOTE).out
    assert re.search(r"^where +in its registry, [\d.]+ [MG]B to fetch$", remote, re.MULTILINE)
    assert re.search(r"^verdict: \w", remote, re.MULTILINE)
    assert "error: " in terminal("inspect", PRIVATE).err


def test_a_verdict_on_a_reference(terminal: Terminal, tmp_path: Path) -> None:
    for reference in (TORCH, REMOTE):
        model = terminal("verdict", reference, "--json").json
        validate("Verdict", model)
        assert model == terminal("inspect", reference, "--json").json["verdict"]
    host = tmp_path / "host.json"
    host.write_text(
        json.dumps({"driver_version": "470.82", "architecture": "amd64", "gpus": [{"name": "K80"}]})
    )
    planned = terminal("verdict", TORCH, "--host", str(host), "--json").json
    validate("Verdict", planned)
    assert [gpu["index"] for gpu in planned["gpus"]] == [0]
    assert "GPU 0: " in terminal("verdict", REMOTE, "--host", str(host)).out
    host.write_text(json.dumps({"architecture": "s390x", "gpus": []}))
    other = terminal("verdict", REMOTE, "--host", str(host), "--json")
    assert other.json["code"] == "wrong_architecture"
    assert terminal("verdict", TORCH, "--image-config", str(host)).status == 2
    assert terminal("verdict").status == 2


def test_a_pull_and_a_removal(terminal: Terminal) -> None:
    pulled = terminal("pull", REMOTE)
    assert pulled.status == 0
    assert re.fullmatch(rf"Pulled {REMOTE} \([0-9a-f]{{12}}\), [\d.]+ [MG]B\.\n", pulled.out)
    lines = pulled.err.splitlines()  # no terminal, so a line for each thing that is new
    assert lines[0] == f"{REMOTE}: pull queued"
    assert lines[-1] == f"{REMOTE}: pull succeeded"
    assert any(line.endswith(": Pull complete") for line in lines)
    assert REMOTE in terminal("images").out
    again = terminal("pull", REMOTE, "--json")
    assert (again.status, again.err) == (0, "")
    validate("Job", again.json)
    named = terminal("tag", REMOTE, "localhost:5000/team/torch:mine")
    assert named.out == f"{REMOTE} is now localhost:5000/team/torch:mine, too.\n"
    pushed = terminal("push", "localhost:5000/team/torch:mine")
    assert (pushed.status, pushed.out.split()[0]) == (0, "Pushed")
    for name in (REMOTE, "localhost:5000/team/torch:mine"):
        assert f"Removed {name}.\n" in terminal("rmi", name).out
    gone = terminal("rmi", REMOTE, "--json")
    assert (gone.status, gone.json["code"]) == (1, "image_not_found")


def test_a_pull_that_fails(terminal: Terminal) -> None:
    ran = terminal("pull", PRIVATE)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.splitlines()[-3] == f"{PRIVATE}: pull failed"
    assert ran.err.splitlines()[-2].startswith("error: ")
    assert ran.err.splitlines()[-1].startswith("hint: ")
    model = terminal("pull", PRIVATE, "--json")
    assert (model.status, model.json["code"]) == (1, "registry_unauthorized")
    assert terminal("pull", "Not One").status == 1


def test_an_image_in_use(terminal: Terminal) -> None:
    terminal("environments", "add", TORCH, "--display-name", "Mine")
    refused = terminal("rmi", TORCH)
    assert refused.status == 1
    assert "Mine" in refused.err
    forced = terminal("rmi", TORCH, "--force", "--json")
    assert forced.json == {"removed": [TORCH, DEMO_IMAGES[1].id]}


def test_a_login_from_a_pipe(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{SECRET}\n"))
    ran = terminal("login", "nvcr.io", "--password-stdin")
    file = tmp_path / "docker" / "config.json"
    assert ran.out == f"Logged in to nvcr.io as $oauthtoken; kept in {file}.\n"
    assert terminal("inspect", PRIVATE).status == 0
    assert terminal("logout", "nvcr.io").out == "Logged out of nvcr.io.\n"
    assert terminal("logout", "nvcr.io").out == "There is no login to nvcr.io.\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{SECRET}\n"))
    model = terminal("login", "-u", "me", "--password-stdin", "--json")
    validate("Login", model.json)
    assert (model.json["host"], model.json["username"]) == ("docker.io", "me")
    assert SECRET not in ran.out + ran.err + model.out


@pytest.mark.parametrize(
    ("words", "typed", "code"),
    [
        (["quay.io", "-u", "me"], WRONG, "registry_unauthorized"),
        (["quay.io", "-u", "me"], "", "invalid_request"),
        (["not one", "-u", "me"], SECRET, "invalid_request"),
        (["quay.io"], SECRET, "invalid_request"),  # the user name is not to be had from a pipe
    ],
)
def test_a_login_that_is_refused(
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: list[str],
    typed: str,
    code: str,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    ran = terminal("login", *words, "--password-stdin", "--json")
    assert (ran.status, ran.json["code"]) == (1, code)
    assert not (tmp_path / "docker" / "config.json").exists()


def test_a_secret_is_no_argument(terminal: Terminal) -> None:
    assert terminal("login", "quay.io", "-u", "me", "--password", SECRET).status == 2
    assert terminal("login", "quay.io", SECRET).status == 2


@pytest.fixture
def room(tmp_path: Path) -> dict[str, str]:
    """The environment of a program of its own, on the memory backend."""
    config = tmp_path / "config"
    config.mkdir()
    traits = {"backend": "memory", "fixed_gpus": []}
    file = config / "jupyter_gpu_containers_config.json"
    file.write_text(json.dumps({"GpuContainers": traits}))
    return {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "DOCKER_CONFIG": str(tmp_path / "docker"),
        "COLUMNS": "100",
    }


def test_on_a_terminal_a_login_asks_and_does_not_show(room: dict[str, str]) -> None:
    child = pexpect.spawn(
        PROGRAM[0], [*PROGRAM[1:], "login", "nvcr.io"], env=room, encoding="utf-8", timeout=PATIENCE
    )
    child.expect("API key for nvcr.io: ")
    child.sendline(SECRET)
    child.expect(pexpect.EOF)
    assert "Logged in to nvcr.io as $oauthtoken" in child.before
    assert SECRET not in child.before
    child.close()
    assert child.exitstatus == 0


def test_on_a_terminal_a_pull_is_a_bar_and_ctrl_c_cancels_it(room: dict[str, str]) -> None:
    child = pexpect.spawn(
        PROGRAM[0], [*PROGRAM[1:], "pull", ENDLESS], env=room, encoding="utf-8", timeout=PATIENCE
    )
    child.expect(r"\[█*░*\] +\d+ %  [\d.]+ [KMG]?i?B of [\d.]+ GB")
    child.sendintr()
    child.expect(pexpect.EOF)
    assert child.before.replace("\r", "").endswith("Cancelled.\n")
    child.close()
    assert child.exitstatus == 130


def test_a_program_that_is_told_to_end_cancels_its_pull(room: dict[str, str]) -> None:
    with subprocess.Popen(
        [*PROGRAM, "pull", ENDLESS], env=room, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stderr is not None
        while b"pull running" not in child.stderr.readline():
            assert child.poll() is None
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, out) == (143, b"Cancelled.\n")
    assert err.endswith(b": pull cancelled\n")


@pytest.mark.parametrize("command", [["images"], ["pull", "pytorch/pytorch"]])
def test_a_second_ctrl_c_does_not_wait_for_a_silent_engine(
    room: dict[str, str], tmp_path: Path, command: list[str]
) -> None:
    path = tmp_path / "s"
    file = Path(room["JUPYTER_CONFIG_DIR"]) / "jupyter_gpu_containers_config.json"
    traits = {"backend": "docker", "engine_url": f"unix://{path}", "fixed_gpus": []}
    file.write_text(json.dumps({"GpuContainers": traits}))
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        silent.settimeout(PATIENCE)
        with subprocess.Popen([*PROGRAM, *command], env=room, stderr=subprocess.PIPE) as child:
            connection, _ = silent.accept()
            ended = False
            for _ in range(20):  # two that come at once are one, and which of them is not told
                child.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=0.5)
                    ended = True
                    break
            child.kill()
            _, err = child.communicate()
            connection.close()
    assert ended
    assert child.returncode in (130, -signal.SIGINT)
    assert b"Traceback" not in err


def test_a_ctrl_c_while_kernels_are_removed_at_the_end(room: dict[str, str]) -> None:
    """`jupyter console` only asks its kernel to exit; its container is removed by atexit."""
    code = """
import asyncio, os, signal
from types import SimpleNamespace
from jupyter_gpu_containers import config

class Kernels:
    async def remove_all(self):
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

class Operations:
    def close(self):
        print("the ends are written down")

config.share_services(SimpleNamespace(kernels=Kernels(), operations=Operations()))
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], env=room, capture_output=True, text=True, timeout=PATIENCE
    )
    assert ran.stderr == "containers will be removed later: interrupted\n"
    assert ran.stdout == "the ends are written down\n"


def test_ctrl_c_does_not_wait_for_a_silent_registry(room: dict[str, str]) -> None:
    file = Path(room["JUPYTER_CONFIG_DIR"]) / "jupyter_gpu_containers_config.json"
    file.write_text(json.dumps({"GpuContainers": {"backend": "docker", "fixed_gpus": []}}))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE)
        repository = f"127.0.0.1:{silent.getsockname()[1]}/a/b"
        with subprocess.Popen([*PROGRAM, "tags", repository], env=room) as child:
            connection, _ = silent.accept()
            began = time.monotonic()
            child.send_signal(signal.SIGINT)
            assert child.wait(timeout=PATIENCE) == 130
            assert time.monotonic() - began < 10  # the registry would have 20 and more
            connection.close()
