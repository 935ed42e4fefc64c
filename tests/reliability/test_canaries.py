"""Canary secrets: in which spellings they are found, and that whoever looks is not blind."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import rooms
from tests.canaries import Canaries
from tests.rooms import Room, run_program

from .canaries import OTHERS, SEEN, Drive, figures
from .canary_places import Places, Processes

SECRET = b'canary/"+?=x'


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        b"a" + base64.b64encode(SECRET) + b"z",
        base64.urlsafe_b64encode(SECRET),
        quote(SECRET, safe="").encode(),
        b'{"a": "canary/\\"+?=x"}',
        SECRET.hex().encode(),
    ],
)
def test_a_secret_is_found_however_it_is_written(text: bytes) -> None:
    places = Places()
    places.add("here", b"nothing")
    places.add("there", b"before " + text + b" after")
    (hit,) = {hit.partition(" in ")[2].partition(":")[0] for hit in places.hits({"it": SECRET})}
    assert hit == "there"
    assert SECRET.decode() not in "".join(places.hits({"it": SECRET}))


def test_another_text_is_no_secret() -> None:
    places = Places()
    places.add("here", SECRET[:-1] + base64.b64encode(b"canary"))
    assert places.hits({"it": SECRET}) == []


def test_command_lines_of_short_programs_are_seen() -> None:
    places = Places()
    program = [sys.executable, "-c", "import sys; sys.stdin.read()", SECRET.decode()]
    with (
        Processes(places) as processes,
        subprocess.Popen(program, stdin=subprocess.PIPE) as process,
    ):
        processes.look_again()
        process.communicate()
    assert [hit.split(" in ")[1][:13] for hit in places.hits({"it": SECRET})][:1] == [
        "command lines"
    ]


def test_a_hit_and_a_place_that_nobody_looked_at_miss_the_figures(tmp_path: Path) -> None:
    drive = object.__new__(Drive)
    drive.places, drive.secrets, drive.marker = Places(), {"it": SECRET}, "marker"
    drive.inspected = drive.missed = 0
    drive.buildkit = True
    for place in SEEN:
        drive.places.add(place, "marker")
    assert all(figure.met for figure in figures([drive]))
    drive.places.add("events", SECRET)
    assert [figure.met for figure in figures([drive])][:2] == [False, True]
    drive.places.texts["the log"] = [b"nothing"]
    assert [figure.met for figure in figures([drive])][:2] == [False, False]


def test_only_jupyterlabs_own_line_is_left_out() -> None:
    line = b"[I 2026 LabApp] Extensions will be fetched using proxy, proxy host: ('a', 'pw@b')\n"
    assert (
        OTHERS.sub(b"", b"x\n" + line + b"[I 2026 ServerApp] pw\n")
        == b"x\n\n[I 2026 ServerApp] pw\n"
    )


def test_a_room_fails_over_a_token_of_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check that every test with a room makes: servers' logs are among its files."""
    canaries = Canaries()
    monkeypatch.setattr(rooms, "SUITE", canaries)  # this test has secrets of its own
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
