"""Where the engine listens; docker-py's low-level client with the requests that it lacks."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import docker
import requests
from docker import errors, utils

from jupyter_gpu_containers.errors import EngineError

from .errors import (
    NAMED_BY_VARIABLE,
    START_ENGINE,
    bad_address,
    not_permitted,
    translated,
    unreachable,
)
from .streams import Frames, JsonStream, LogStream
from .transport import EngineAdapter, connect_socket

log = logging.getLogger(__name__)

SYSTEM_SOCKETS = ("/var/run/docker.sock", "/run/podman/podman.sock")
PROBE_TIMEOUT = 10.0  # seconds
CONNECTIONS = 16  # kept open at most
MINIMUM_API = (1, 41)  # Docker Engine 20.10, Podman 4


def find_engine(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the engine's address: DOCKER_HOST, else the first socket that exists.

    None: there is no socket in any of the usual places.
    """
    if host := environ.get("DOCKER_HOST"):
        return host
    runtime_dir = environ.get("XDG_RUNTIME_DIR")
    users = [f"{runtime_dir}/docker.sock", f"{runtime_dir}/podman/podman.sock"]
    places = [SYSTEM_SOCKETS[0], *(users if runtime_dir else ()), *SYSTEM_SOCKETS[1:]]
    return next((f"unix://{place}" for place in places if _exists(place)), None)


def _exists(path: str) -> bool:
    try:
        return Path(path).is_socket()
    except PermissionError:  # a folder on the way refuses us
        return False


class EngineClient(docker.APIClient):
    """docker-py's client; every method raises docker-py's exceptions."""

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        options.setdefault("timeout", self.timeout)
        url = f"{self.base_url}/v{self.api_version}{path}"
        response = self.request(method, url, **options)
        try:
            response.raise_for_status()
        except requests.exceptions.HTTPError as exc:
            raise errors.create_api_error_from_http_exception(exc) from exc
        return response

    @property
    def listens_here(self) -> bool:
        """Whether the engine listens at a Unix socket, and so sees the files that we see."""
        return isinstance(self.get_adapter(self.base_url), EngineAdapter)

    def create_from_body(self, body: dict[str, Any], name: str) -> str:
        """Create a container from a whole request body; return its id."""
        response = self._send("POST", "/containers/create", params={"name": name}, json=body)
        return str(response.json()["Id"])

    def await_removed(self, container_id: str, timeout: float) -> None:
        """Wait until a removal that is going on has ended."""
        path = f"/containers/{container_id}/wait"
        self._send("POST", path, params={"condition": "removed"}, timeout=timeout)

    def read_image(self, reference: str) -> dict[str, Any]:
        """Return the engine's whole record of an image."""
        record: dict[str, Any] = self._send("GET", f"/images/{quote(reference)}/json").json()
        return record

    def read_container(self, container_id: str, *, size: bool = False) -> dict[str, Any]:
        """Return the engine's whole record of a container, with the bytes of its layer."""
        path = f"/containers/{container_id}/json"
        record: dict[str, Any] = self._send("GET", path, params={"size": int(size)}).json()
        return record

    def read_exec(self, exec_id: str, *, limit: int, deadline: float) -> bytes:
        """Start a program in a container; return the end of what it printed by a deadline."""
        body = {"Detach": False, "Tty": False}
        timeout = max(1.0, deadline - time.monotonic())
        path = f"/exec/{exec_id}/start"
        with self._send("POST", path, json=body, stream=True, timeout=timeout) as response:
            return _last_bytes(_until(deadline, response.iter_content(64 * 1024)), limit)

    def commit_container(self, container_id: str, **query: str) -> str:
        """Make an image of a container, which stands still meanwhile; return its id."""
        params = {"container": container_id, "pause": "1", **query}
        # a layer of gigabytes is written, however long that takes
        timeout = (self.timeout, None)
        response = self._send("POST", "/commit", params=params, json={}, timeout=timeout)
        return str(response.json()["Id"])

    def read_history(self, image_id: str) -> list[dict[str, Any]]:
        """Return the steps that made an image, newest first."""
        steps: list[dict[str, Any]] = self._send("GET", f"/images/{image_id}/history").json()
        return steps

    def load(self, archive: Iterable[bytes] | bytes) -> list[dict[str, Any]]:
        """Load images from an archive as ``docker save`` writes it; return what was said."""
        response = self._send(
            "POST",
            "/images/load",
            params={"quiet": "1"},
            data=archive,
            headers={"Content-Type": "application/x-tar"},
            timeout=(self.timeout, None),
        )
        return [json.loads(line) for line in response.text.splitlines() if line.strip()]

    def read_log(
        self, container_id: str, *, limit: int, tail: int | None = None, stderr: bool = True
    ) -> bytes:
        """Return the end of what a container without a terminal wrote.

        Parameters
        ----------
        limit : int
            Bytes, at most.
        tail : int, optional
            Lines, at most.
        stderr : bool
            Standard error as well as standard output.
        """
        query = {"stdout": 1, "stderr": int(stderr), "tail": "all" if tail is None else str(tail)}
        path = f"/containers/{container_id}/logs"
        with self._send("GET", path, params=query, stream=True) as response:
            return _last_bytes(response.iter_content(64 * 1024), limit)

    def log_stream(self, container_id: str, *, tail: int, follow: bool) -> LogStream:
        """Open the log of a container without a terminal, from its last lines on."""
        query = {"stdout": 1, "stderr": 1, "follow": int(follow), "tail": str(tail)}
        timeout = (self.timeout, None)  # a kernel may be silent for as long as it likes
        path = f"/containers/{container_id}/logs"
        return LogStream(self._send("GET", path, params=query, stream=True, timeout=timeout))

    def attach_exec(self, exec_id: str, *, tty: bool) -> requests.Response:
        """Start a program in a container; the response's connection carries input and output."""
        return self._send(
            "POST",
            f"/exec/{exec_id}/start",
            json={"Detach": False, "Tty": tty},
            headers={"Connection": "Upgrade", "Upgrade": "tcp"},
            stream=True,
        )

    def event_stream(self, since: float, types: list[str], *, idle_timeout: float) -> JsonStream:
        """Open the stream of events of these types, of containers and images.

        Parameters
        ----------
        since : float
            Seconds since the epoch; past events from then on come first.
        idle_timeout : float
            Seconds without an event after which reading raises.
        """
        filters = json.dumps({"type": ["container", "image"], "event": types})
        response = self._send(
            "GET",
            "/events",
            params={"since": f"{since:.9f}", "filters": filters},
            stream=True,
            timeout=(self.timeout, idle_timeout),
        )
        return JsonStream(response)

    def pull_stream(self, reference: str, auth_header: str) -> JsonStream:
        """Ask for an image; the engine gives up when the stream is not read to its end."""
        repository, tag = utils.parse_repository_tag(reference)
        query = {"fromImage": repository, "tag": tag or "latest"}
        return self._transfer("/images/create", query, auth_header)

    def push_stream(self, reference: str, auth_header: str) -> JsonStream:
        """Have an image sent; the engine gives up when the stream is not read to its end."""
        repository, tag = utils.parse_repository_tag(reference)
        path = f"/images/{quote(repository)}/push"
        return self._transfer(path, {"tag": tag or "latest"}, auth_header)

    def build_stream(
        self, context: Iterator[bytes], query: Mapping[str, str], logins: str
    ) -> JsonStream:
        """Have the classic builder make an image; it gives up when the stream is closed.

        Parameters
        ----------
        context : iterator of bytes
            A tar archive.
        query : mapping
        logins : str
            ``X-Registry-Config``: those with which base images are fetched.
        """
        response = self._send(
            "POST",
            "/build",
            params=query,
            headers={"X-Registry-Config": logins, "Content-Type": "application/x-tar"},
            data=context,
            stream=True,
            timeout=(self.timeout, None),
        )
        return JsonStream(response)

    def _transfer(self, path: str, query: Mapping[str, str], auth_header: str) -> JsonStream:
        response = self._send(
            "POST",
            path,
            params=query,
            headers={"X-Registry-Auth": auth_header},
            stream=True,
            timeout=(self.timeout, None),
        )
        return JsonStream(response)


def _last_bytes(chunks: Iterable[bytes], limit: int) -> bytes:
    """Return the end of what an attach stream carries, of both streams."""
    kept, frames = bytearray(), Frames()
    for chunk in chunks:
        for _, data in frames.feed(chunk):
            kept += data
        del kept[: max(0, len(kept) - limit)]
    return bytes(kept)


def _until(deadline: float, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Pass chunks on until it is too late."""
    for chunk in chunks:
        yield chunk
        if time.monotonic() > deadline:
            return


# Makes a request with a connected client and translates errors; may be called in any thread.
# Its arguments: what the request is about (image reference or container id), and the request.
Request = Callable[[str, Callable[[EngineClient], Any]], Any]


def connect(url: str | None, timeout: int) -> EngineClient:
    """Return a client whose API version was agreed with the engine.

    Parameters
    ----------
    url : str or None
        ``unix:///…`` or ``tcp://…``; None: look for the engine (`find_engine`).
    timeout : int
        Seconds that one answer may take.

    Raises
    ------
    EngineUnreachableError, EnginePermissionError, EngineError
    """
    options: dict[str, Any] = {}
    address = url or find_engine()
    if address is None:
        raise unreachable()
    if url is None and os.environ.get("DOCKER_HOST"):
        options.update(utils.kwargs_from_env())  # with the client's certificate, where there is one
    options["base_url"] = address
    _check_address(address)
    with translated():
        client = EngineClient(**options, version="auto", timeout=timeout)
    if address.startswith("unix://"):
        path = address.removeprefix("unix://")
        client.trust_env = False  # else each request looks for a proxy among all variables
        client.get_adapter(client.base_url).close()
        client.mount("http+docker://", EngineAdapter(path, timeout, max_pool_size=CONNECTIONS))
    version = tuple(int(part) for part in client.api_version.split(".")[:2])
    if version < MINIMUM_API:
        client.close()
        needed = ".".join(map(str, MINIMUM_API))
        raise EngineError(
            f"The container engine speaks API {client.api_version}; {needed} is needed.",
            "Update it: Docker Engine 20.10, Podman 4, or newer.",
        )
    return client


def _check_address(address: str) -> None:
    """Tell "nobody there" and "not permitted" apart, with the place in the sentence."""
    try:
        utils.parse_host(address)
    except errors.DockerException as exc:
        raise bad_address(exc) from exc
    if not address.startswith("unix://"):
        return
    path = address.removeprefix("unix://")
    try:
        connect_socket(path, PROBE_TIMEOUT).close()
    except PermissionError as exc:
        raise not_permitted(path) from exc
    except OSError as exc:
        named = os.environ.get("DOCKER_HOST") == address and path not in SYSTEM_SOCKETS
        raise unreachable(path, NAMED_BY_VARIABLE if named else START_ENGINE) from exc
