"""Container engine, as ./run sees it: find one that answers, ask it, give it images.

Standard library only: this runs before anything is installed. Speaks the Docker Engine API
(>= 1.41), which Podman's socket speaks as well. As a command:

    engine.py find      print the DOCKER_HOST of the first engine that answers;
                        exit status 3: none answers, 4: one is there but we may not use it
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode, urlsplit

NONE_ANSWERS = 3
NOT_PERMITTED = 4
SILENCE = 300.0  # seconds between two steps of a pull


class EngineError(Exception):
    """The engine refused, or stopped in the middle; the text is the engine's own."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket: only the way of connecting differs."""

    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def candidates() -> list[str]:
    """Every place an engine may listen, as DOCKER_HOST values; only the user's own if given."""
    if host := os.environ.get("DOCKER_HOST"):
        return [host]
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    paths = [
        "/var/run/docker.sock",
        f"{runtime}/docker.sock",
        f"{runtime}/podman/podman.sock",
        "/run/podman/podman.sock",
    ]
    return [f"unix://{path}" for path in paths]


class Engine:
    """One engine, by its DOCKER_HOST (unix:// or tcp:// without TLS)."""

    def __init__(self, host: str) -> None:
        self.host = host

    def _connection(self, timeout: float | None) -> http.client.HTTPConnection:
        parts = urlsplit(self.host)
        if parts.scheme == "unix":
            return _UnixConnection(parts.path, timeout)
        if parts.scheme == "tcp" and parts.hostname:
            return http.client.HTTPConnection(parts.hostname, parts.port or 2375, timeout=timeout)
        raise EngineError(f"DOCKER_HOST={self.host}: only unix:// and tcp:// are known here")

    @contextlib.contextmanager
    def _request(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]] | None = None,
        body: IO[bytes] | bytes | None = None,
        timeout: float | None = 60,
    ) -> Iterator[tuple[http.client.HTTPResponse, http.client.HTTPConnection]]:
        headers = {"Content-Type": "application/x-tar"} if body is not None else {}
        if body is not None and not isinstance(body, bytes):
            headers["Content-Length"] = str(os.fstat(body.fileno()).st_size)
        url = path + ("?" + urlencode(query) if query else "")
        with (
            contextlib.closing(self._connection(timeout)) as connection,
            self._answer(connection, method, url, body, headers) as response,
        ):
            if response.status >= 400:
                text = response.read().decode(errors="replace")
                # the API's own error format, where it is that
                with contextlib.suppress(ValueError, KeyError):
                    text = json.loads(text)["message"]
                raise EngineError(f"{method} {path}: {response.status} {text}")
            yield response, connection

    @staticmethod
    def _answer(
        connection: http.client.HTTPConnection,
        method: str,
        url: str,
        body: IO[bytes] | bytes | None,
        headers: dict[str, str],
    ) -> http.client.HTTPResponse:
        connection.request(method, url, body=body, headers=headers)
        return connection.getresponse()

    def _json(self, path: str, query: list[tuple[str, str]] | None = None) -> Any:
        with self._request("GET", path, query) as (response, _):
            return json.load(response)

    def _post(
        self,
        path: str,
        query: list[tuple[str, str]],
        body: IO[bytes] | bytes | None = None,
        timeout: float = 600,
    ) -> None:
        """Send and wait for the end, which may come with a stream of steps."""
        with self._request("POST", path, query, body, timeout) as (response, _):
            for _step in self._steps(response):
                pass

    def ping(self) -> None:
        """Raise OSError or EngineError unless the engine answers within 5 seconds."""
        with self._request("GET", "/_ping", timeout=5) as (response, _):
            response.read()

    def image(self, reference: str) -> dict[str, Any] | None:
        """The inspected image, or None where the engine has none of that name."""
        try:
            found: dict[str, Any] = self._json(f"/images/{quote(reference)}/json")
        except EngineError as error:
            if ": 404 " in str(error):
                return None
            raise
        return found

    def image_labelled(self, label: str) -> str | None:
        """The id of some image that carries the label `key=value`, or None."""
        filters = json.dumps({"label": [label]})
        images = self._json("/images/json", [("filters", filters)])
        return str(images[0]["Id"]) if images else None

    def untag(self, reference: str) -> None:
        """Take a name from an image that has others."""
        with self._request("DELETE", f"/images/{quote(reference)}") as (response, _):
            response.read()

    def tag(self, image_id: str, reference: str) -> None:
        """Give an image another name."""
        repository, tag = reference.rsplit(":", 1)
        self._post(f"/images/{quote(image_id)}/tag", [("repo", repository), ("tag", tag)])

    def import_root(self, archive: IO[bytes], reference: str, changes: list[str]) -> None:
        """Make an image of a root file system's tar; `changes` are Dockerfile instructions."""
        repository, tag = reference.rsplit(":", 1)
        query = [("fromSrc", "-"), ("repo", repository), ("tag", tag)]
        query += [("changes", change) for change in changes]
        self._post("/images/create", query, archive)

    def build(self, context: bytes, reference: str, labels: dict[str, str]) -> None:
        """Build the Dockerfile of a tar archive, without a network."""
        query = [("t", reference), ("networkmode", "none"), ("labels", json.dumps(labels))]
        self._post("/build", [*query, ("rm", "1"), ("forcerm", "1")], context)

    def load(self, archive: bytes) -> None:
        """Load a `docker save` archive."""
        self._post("/images/load", [("quiet", "1")], archive)

    def pull(self, reference: str, patience: float) -> Iterator[dict[str, Any]]:
        """Pull an image, yielding the engine's steps.

        Raises TimeoutError when nothing was heard within `patience` seconds.
        """
        repository, tag = reference.rsplit(":", 1)
        query = [("fromImage", repository), ("tag", tag)]
        with self._request("POST", "/images/create", query, timeout=patience) as (
            response,
            connection,
        ):
            for step in self._steps(response):
                if connection.sock:
                    # the registry has answered; unpacking a large layer may be silent for long
                    connection.sock.settimeout(SILENCE)
                yield step

    @staticmethod
    def _steps(response: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
        """The engine's JSON lines; an `error` among them is raised."""
        for line in response:
            if not line.strip():
                continue
            step: dict[str, Any] = json.loads(line)
            if "error" in step:
                raise EngineError(str(step["error"]))
            yield step


def find() -> Engine:
    """The first engine that answers. Raises PermissionError or ConnectionError when none does."""
    denied: str | None = None
    for host in candidates():
        engine = Engine(host)
        try:
            engine.ping()
        except PermissionError:
            denied = denied or host
        except (OSError, http.client.HTTPException):
            continue
        else:
            return engine
    if denied:
        raise PermissionError(
            f"{denied} is there, but user {Path('~').expanduser().name} may not use it"
        )
    raise ConnectionError("no container engine answers at " + ", ".join(candidates()))


def main(arguments: list[str]) -> int:
    """Run the command described at the top."""
    if arguments != ["find"]:
        sys.stderr.write(__doc__ or "")
        return 2
    try:
        print(find().host)
    except PermissionError as error:
        print(error, file=sys.stderr)
        return NOT_PERMITTED
    except (ConnectionError, EngineError) as error:
        print(error, file=sys.stderr)
        return NONE_ANSWERS
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
