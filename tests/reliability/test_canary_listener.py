"""The search that runs beside the whole suite finds what it looks for, and then fails the run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest

from tests import rooms, servers
from tests.canaries import EVENTS, Canaries, Emissions
from tests.canary_listener import Listener
from tests.conftest import IMAGES, ROOT
from tests.rooms import Room
from tests.servers import PATIENCE, Server

WAITS = ["sh", "-c", "echo up; sleep 600"]


@pytest.fixture
def canaries() -> Canaries:
    """Secrets that the suite's own search does not know."""
    return Canaries()


@pytest.fixture
def listener(canaries: Canaries, engine_host: str) -> Iterator[Listener]:
    listener = Listener(canaries, active=True)
    listener.listen(engine_host)
    yield listener
    listener.close()


@pytest.fixture
def container(engine_host: str) -> Iterator[Callable[..., Any]]:
    """Start containers."""
    client = docker.DockerClient(base_url=engine_host)
    made = []

    def start(command: list[str] = WAITS, **more: Any) -> Any:
        more["user"] = f"{os.getuid()}:{os.getgid()}"  # nobody else's environment can be read
        made.append(client.containers.create(IMAGES.debian12, command, network_mode="none", **more))
        made[-1].start()
        return made[-1]

    yield start
    for one in made:
        with suppress(docker.errors.NotFound):
            one.remove(force=True)
    client.close()


def until(listener: Listener, condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, listener._canaries.hits
        listener.collect()
        time.sleep(0.02)


# --- containers -----------------------------------------------------------------------------------


@pytest.mark.engine
@pytest.mark.parametrize(
    ("how", "places"),
    [
        (
            lambda secret: {"environment": {"HF_TOKEN": secret}},
            {"create: inspect", "start: inspect", "start: environ"},
        ),
        (
            lambda secret: {"command": [*WAITS, secret]},
            {"create: inspect", "start: inspect", "start: cmdline"},
        ),
        (
            lambda secret: {"labels": {"notebook": secret}},
            {"create: event", "create: inspect", "start: event", "start: inspect"},
        ),
        (lambda secret: {"tmpfs": {f"/{secret}": ""}}, {"create: inspect", "start: inspect"}),
    ],
    ids=["environment", "argv", "label", "mount"],
)
def test_a_container_with_a_secret_is_seen(
    canaries: Canaries,
    listener: Listener,
    container: Callable[..., Any],
    how: Callable[[str], dict[str, Any]],
    places: set[str],
) -> None:
    found = container(**how(canaries.environment["HF_TOKEN"]))
    until(listener, lambda: hits_of(canaries, found) >= places)
    assert found.id in listener.inspected
    assert canaries.environment["HF_TOKEN"] not in "".join(canaries.hits)


def hits_of(canaries: Canaries, container: Any) -> set[str]:
    """Return in what of a container, and when, there was a secret."""
    parts = [hit.split(": ") for hit in canaries.hits if f" of {container.name} " in hit]
    return {f"{when.partition(' of ')[0]}: {place}" for when, place, *_ in parts}


@pytest.mark.engine
def test_what_is_executed_in_a_container_with_a_secret_is_seen(
    canaries: Canaries, listener: Listener, container: Callable[..., Any]
) -> None:
    found = container()
    found.exec_run([*WAITS, canaries.make("a-token")], detach=True)
    found.exec_run(WAITS, environment=[f"A={canaries.make('other')}"], detach=True)
    expected = {
        "exec_create: event",
        "exec_start: cmdline",
        "exec_start: environ",
    }
    until(listener, lambda: hits_of(canaries, found) >= expected)


@pytest.mark.engine
def test_containers_without_a_secret_are_no_hits_and_those_gone_are_missed(
    canaries: Canaries, listener: Listener, container: Callable[..., Any]
) -> None:
    found = container()
    short = container()
    short.remove(force=True)
    until(listener, lambda: {found.id, short.id} <= listener.seen)
    listener.close()
    assert found.id in listener.inspected
    assert listener.read["environ"] >= 1
    assert canaries.hits == []


def test_a_listener_without_an_engine_ends(canaries: Canaries, tmp_path: Path) -> None:
    listener = Listener(canaries, active=True)
    listener.listen(f"unix://{tmp_path}/none.sock", stays=True)
    listener.listen(f"unix://{tmp_path}/other.sock")
    listener.close()
    assert (canaries.hits, listener.seen) == ([], set())
    listener.close()


def test_a_listener_that_dies_is_told(canaries: Canaries, tmp_path: Path) -> None:
    listener = Listener(canaries, active=True)
    listener.listen(f"unix://{tmp_path}/none.sock")
    assert listener._process is not None
    listener._process.kill()
    listener._process.wait()
    listener.listen(f"unix://{tmp_path}/none.sock")  # which fails nobody's start of an engine
    listener.close()
    assert canaries.hits == ["nobody listened to engines to the end (status -9)"]


def test_nothing_is_started_where_nobody_would_end_it(canaries: Canaries) -> None:
    listener = Listener(canaries)
    listener.listen("unix:///none.sock")
    assert listener._process is None


# --- REST and events ------------------------------------------------------------------------------


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
            assert server.request("GET", f"/gpu-containers/launches/{name}").status_code == 404
            server.ask("PUT", f"/api/contents/{name}.txt", text_file("x"))
            server.ask("GET", f"/api/contents/{name}.txt")
            server.ask("DELETE", f"/api/contents/{name}.txt")
        finally:
            server.terminate()
        assert any(hit.startswith("answer to GET /api/contents") for hit in canaries.hits)
        assert any(leak.endswith(f" in {EVENTS}") for leak in room.leaks())
        assert canaries.counts["events"] > 0
        assert server.token not in (room.base / EVENTS).read_text() + server.log.read_text()
    finally:
        with pytest.raises(pytest.fail.Exception, match=EVENTS):
            room.close()


def text_file(content: str) -> dict[str, str]:
    return {"type": "file", "format": "text", "content": content}


async def test_an_event_in_this_process_is_seen(jp_serverapp: Any, canaries: Canaries) -> None:
    handler = Emissions(canaries)
    jp_serverapp.event_logger.register_handler(handler)
    schema = "https://events.jupyter.org/jupyter_server/contents_service/v1"
    data = {"action": "get", "path": f"{canaries.make('a-path')}.txt"}
    jp_serverapp.event_logger.emit(schema_id=schema, data={"action": "get", "path": "a.txt"})
    assert canaries.hits == []
    jp_serverapp.event_logger.emit(schema_id=schema, data=data)
    (hit,) = canaries.hits
    assert hit.startswith("events: a canary (plain)")


def test_logins_where_they_belong_are_no_leak(canaries: Canaries, tmp_path: Path) -> None:
    kept = [tmp_path / name for name in ("docker/config.json", "runtime/jpserver-1.json")]
    for path in kept:
        path.parent.mkdir()
        path.write_text(canaries.make("login"))
    assert canaries.look_into(tmp_path) == []
    (tmp_path / "docker" / "other.json").write_text(canaries.make("login"))
    (hit,) = canaries.look_into(tmp_path)
    assert hit.endswith(" in docker/other.json")


# --- a run of pytest ------------------------------------------------------------------------------

RUN = """
import docker, os, pytest
from tests.canaries import SUITE
from tests.canary_listener import SUITE_LISTENER
from tests.registries.real import PASSWORD

def test_before(): SUITE.look("answers", "nothing")
"""
SEEN = "def test_that_sees(): SUITE.look('answers', f'x{PASSWORD}x')\n"
LAST = f"""
def test_of_a_container():
    SUITE_LISTENER.listen(os.environ["ENGINE"], stays=True)
    client = docker.DockerClient(base_url=os.environ["ENGINE"])
    token = os.environ["AWS_SECRET_ACCESS_KEY"]
    client.containers.create({IMAGES.debian12!r}, "true", labels={{{{"a": {{}}}}}}).remove()
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


def test_a_run_without_hits_passes_and_its_summary_is_the_last_line(tmp_path: Path) -> None:
    status, said = run(tmp_path, RUN)
    assert status == 0, said
    assert "0 hits in 1 answers" in said
    assert " 1 passed in " in said.splitlines()[-1]


def test_a_test_fails_that_sees_a_secret(tmp_path: Path) -> None:
    status, said = run(tmp_path, RUN + SEEN + "def test_after(): pass\n")
    assert status == 1, said
    assert "ERROR at teardown of test_that_sees" in said
    assert "answers: a registry's password (plain): b'x[...]x'" in said
    assert "3 passed, 1 error in " in said.splitlines()[-1]


@pytest.mark.engine
def test_a_run_fails_over_the_last_container(
    tmp_path: Path, engine_host: str, images: SimpleNamespace
) -> None:
    status, said = run(tmp_path, RUN + LAST.format("token"), ENGINE=engine_host)
    assert status == 1, said
    assert "a canary (plain): " in said
    assert "create of " in said
    status, said = run(tmp_path, RUN + LAST.format("'no token'"), ENGINE=engine_host)
    assert status == 0, said
    assert "0 hits in 1 answers" in said
