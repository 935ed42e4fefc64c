"""``events``: a program of its own that follows a server, over the server's end and its return."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from jupyter_gpu_containers.cli.events import KINDS, SCHEMA, _read, event_text
from jupyter_gpu_containers.web.events import EVENTS
from tests.rooms import MEMORY_IMAGE, Room
from tests.servers import Server

CLI = [sys.executable, "-m", "jupyter_gpu_containers.cli"]


class Follower:
    """`events` in a room, whose output goes to files."""

    def __init__(self, room: Room, server: Server, *options: str) -> None:
        self.server = server
        self.out, self.err = room.base / "events.out", room.base / "events.err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [*CLI, "events", *options],
                cwd=room.workspace,
                env=room.environ(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        self.until_noted("Following")

    def until_noted(self, text: str, times: int = 1) -> None:
        self.server.until(lambda: self.err.read_text().count(text) >= times)

    def events(self) -> list[Any]:
        whole = self.out.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def until(self, kind: str, **data: object) -> Any:
        """Wait for an event with these fields; return it."""

        def look() -> Any:
            for event in self.events():
                if event["event"] == kind and data.items() <= event["data"].items():
                    return event
            return None

        return self.server.until(look)

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


@pytest.fixture
def follow(memory_room: Room, server: Server) -> Iterator[Callable[..., Follower]]:
    """Starts `events`; what is left of it is killed at the end."""
    begun: list[Follower] = []

    def follow(*options: str) -> Follower:
        begun.append(Follower(memory_room, server, *options))
        return begun[-1]

    yield follow
    for one in begun:
        one.process.kill()
        one.process.wait()


@pytest.fixture
def server(memory_room: Room) -> Iterator[Server]:
    memory_room.configure(fixed_gpus=[{"count": 1}])
    server = Server(memory_room)
    yield server
    if server.process.poll() is None:
        assert server.terminate() == 0


def test_a_server_that_goes_and_comes_back(
    server: Server, memory_room: Room, follow: Callable[..., Follower]
) -> None:
    follower = follow("--json")
    launch = server.launch(image=MEMORY_IMAGE)
    event = follower.until("launch", id=launch, phase="running")
    schema = yaml.safe_load((EVENTS / "launch.v1.yaml").read_text("utf-8"))
    Draft7Validator(schema).validate(event["data"])
    server.cancel(launch)
    follower.until("launch", id=launch, phase="cancelled")
    assert server.terminate() == 0
    again = Server(memory_room)  # another port, another token
    follower.server = again
    follower.until_noted("Following", times=2)
    assert "is away; waiting for it." in follower.err.read_text()
    job = again.ask("POST", "/gpu-containers/jobs", {"kind": "pull", "reference": "python:3.13"})
    follower.until("job", id=job["id"], state="failed")  # the demonstration has no such image
    assert follower.end() == 130
    assert "Traceback" not in follower.err.read_text()
    assert again.terminate() == 0


def test_what_people_read(server: Server, follow: Callable[..., Follower]) -> None:
    follower = follow("--kind", "launch")
    launch = server.launch(image=MEMORY_IMAGE, path="deep/n.ipynb")
    server.reached(launch, "running")
    server.cancel(launch)
    server.until(lambda: ": cancelled: The kernel was shut down" in follower.out.read_text())
    lines = [line.split("  ", 2) for line in follower.out.read_text().splitlines()]
    assert {kind.strip() for _, kind, _ in lines} == {"launch"}
    texts = [text.strip() for *_, text in lines]
    assert " · deep/n.ipynb: cancelled: The kernel was shut down" in texts[-1]
    assert len(set(texts)) == len(texts)
    assert follower.end() == 130


def test_a_reader_that_has_seen_enough(server: Server, memory_room: Room) -> None:
    """`| head -1` ends it with the next event, quietly."""
    notes = memory_room.base / "notes"
    notes.touch()
    line = f"{' '.join(CLI)} events 2>{notes} | head -1"
    with subprocess.Popen(
        line, shell=True, env=memory_room.environ(), stdout=subprocess.PIPE, text=True
    ) as command:
        server.until(lambda: "Following" in notes.read_text())
        server.cancel(server.launch(image=MEMORY_IMAGE))
        out, _ = command.communicate(timeout=60)
    assert len(out.splitlines()) == 1
    assert len(notes.read_text().splitlines()) == 1


def test_what_is_not_ours_is_passed_over() -> None:
    assert SCHEMA == "schema_id"
    for text in ("", "[]", "{}", "null", '{"schema_id": []}', '{"schema_id": "https://other/v1"}'):
        assert _read(text) is None


@pytest.mark.parametrize("kind", KINDS.values())
def test_an_event_of_another_version_is_shown_as_it_is(kind: str) -> None:
    assert event_text(kind, {"id": "1", "new": None}) == '{"id": "1", "new": null}'
