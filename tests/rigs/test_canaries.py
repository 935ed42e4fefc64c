"""Canary secrets: the search of files, of outputs and of containers is not blind."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import docker
import pytest

from rigs.reliability.canary_places import Places
from tests import rooms
from tests.canaries import Canaries
from tests.canary_listener import Listener
from tests.conftest import IMAGES, ROOT
from tests.rooms import Room, run_program

SECRET = b'canary/"+?=x'
WAITS = ["sh", "-c", "echo up; sleep 600"]


@pytest.fixture
def canaries() -> Canaries:
    """Secrets that the suite's own search does not know."""
    return Canaries()


def test_a_secret_is_found_however_it_is_written() -> None:
    for text in (
        SECRET,
        b"a" + base64.b64encode(SECRET) + b"z",
        base64.urlsafe_b64encode(SECRET),
        quote(SECRET, safe="").encode(),
        b'{"a": "canary/\\"+?=x"}',
        SECRET.hex().encode(),
    ):
        places = Places()
        places.add("here", SECRET[:-1] + base64.b64encode(b"canary"))  # which is no secret
        places.add("there", b"before " + text + b" after")
        (hit,) = {hit.partition(" in ")[2].partition(":")[0] for hit in places.hits({"it": SECRET})}
        assert hit == "there", text
        assert SECRET.decode() not in "".join(places.hits({"it": SECRET}))


def test_a_room_fails_over_a_token_of_its_environment(
    tmp_path: Path, canaries: Canaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check that every test with a room makes: servers' logs are among its files."""
    monkeypatch.setattr(rooms, "SUITE", canaries)
    room = Room("memory", tmp_path)
    ran = run_program(room, [sys.executable, "-c", "import os; print(os.environ['HF_TOKEN'])"])
    (hit,) = canaries.hits
    assert hit.startswith("output of ")
    assert room.leaks() == []
    (room.base / "server.log").write_text(ran.stdout)
    (leak,) = room.leaks()
    assert leak.startswith("a canary (plain): b'hf_[...]-hf-token-")
    assert leak.endswith(" in server.log")
    with pytest.raises(pytest.fail.Exception, match=r" in server\.log"):
        room.close()
    assert not room.base.exists()


# --- containers -----------------------------------------------------------------------------------


@pytest.fixture
def listener(canaries: Canaries, engine_host: str) -> Iterator[Listener]:
    listener = Listener(canaries, active=True)
    listener.listen(engine_host)
    yield listener
    listener.close()


@pytest.fixture
def container(engine_host: str) -> Iterator[Callable[..., Any]]:
    """Start a container, removed in the end."""
    client = docker.DockerClient(base_url=engine_host)
    made = []

    def start(command: list[str], **more: Any) -> Any:
        more["user"] = f"{os.getuid()}:{os.getgid()}"  # nobody else's environment can be read
        made.append(client.containers.create(IMAGES.debian12, command, network_mode="none", **more))
        made[-1].start()
        return made[-1]

    yield start
    for one in made:
        with suppress(docker.errors.NotFound):
            one.remove(force=True)
    client.close()


@pytest.mark.engine
def test_secrets_in_command_line_environment_and_labels_of_containers_are_seen(
    canaries: Canaries, listener: Listener, container: Callable[..., Any]
) -> None:
    token = canaries.environment["HF_TOKEN"]
    found = container([*WAITS, token], environment={"HF_TOKEN": token}, labels={"notebook": token})
    found.exec_run([*WAITS, token], environment=[f"A={token}"], detach=True)
    listener.close()  # when everything until now was heard
    assert hits_of(canaries, found) >= {
        *("create: event", "create: inspect"),
        *("start: event", "start: inspect", "start: cmdline", "start: environ"),
        *("exec_create: event", "exec_start: cmdline", "exec_start: environ"),
    }
    assert found.id in listener.inspected
    assert token not in "".join(canaries.hits)


def hits_of(canaries: Canaries, container: Any) -> set[str]:
    """Return in what of a container, and when, there was a secret."""
    parts = [hit.split(": ") for hit in canaries.hits if f" of {container.name} " in hit]
    return {f"{when.partition(' of ')[0]}: {place}" for when, place, *_ in parts}


# --- a run of pytest ------------------------------------------------------------------------------

SEEN_IN_A_TEST = """
from tests.canaries import SUITE
from tests.registries.real import PASSWORD

def test_that_sees(): SUITE.look('answers', f'x{PASSWORD}x')
def test_after(): pass
"""


def test_a_test_fails_that_sees_a_secret(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SEEN_IN_A_TEST)
    options = ["-p", "tests.canary_plugin", "-p", "no:cacheprovider", f"--rootdir={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", os.devnull, *options, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "ERROR at teardown of test_that_sees" in said
    assert "answers: a registry's password (plain): b'x[...]x'" in said
    assert "2 passed, 1 error in " in said.splitlines()[-1]
