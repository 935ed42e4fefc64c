"""Where a secret could turn up: what is heard, seen and collected while a server works."""

from __future__ import annotations

import json
import os
import threading
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import docker
import websocket

from tests.canaries import spellings
from tests.servers import PATIENCE, Server

BEAT = 0.02  # seconds between two looks at the machine's processes


@dataclass
class Places:
    """What was found, by place; several threads add to it."""

    texts: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))

    def add(self, place: str, text: str | bytes) -> None:
        """Keep a text."""
        self.texts[place].append(
            text.encode(errors="surrogateescape") if isinstance(text, str) else text
        )

    def hits(self, secrets: dict[str, bytes]) -> list[str]:
        """Return where which secret is, in whatever spelling, with what stands around it."""
        found = []
        for name, secret in secrets.items():
            for spelling, needle in spellings(secret).items():
                for place, texts in self.texts.items():
                    text = next((text for text in texts if needle in text), None)
                    if text is not None:
                        before, _, after = text.partition(needle)
                        around = before[-150:] + b"[...]" + after[:50].replace(needle, b"[...]")
                        found.append(f"{name} ({spelling}) in {place}: {around!r}")
        return sorted(found)


class _Watch:
    """A thread that looks until it is told to stop."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self):  # type: ignore[no-untyped-def]
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._ended.set()
        self.stop()
        self._thread.join()

    def _work(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """Wake the thread."""


class Processes(_Watch):
    """Command lines of all processes, and the environment of those in containers.

    A process on the machine itself has the environment of who started it, and needs it: proxies,
    for instance. What runs in a container must have none of it.
    """

    def __init__(self, places: Places) -> None:
        super().__init__(places)
        self.seen: set[tuple[bytes, bytes]] = set()
        self._looked = threading.Condition()
        self._turns = 0

    def look_again(self) -> None:
        """Return when every process that there is now was looked at."""
        with self._looked:
            turn = self._turns + 2  # the one that goes on may have passed it by
            assert self._looked.wait_for(lambda: self._turns >= turn, PATIENCE)

    def _work(self) -> None:
        own = os.readlink("/proc/self/ns/pid")
        while not self._ended.wait(BEAT):
            for folder in Path("/proc").glob("[0-9]*"):
                # ended in this moment, or somebody else's
                with suppress(OSError):
                    self._look(folder, own)
            with self._looked:
                self._turns += 1
                self._looked.notify_all()

    def _look(self, folder: Path, own: str) -> None:
        command = (folder / "cmdline").read_bytes()
        inside = os.readlink(folder / "ns" / "pid") != own
        environ = (folder / "environ").read_bytes() if inside else b""
        if (command, environ) not in self.seen:
            self.seen.add((command, environ))
            self.places.add("command lines", command)
            self.places.add("containers' environment", environ)


class Containers(_Watch):
    """What the engine tells of every container, from its creation on."""

    def __init__(self, places: Places) -> None:
        super().__init__(places)
        self.inspected = 0
        self.missed = 0  # gone before they could be looked at
        self._client = docker.APIClient(base_url=os.environ.get("DOCKER_HOST"), timeout=60)
        filters = {"type": "container", "event": ["create", "start", "die"]}
        self._events = self._client.events(decode=True, filters=filters)

    def _work(self) -> None:
        asking = docker.APIClient(base_url=os.environ.get("DOCKER_HOST"), timeout=60)
        found: set[str] = set()
        named: set[str] = set()
        for event in self._events:
            self.places.add("docker inspect", json.dumps(event))  # the labels are in it
            named.add(event["id"])
            try:
                told = asking.inspect_container(event["id"])
            except docker.errors.APIError:
                continue
            found.add(event["id"])
            self.places.add("docker inspect", json.dumps(told))
        self.inspected, self.missed = len(found), len(named - found)
        asking.close()

    def stop(self) -> None:
        """End the stream."""
        self._events.close()
        self._client.close()


class Events(_Watch):
    """What Jupyter's event bus tells whoever listens."""

    def __init__(self, places: Places, server: Server) -> None:
        super().__init__(places)
        self._socket = websocket.create_connection(
            server.url.replace("http", "ws") + "/api/events/subscribe",
            header={"Authorization": f"token {server.token}"},
            timeout=PATIENCE,
        )

    def _work(self) -> None:
        while not self._ended.is_set():
            with suppress(websocket.WebSocketTimeoutException):
                opcode, data = self._socket.recv_data()
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    return
                self.places.add("events", data)

    def stop(self) -> None:
        """Say that nothing more is wanted; the server's answer ends the thread."""
        self._socket.send_close()
