"""Canary secrets: neither the rig's search is blind, nor the one beside every test."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import docker
import pytest

from rigs.reliability.canaries import SEEN, Drive, figures
from rigs.reliability.canary_places import Places
from tests import rooms, servers
from tests.canaries import EVENTS, Canaries
from tests.canary_listener import Listener
from tests.conftest import IMAGES, ROOT
from tests.rooms import Room, run_program
from tests.servers import Server

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


def test_a_hit_and_a_place_that_nobody_looked_at_miss_the_figures() -> None:
    drive = object.__new__(Drive)
    drive.places, drive.secrets, drive.marker = Places(), {"it": SECRET}, "marker"
    drive.inspected = drive.missed = 0
    drive.buildkit = True
    for place in SEEN:
        drive.places.add(place, "marker")
    assert all(figure.met for figure in figures([drive]))
    drive.places.add("events", SECRET)
    drive.places.texts["the log"] = [b"nothing"]
    assert [figure.met for figure in figures([drive])][:2] == [False, False]


# --- files, answers of REST, events ---------------------------------------------------------------


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


def test_an_answer_and_an_event_with_a_secret_are_seen(
    canaries: Canaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real server; a name that is a canary comes back in an answer, an event, and its log."""
    monkeypatch.setattr(rooms, "SUITE", canaries)
    monkeypatch.setattr(servers, "SUITE", canaries)
    room = Room("memory", tmp_path)
    try:
        server = Server(room)
        try:
            page = server.request("GET", "/nothing")  # Jupyter's own, with the token
            assert server.token in page.text
            assert canaries.hits == []
            name = canaries.make("a-name")
            body = {"type": "file", "format": "text", "content": "x"}
            server.ask("PUT", f"/api/contents/{name}.txt", body)
            server.ask("DELETE", f"/api/contents/{name}.txt")
        finally:
            server.terminate()
        assert any(hit.startswith("answer to PUT /api/contents") for hit in canaries.hits)
        assert any(leak.endswith(f" in {EVENTS}") for leak in room.leaks())
        assert server.token not in (room.base / EVENTS).read_text() + server.log.read_text()
    finally:
        with pytest.raises(pytest.fail.Exception, match=EVENTS):
            room.close()


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


def test_a_listener_that_dies_is_told(canaries: Canaries, tmp_path: Path) -> None:
    listener = Listener(canaries, active=True)
    listener.listen(f"unix://{tmp_path}/none.sock")
    assert listener._process is not None
    listener._process.kill()
    listener._process.wait()
    listener.listen(f"unix://{tmp_path}/none.sock")  # which fails nobody's start of an engine
    listener.close()
    assert canaries.hits == ["nobody listened to engines to the end (status -9)"]


# --- a run of pytest ------------------------------------------------------------------------------

SEEN_IN_A_TEST = """
from tests.canaries import SUITE
from tests.registries.real import PASSWORD

def test_that_sees(): SUITE.look('answers', f'x{PASSWORD}x')
def test_after(): pass
"""
SEEN_AT_THE_END = f"""
import docker, os
from tests.canary_listener import SUITE_LISTENER

def test_of_a_container():
    SUITE_LISTENER.listen(os.environ["ENGINE"], stays=True)
    client = docker.DockerClient(base_url=os.environ["ENGINE"])
    variables = {{"A": os.environ["AWS_SECRET_ACCESS_KEY"]}}
    client.containers.create({IMAGES.debian12!r}, environment=variables, name=os.environ["NAME"])
    client.close()
"""


def run(folder: Path, text: str, **environment: str) -> tuple[int, str]:
    """Run tests of their own with the plugin; return exit status and what was printed."""
    (folder / "test_it.py").write_text(text)
    options = ["-p", "tests.canary_plugin", "-p", "no:cacheprovider", f"--rootdir={folder}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", os.devnull, *options, str(folder)],
        cwd=ROOT,
        env={**os.environ, **environment, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_test_fails_that_sees_a_secret(tmp_path: Path) -> None:
    status, said = run(tmp_path, SEEN_IN_A_TEST)
    assert status == 1, said
    assert "ERROR at teardown of test_that_sees" in said
    assert "answers: a registry's password (plain): b'x[...]x'" in said
    assert "2 passed, 1 error in " in said.splitlines()[-1]


@pytest.mark.engine
def test_a_run_fails_over_the_last_container(
    tmp_path: Path, engine_host: str, images: SimpleNamespace
) -> None:
    name = f"jgc-canary-{uuid.uuid4().hex}"
    try:
        status, said = run(tmp_path, SEEN_AT_THE_END, ENGINE=engine_host, NAME=name)
    finally:
        client = docker.DockerClient(base_url=engine_host)
        client.containers.get(name).remove()  # it was there when it was looked at
        client.close()
    assert status == 1, said
    assert f"create of {name} from " in said
    assert "inspect: a canary (plain): " in said
