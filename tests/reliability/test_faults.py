"""The proxy does to calls what it says, and what is wrong in the end is told."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles import fault_proxy
from tests.doubles.fault_proxy import FaultyEngine
from tests.faults.history import History

from .faults import SHARE, Outcome, figures

BODY = b"x" * 2000
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
CALLS = 60


class Heard(list[bytes]):
    """Bodies of the requests that the engine has heard."""


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Heard]:
    """An engine that answers everything alike."""
    bodies = Heard()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            length = 0
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            bodies.append(self.rfile.read(length))
            self.wfile.write(ANSWER)

    with socketserver.ThreadingUnixStreamServer(str(tmp_path / "s"), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield bodies
        server.shutdown()
        thread.join()


def ask(proxy: FaultyEngine, body: bytes) -> bytes:
    """Make a call; return all that comes back."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(proxy.url.removeprefix("unix://"))
        client.sendall(b"POST / HTTP/1.1\r\nHost: e\r\nContent-Length: %d\r\n\r\n" % len(body))
        client.sendall(body)
        said = b""
        while data := client.recv(1 << 16):
            said += data
        return said


def answers(
    heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> tuple[FaultyEngine, list[bytes]]:
    """Make calls that all meet one fault."""
    monkeypatch.setattr(fault_proxy, "KINDS", (kind,))
    proxy = FaultyEngine(str(tmp_path / "s"), share=1.0, delay=0.02, seed=1)
    with proxy.serve():
        said = [ask(proxy, b"%d" % number) for number in range(CALLS)]
        assert proxy.wait_until_quiet(10)
        return proxy, said


def test_without_faults_everything_passes(heard: Heard, tmp_path: Path) -> None:
    proxy = FaultyEngine(str(tmp_path / "s"), share=0.0, delay=1.0, seed=1)
    with proxy.serve():
        assert [ask(proxy, b"a"), ask(proxy, b"b")] == [ANSWER, ANSWER]
    assert heard == [b"a", b"b"]
    assert (proxy.calls, proxy.faults) == (2, Counter())


@pytest.mark.parametrize("kind", ["drop", "500"])
def test_the_engine_may_have_heard(
    heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    proxy, said = answers(heard, tmp_path, monkeypatch, kind)
    assert {answer[:12] for answer in said} == {b"" if kind == "drop" else b"HTTP/1.1 500"}
    assert CALLS // 4 < len(heard) < CALLS * 3 // 4
    assert proxy.faults == {kind: CALLS}


def test_twice(heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, said = answers(heard, tmp_path, monkeypatch, "duplicate")
    assert set(said) == {ANSWER}
    assert set(Counter(heard).values()) == {2}


def test_late(heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, said = answers(heard, tmp_path, monkeypatch, "delay")
    assert set(said) == {ANSWER}
    assert len(heard) == CALLS


def test_cut_short(heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, said = answers(heard, tmp_path, monkeypatch, "truncate")
    assert all(ANSWER.startswith(answer) for answer in said)
    assert sum(len(answer) < len(ANSWER) for answer in said) > CALLS // 2
    assert len(heard) == CALLS


def test_one_seed_has_one_course(tmp_path: Path) -> None:
    def course(seed: int) -> list[tuple[str, bool, float, int]]:
        proxy = FaultyEngine(str(tmp_path / "s"), share=SHARE, delay=1.0, seed=seed)
        return [proxy._draw() for _ in range(1000)]

    assert course(1) == course(1) != course(2)
    met = Counter(kind for kind, *_ in course(1))
    assert 250 < 1000 - met[""] < 350
    assert set(met) == {"", *fault_proxy.KINDS}


def good() -> Outcome:
    outcome = Outcome(calls=100, faults=Counter(drop=30), ran=1)
    outcome.take(
        {"what": "start", "code": "engine_error", "message": "It failed.", "hint": "Wait."}
    )
    return outcome


def test_what_went_well_is_met() -> None:
    assert all(figure.met for figure in figures(2, good()))


@pytest.mark.parametrize("wrong", ["bug", "no hint", "late", "double", "left", "lost", "faults"])
def test_what_is_wrong_is_told(wrong: str) -> None:
    outcome = good()
    if wrong == "bug":
        outcome.take({"what": "end", "bug": "Traceback …"})
    elif wrong == "no hint":
        outcome.take({"what": "end", "code": "x", "message": "It failed.", "hint": ""})
    elif wrong == "late":  # the faults are over then
        outcome.take({"what": "reconcile", "code": "x", "message": "It failed.", "hint": "Wait."})
    elif wrong == "double":
        outcome.history = History(doubles=["G1"])
    elif wrong == "left":
        outcome.left = ["container"]
    elif wrong == "lost":
        outcome.ran = 0
    else:
        outcome.faults = Counter(drop=10)
    assert len([figure for figure in figures(2, outcome) if not figure.met]) == 1
