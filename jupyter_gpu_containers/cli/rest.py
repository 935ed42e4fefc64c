"""A running Jupyter server with our extension, asked as a page would ask it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from jupyter_gpu_containers.errors import (
    GpuContainersError,
    InvalidRequestError,
    JobNotFoundError,
    LaunchNotFoundError,
    UnavailableError,
)

from .servers import written_down

TIMEOUT = 60.0  # seconds; a kernel that is shut down has five to end by itself
LARGEST = 64 << 20  # bytes of an answer
PREFIX = "gpu-containers/"
TOKEN = "JUPYTER_TOKEN"  # Jupyter Server's own variable
SHORTEST = 4  # characters that must be given of an id
STRANGER = "forbidden"  # the code of our answers to who is not logged in
LOGIN_HINT = f"Put the server's token into the variable {TOKEN}."
NOT_FOUND = {"job": JobNotFoundError, "launch": LaunchNotFoundError}
PLURAL = {"job": "jobs", "launch": "launches"}
LOOPBACK = ("localhost", "127.0.0.1", "::1")
T = TypeVar("T")


@dataclass(frozen=True)
class Server:
    """One server; ``url`` ends with a slash."""

    url: str
    token: str = field(default="", repr=False)
    pid: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What lets us in."""
        return {"Authorization": f"token {self.token}"} if self.token else {}

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Make a request below ``gpu-containers/``; return the answer's JSON, None for no content.

        Raises
        ------
        GpuContainersError
            What the server says, with its code; or that it does not answer, does not let us in, or
            has no extension of ours.
        """
        return await asyncio.to_thread(self._ask, method, path, body)

    def _ask(self, method: str, path: str, body: Any) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {**self.headers, "Content-Type": "application/json"}
        request = urllib.request.Request(
            f"{self.url}{PREFIX}{path}", data=data, headers=headers, method=method
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
        try:
            with direct.open(request, timeout=TIMEOUT) as answer:
                text = answer.read(LARGEST)
            return json.loads(text) if text else None
        except urllib.error.HTTPError as exc:
            with exc:
                raise self._refusal(exc.code, exc.read(LARGEST)) from exc
        except (OSError, ValueError) as exc:
            raise self.unreachable(exc) from exc

    def _refusal(self, status: int, text: bytes) -> GpuContainersError:
        try:
            said = json.loads(text)
            if {"code", "message", "hint"} <= set(said) and said["code"] != STRANGER:
                return GpuContainersError(said["message"], said["hint"], code=said["code"])
        except (ValueError, TypeError):
            pass  # not one of ours: a proxy's page, or Jupyter's own words
        if status in (302, 401, 403):  # Jupyter sends those it does not know to its login page
            return UnavailableError(
                f"The server at {self.url} does not let us in.",
                LOGIN_HINT,
                code="server_login_needed",
            )
        if status == 404:
            return UnavailableError(
                f"The server at {self.url} has no GPU containers.",
                "jupyter server extension enable jupyter_gpu_containers, and start it again.",
                code="server_without_extension",
            )
        return UnavailableError(
            f"The server at {self.url} answers with status {status}.", code="server_unreachable"
        )

    def unreachable(self, reason: Exception) -> UnavailableError:
        """Return that it does not answer, and why."""
        why = getattr(reason, "reason", None) or reason
        return UnavailableError(
            f"The server at {self.url} does not answer: {why}.",
            "List those that run: jupyter server list",
            code="server_unreachable",
        )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Leaves a redirection to who asked: a token goes nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


def running_servers(address: str | None = None) -> list[Server]:
    """Return the servers of this user that run here, or the one at an address; blocking.

    Parameters
    ----------
    address : str, optional
        As Jupyter prints it, with or without its token. Without it the variable ``JUPYTER_TOKEN``
        counts, or what the server has written down for its user.

    Raises
    ------
    InvalidRequestError
        It is no address.
    UnavailableError
        None runs.
    """
    found = [Server(each["url"], each.get("token", ""), each.get("pid")) for each in written_down()]
    if address is not None:
        return [_at(address, found)]
    if not found:
        raise UnavailableError(
            "No Jupyter server of yours runs here.",
            "jupyter lab; or name one with --server URL",
            code="no_server",
        )
    return sorted(found, key=lambda server: server.url)


def _at(address: str, known: Iterable[Server]) -> Server:
    parts = urllib.parse.urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidRequestError(
            f"“{address.partition('?')[0][:200]}” is not the address of a server.",
            "It looks like http://localhost:8888/; see jupyter server list.",
        )
    path = parts.path.rstrip("/")
    for page in ("/lab", "/tree"):  # what people copy from their browser
        path = path.removesuffix(page)
    url = f"{parts.scheme}://{parts.netloc}{path}/"
    token = dict(urllib.parse.parse_qsl(parts.query)).get("token") or os.environ.get(TOKEN)
    same = next((server for server in known if _place(server.url) == _place(url)), Server(url))
    return Server(url, token or same.token, same.pid)


def _place(url: str) -> tuple[str, str]:
    """Return an address with one name for this machine, which has several."""
    parts = urllib.parse.urlsplit(url)
    host = f"localhost:{parts.port}" if parts.hostname in LOOPBACK else parts.netloc
    return host, parts.path


async def servers_of(arguments: Any) -> list[Server]:
    """Return the servers that a command is about; see `running_servers`."""
    return await asyncio.to_thread(running_servers, arguments.server)


async def ask_all(servers: Iterable[Server], path: str) -> list[tuple[Server, Any]]:
    """Ask several servers for the same; what does not answer is told on standard error.

    Raises
    ------
    GpuContainersError
        None has answered; what the first one said.
    """
    asked = list(servers)
    answers = await asyncio.gather(*(_caught(server.ask("GET", path)) for server in asked))
    failures = [one for one in answers if isinstance(one, GpuContainersError)]
    if len(failures) == len(asked):
        raise failures[0]
    for failure in failures:
        if failure.error_code != "server_without_extension":  # it is for something else
            print(f"note: {failure.message}", file=sys.stderr)
    return [
        (server, answer)
        for server, answer in zip(asked, answers, strict=True)
        if not isinstance(answer, GpuContainersError)
    ]


async def _caught(asking: Awaitable[T]) -> T | GpuContainersError:
    try:
        return await asking
    except GpuContainersError as exc:
        return exc


def one_of(
    found: Iterable[tuple[Server, dict[str, Any]]], target: str, *, keys: Iterable[str], what: str
) -> tuple[Server, dict[str, Any]]:
    """Choose by an id, or the beginning of one.

    Parameters
    ----------
    found : iterable of (Server, dict)
    target : str
        What was typed.
    keys : iterable of str
        Fields that may hold it whole or, if their names end with ``id``, begin with it.
    what : str
        "job" or "launch", for the words of a refusal.

    Raises
    ------
    JobNotFoundError, LaunchNotFoundError, InvalidRequestError
        None is called so, or more than one.
    """
    found, keys = list(found), tuple(keys)
    chosen = [one for one in found if target in {one[1][key] for key in keys}]
    if not chosen and len(target) >= SHORTEST:
        chosen = [
            one
            for one in found
            if any((one[1][key] or "").startswith(target) for key in keys if key.endswith("id"))
        ]
    if not chosen:
        raise NOT_FOUND[what](
            f"There is no {what} “{target[:100]}”.", f"jupyter gpu-containers {PLURAL[what]}"
        )
    if len(chosen) > 1:
        ids = ", ".join(one[1]["id"][:12] for one in chosen)
        raise InvalidRequestError(
            f"“{target[:100]}” could be {len(chosen)} {PLURAL[what]}.",
            f"Give more of the id: {ids}",
        )
    return chosen[0]
