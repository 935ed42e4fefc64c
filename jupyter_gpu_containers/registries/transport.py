"""One HTTP request to a registry: TLS, plain loopback, limits, and what failed in words.

Three rules hold here for everything above: a secret goes over plain http to this machine only, no
redirect is followed unasked, and no answer is read beyond its limit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from jupyter_gpu_containers.errors import (
    RegistryError,
    RegistryUnreachableError,
    UnauthorizedError,
)
from jupyter_gpu_containers.model.image.registry_host import is_loopback

from .connection import slow, translated
from .sessions import CERTIFICATES, lenient_session, own_authorities, strict_session

_AGENT = "jupyter-gpu-containers"
_CHUNK = 1 << 16
_WHOLE = 3.0  # an answer may take so many times the patience for one silence


@dataclass(frozen=True)
class Response:
    """An answer, read to its end."""

    url: str
    status: int
    headers: Mapping[str, str]  # names in any case
    body: bytes


@dataclass(frozen=True)
class Authorization:
    """The value of an Authorization header; ``secret`` where a login went into it."""

    value: str
    secret: bool

    def __repr__(self) -> str:
        return f"Authorization(***, secret={self.secret})"


class Transport:
    """HTTP to registries, token servers and what registries redirect to.

    Parameters
    ----------
    insecure : collection of str
        Hosts that may speak plain http, or https with any certificate.
    timeout : float
        Seconds of silence after which a host counts as unreachable.
    certificates : Path
        Folder with ``HOST/*.crt`` (CAs), ``HOST/*.cert`` and ``*.key`` (of the client).
    """

    def __init__(
        self,
        *,
        insecure: Collection[str] = (),
        timeout: float = 20.0,
        certificates: Path = CERTIFICATES,
    ) -> None:
        self._insecure = frozenset(insecure)
        self._timeout = timeout
        self._certificates = certificates
        self._lock = threading.Lock()
        self._sessions: dict[str, requests.Session] = {}
        self._schemes: dict[str, str] = {}  # of hosts that may speak plain http: what they spoke

    def is_lenient(self, host: str) -> bool:
        """Tell whether a host may speak plain http, or show any certificate, as for Docker."""
        if host in self._insecure:
            return True
        return is_loopback(host) and not own_authorities(self._certificates / host)

    def get(
        self,
        host: str,
        path: str,
        *,
        accept: str = "*/*",
        authorization: Authorization | None = None,
        limit: int,
    ) -> Response:
        """Ask a registry; where it may speak plain http, https is tried first."""
        schemes = ["https"]
        if self.is_lenient(host):
            with self._lock:
                known = self._schemes.get(host)
            schemes = [known] if known else ["https", "http"]
        for scheme in schemes:
            try:
                response = self.send(
                    "GET",
                    f"{scheme}://{host}{path}",
                    accept=accept,
                    authorization=authorization,
                    limit=limit,
                )
            except RegistryUnreachableError:
                with self._lock:
                    self._schemes.pop(host, None)
                if scheme == schemes[-1]:
                    raise
            else:
                if self.is_lenient(host):
                    with self._lock:
                        self._schemes[host] = scheme
                return response
        raise AssertionError("unreachable: the last scheme returned or raised")

    def send(
        self,
        method: str,
        url: str,
        *,
        accept: str = "*/*",
        authorization: Authorization | None = None,
        limit: int,
        data: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request to an address and read the answer, whatever its status.

        Raises
        ------
        RegistryUnreachableError
            No answer: name, network, proxy, certificate, time.
        RegistryError
            The answer is larger than ``limit`` bytes.
        UnauthorizedError
            A secret would have gone over plain http to another machine.
        """
        parts = urlsplit(url)
        host = parts.netloc
        if authorization is not None and authorization.secret:
            refuse_plain(parts.scheme, host)
        headers = {"Accept": accept, "User-Agent": _AGENT}
        if authorization is not None:
            headers["Authorization"] = authorization.value
        deadline = time.monotonic() + self._timeout * _WHOLE
        with (
            translated(host, self._timeout),
            self._session(host).request(
                method,
                url,
                headers=headers,
                data=data,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            ) as answer,
        ):
            body = bytearray()
            for chunk in _chunks(answer.raw):
                body += chunk
                if len(body) > limit:
                    raise RegistryError(
                        f"{host} sent more than {limit} bytes where that much is not expected.",
                        "Check that the address is a registry's.",
                    )
                if time.monotonic() > deadline:
                    raise slow(host, self._timeout * _WHOLE)
            return Response(url, answer.status_code, answer.headers, bytes(body))

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            sessions = list(self._sessions.values())
            self._sessions.clear()
        for session in sessions:
            session.close()

    def _session(self, host: str) -> requests.Session:
        """Return the session for a host; hosts without anything special share one."""
        folder = self._certificates / host
        key = ""
        if self.is_lenient(host):
            key = "lenient"
        elif folder.is_dir():
            key = host
        with self._lock:
            if key not in self._sessions:
                if key == "lenient":
                    self._sessions[key] = lenient_session()
                else:
                    self._sessions[key] = strict_session(folder if key else None)
            return self._sessions[key]


def refuse_plain(scheme: str, host: str) -> None:
    """Raise where a secret would travel readable for others."""
    if scheme != "https" and not is_loopback(host):
        raise UnauthorizedError(
            f"{host} speaks plain http: the login is not sent, others could read it.",
            "Ask its administrator for https.",
        )


def _chunks(raw: Any) -> Iterator[bytes]:
    """Yield what has come, as soon as it has, decompressed."""
    # urllib3 before 2.1 only returns whole chunks: smaller ones, so that the clock is looked at
    read = getattr(raw, "read1", None)
    while data := (read or raw.read)(_CHUNK if read else 1024, decode_content=True):
        yield data
