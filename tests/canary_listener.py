"""Listens to container engines during a run of the tests: every container is looked at.

A process of its own, so that tests which count descriptors and threads, or measure, have none of
it. ``python -m tests.canary_listener`` gets lines of JSON: first the secrets and the file for what
is found, then engines; it ends when there are no more.
"""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.canaries import SUITE, Canaries
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent
ANSWER = 10.0  # seconds in which an engine must answer
AGAIN = 1.0  # seconds after which an engine that stays is listened to again
SOON = 10.0  # seconds in which what is executed has a process, also on a busy machine
END = 30.0  # seconds in which the process must end
FAILURES = (OSError, http.client.HTTPException, ValueError)


class Listener:
    """The process, as the tests see it; nothing of it makes one fail but a hit.

    Parameters
    ----------
    canaries : Canaries
        Gets hits and counts.

    Attributes
    ----------
    active : bool
        Whether there is somebody who closes it; else it never starts.
    seen : set of str
        Containers that events named.
    inspected : set of str
        Those that the engine then told about.
    read : Counter
        Of how many of their processes "cmdline" and "environ" were read.
    """

    def __init__(self, canaries: Canaries, *, active: bool = False) -> None:
        self.active = active
        self.seen: set[str] = set()
        self.inspected: set[str] = set()
        self.read: Counter[str] = Counter()
        self._canaries = canaries
        self._process: subprocess.Popen[str] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._read = 0

    def listen(self, host: str, *, stays: bool = False) -> None:
        """Listen to an engine from now on, to its end; or for good, when it stays."""
        if self.active:
            self._process = self._process or self._start()
            self._tell({"host": host, "since": time.time_ns(), "stays": stays})

    def collect(self) -> None:
        """Take over what was found since the last time."""
        if self._folder is None:
            return
        with self._file.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):  # it is being written
                    break
                self._read += len(line)
                self._take(json.loads(line))

    def close(self) -> None:
        """End the process, when it has looked at what engines have told until now."""
        if self._process is None or self._folder is None:
            return
        assert self._process.stdin
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            status = self._process.wait(END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self.collect()
        self._folder.cleanup()
        if status:
            self._canaries.hits.append(f"nobody listened to engines to the end (status {status})")
        self._process = self._folder = None

    @property
    def _file(self) -> Path:
        assert self._folder
        return Path(self._folder.name, "found")

    def _start(self) -> subprocess.Popen[str]:
        self._folder = tempfile.TemporaryDirectory(prefix="jgc-canaries-")
        self._file.touch()
        process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            text=True,
        )
        self._process = process
        known = {name: secret.decode() for name, secret in self._canaries.known.items()}
        self._tell({"marker": self._canaries.marker, "known": known, "file": str(self._file)})
        return process

    def _tell(self, line: dict[str, Any]) -> None:
        assert self._process
        assert self._process.stdin
        with suppress(BrokenPipeError):  # told by `close`
            self._process.stdin.write(json.dumps(line) + "\n")
            self._process.stdin.flush()

    def _take(self, found: dict[str, Any]) -> None:
        self._canaries.hits += found["hits"]
        if container := found.get("container"):
            self.seen.add(container)
            if found["inspected"]:
                self.inspected.add(container)
            self.read.update(found["read"])


SUITE_LISTENER = Listener(SUITE)


# --- in the process -------------------------------------------------------------------------------


class _Connection(http.client.HTTPConnection):
    """HTTP over an engine's Unix socket."""

    def __init__(self, host: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = host.removeprefix("unix://")

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Ear(threading.Thread):
    """Hears one engine."""

    def __init__(self, canaries: Canaries, file: Any, host: str, since: int, stays: bool) -> None:
        super().__init__(daemon=True)
        self._canaries = canaries
        self._file = file  # opened for appending, without a buffer
        self._host = host
        self._since = since  # nanoseconds since the epoch
        self._stays = stays
        self._ended = threading.Event()
        self._stream: _Connection | None = None

    def run(self) -> None:
        while not self._ended.is_set():
            self._hear()
            if not self._stays:
                return
            self._ended.wait(AGAIN)

    def close(self) -> None:
        """Hear what has happened until now, and no more."""
        now = time.time_ns()
        self._ended.set()
        with suppress(OSError, AttributeError):  # it is not connected, or not any more
            self._stream.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
        self.join(ANSWER)
        if not self.is_alive():
            self._hear(until=now)

    def _hear(self, until: int = 0) -> None:
        path = f"/events?filters={quote(json.dumps({'type': ['container']}))}"
        path += f"&since={_seconds(self._since + 1)}"
        if until:
            path += f"&until={_seconds(until)}"
        self._stream = _Connection(self._host, ANSWER)
        with suppress(*FAILURES):
            self._stream.request("GET", path)
            answer = self._stream.getresponse()
            if not until and not self._ended.is_set():
                self._stream.sock.settimeout(None)
            while line := answer.readline():
                event = json.loads(line)
                self._since = event["timeNano"]
                self._look(event)
        self._stream.close()

    def _look(self, event: dict[str, Any]) -> None:
        action = event["Action"].partition(":")[0]
        if action not in ("create", "start", "exec_create", "exec_start"):
            return
        container = event["Actor"]["ID"]
        attributes = event["Actor"]["Attributes"]
        where = f"{action} of {attributes.get('name')} from {attributes.get('image')}"
        # labels, and the command line of what is executed
        hits = [f"{where}: event: {hit}" for hit in self._canaries.search(json.dumps(event))]
        path = f"/containers/{container}/json"
        if action.startswith("exec"):
            path = f"/exec/{attributes.get('execID')}/json"
        # an engine says that something is executed a moment before it is
        told, text = wait_until(lambda: self._begun(path), SOON) or self._ask(path)
        hits += [f"{where}: inspect: {hit}" for hit in self._canaries.search(text)]
        pid = _pid(told)
        read = self._process(pid) if pid else {}
        if any(read.values()) and _pid(self._ask(path)[0]) == pid:  # not another's number by now
            hits += [f"{where}: {name}: {hit}" for name, found in read.items() for hit in found]
        found = {
            "container": container,
            "inspected": "Config" in told,
            "read": list(read),
            "hits": hits,
        }
        self._file.write(json.dumps(found).encode() + b"\n")

    def _begun(self, path: str) -> tuple[dict[str, Any], bytes] | None:
        """Return an answer, or None while what runs has no process yet."""
        told, text = self._ask(path)
        return None if told.get("Running") and not told["Pid"] else (told, text)

    def _ask(self, path: str) -> tuple[dict[str, Any], bytes]:
        """Return an answer; an empty one where there is none, as of a container that is gone."""
        connection = _Connection(self._host, ANSWER)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read()
            return (json.loads(text), text) if answer.status == 200 else ({}, b"")
        except FAILURES:
            return {}, b""
        finally:
            connection.close()

    def _process(self, pid: int) -> dict[str, list[str]]:
        """Return the hits in command line and environment, as far as they can be read."""
        read = {}
        for name in ("cmdline", "environ"):
            with suppress(OSError):  # ended in this moment; or not ours, of which all see the first
                read[name] = self._canaries.search(Path(f"/proc/{pid}/{name}").read_bytes())
        return read


def _seconds(nanoseconds: int) -> str:
    """Return a time as engines want it."""
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09}"


def _pid(told: dict[str, Any]) -> int:
    """Return the process of a container or of what is executed in one; 0: there is none."""
    return int(told.get("State", told).get("Pid", 0))


def main() -> None:
    """Listen until there is nobody to tell."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for pytest, which then ends this
    told = json.loads(sys.stdin.readline())
    canaries = Canaries(told["marker"])
    for name, secret in told["known"].items():
        if secret != canaries.marker:
            canaries.keep(name, secret)
    with open(told["file"], "ab", buffering=0) as file:
        ears = []
        for line in sys.stdin:
            ear = _Ear(canaries, file, **json.loads(line))
            ear.start()
            ears.append(ear)
        for ear in ears:
            ear.close()


if __name__ == "__main__":
    main()
