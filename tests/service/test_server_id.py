"""A server's name over its death: one at a time has it, and everybody sees whether it lives."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_gpu_containers.service.recovery.server_id import ServerId, Servers, ServerState

PROGRAM = """
import sys
from pathlib import Path
from jupyter_gpu_containers.service.recovery.server_id import Servers
taken = Servers(Path(sys.argv[1])).take(sys.argv[2])
print(taken.name, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def servers(tmp_path: Path) -> Servers:
    return Servers(tmp_path / "servers")


@pytest.fixture
def take(servers: Servers, tmp_path: Path) -> Iterator[Callable[[], ServerId]]:
    taken: list[ServerId] = []

    def take() -> ServerId:
        server = servers.take(str(tmp_path))
        assert server is not None
        taken.append(server)
        return server

    yield take
    for server in taken:
        server.close()


def other_process(tmp_path: Path) -> tuple[str, subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "servers"), str(tmp_path)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout
    return child.stdout.readline().strip(), child


def test_the_next_one_has_the_same_name(take: Callable[[], ServerId]) -> None:
    first = take()
    first.close()
    assert take().name == first.name


def test_two_in_one_folder(servers: Servers, take: Callable[[], ServerId]) -> None:
    one, other = take(), take()
    assert one.name != other.name
    one.close()
    assert take().name == one.name
    assert servers.state(other.name) == ServerState(alive=True)


def test_another_folder_another_name(
    servers: Servers, take: Callable[[], ServerId], tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    other = servers.take(str(tmp_path / "elsewhere"))
    assert other is not None
    assert other.name != take().name
    other.close()


def test_a_link_to_the_folder_is_the_folder(
    servers: Servers, take: Callable[[], ServerId], tmp_path: Path
) -> None:
    first = take()
    first.close()
    (tmp_path / "link").symlink_to(tmp_path)
    again = servers.take(str(tmp_path / "link"))
    assert again is not None
    assert again.name == first.name
    again.close()


def test_killed(servers: Servers, take: Callable[[], ServerId], tmp_path: Path) -> None:
    """However a process ends, its name is free at once, and the time since is told."""
    name, child = other_process(tmp_path)
    assert servers.state(name) == ServerState(alive=True)
    assert take().name != name
    child.kill()
    child.communicate()
    state = servers.state(name)
    assert state is not None
    assert not state.alive
    assert state.away is not None
    assert 0 <= state.away < 60
    assert take().name == name


def test_looking_does_not_take(servers: Servers, tmp_path: Path) -> None:
    """A server that starts while somebody looks must find its name."""
    name, child = other_process(tmp_path)
    child.kill()
    child.communicate()
    for _ in range(20):
        servers.state(name)
    again, child = other_process(tmp_path)
    assert again == name
    child.kill()
    child.communicate()


def test_away_counts_from_the_last_beat(
    servers: Servers, take: Callable[[], ServerId], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    server = take()
    now[0] = 1030.0
    server.beat()
    server.close()
    now[0] = 1130.0
    assert servers.state(server.name) == ServerState(alive=False, away=100.0)


def test_a_beat_of_another_boot_tells_no_time(
    servers: Servers, take: Callable[[], ServerId], tmp_path: Path
) -> None:
    server = take()
    server.close()
    note = tmp_path / "servers" / server.name
    note.write_text(json.dumps({"boot": "before", "alive": 1.0}))
    assert servers.state(server.name) == ServerState(alive=False, away=None)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"boot": 1}', "\0" * 200])
def test_a_damaged_note_tells_no_time(
    servers: Servers, take: Callable[[], ServerId], tmp_path: Path, content: str
) -> None:
    server = take()
    server.close()
    (tmp_path / "servers" / server.name).write_text(content)
    assert servers.state(server.name) == ServerState(alive=False, away=None)
    assert take().name == server.name


@pytest.mark.parametrize("name", ["", "unknown-0", "../key", "/etc/passwd", ".", "a/b"])
def test_what_is_no_server_is_not_known(servers: Servers, name: str) -> None:
    assert servers.state(name) is None


def test_a_file_that_somebody_removed_is_made_anew(
    servers: Servers, take: Callable[[], ServerId], tmp_path: Path
) -> None:
    server = take()
    (tmp_path / "servers" / server.name).unlink()
    assert servers.state(server.name) is None
    server.beat()
    assert servers.state(server.name) == ServerState(alive=True)
    assert take().name != server.name
