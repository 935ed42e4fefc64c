"""One HTTP request to a registry: TLS, plain loopback, limits, and what failed in words.

Three rules hold here for everything above: a secret goes over plain http to this machine only, no
redirect is followed unasked, and no answer is read beyond its limit.
"""

from __future__ import annotations

import http.client
import http.cookiejar
import ssl
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from jupyter_gpu_containers.errors import (
    RegistryError,
    RegistryUnreachableError,
    UnauthorizedError,
)
from jupyter_gpu_containers.model.registry_host import is_loopback

CERTIFICATES = Path("/etc/docker/certs.d")  # where Docker looks for a registry's own CA
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


class BrokenOffError(RegistryUnreachableError):
    """The connection broke in the middle: worth another try."""


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
        return is_loopback(host) and not self._own_authorities(host)

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
            _translated(host, self._timeout),
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
                    raise _slow(host, self._timeout * _WHOLE)
            return Response(url, answer.status_code, answer.headers, bytes(body))

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            sessions = list(self._sessions.values())
            self._sessions.clear()
        for session in sessions:
            session.close()

    def _own_authorities(self, host: str) -> list[Path]:
        folder = self._certificates / host
        return sorted(folder.glob("*.crt")) if folder.is_dir() else []

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
                self._sessions[key] = self._make_session(key)
            return self._sessions[key]

    def _make_session(self, key: str) -> requests.Session:
        session = requests.Session()
        session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        # or else requests sends what ~/.netrc says
        session.auth = lambda request: request
        if key == "lenient":
            session.verify = False
            session.trust_env = False  # this machine and its neighbours: no proxy, as Docker does
            session.mount("https://", _LenientAdapter())
            return session
        context = ssl.create_default_context()  # the system's authorities, beside requests' own
        if key:
            for authority in self._own_authorities(key):
                context.load_verify_locations(authority)
            for certificate in sorted((self._certificates / key).glob("*.cert")):
                context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        session.mount("https://", _Adapter(context))
        return session


def refuse_plain(scheme: str, host: str) -> None:
    """Raise where a secret would travel readable for others."""
    if scheme != "https" and not is_loopback(host):
        raise UnauthorizedError(
            f"{host} speaks plain http: the login is not sent, others could read it.",
            "Ask its administrator for https.",
        )


class _Adapter(HTTPAdapter):
    """Trusts what a context trusts."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, **kwargs, ssl_context=self._context)


class _QuietPool(urllib3.HTTPSConnectionPool):
    def _validate_conn(self, conn: Any) -> None:
        """Connect; without the warning about certificates, for who was told to take any."""
        if conn.is_closed:
            conn.connect()


class _LenientAdapter(HTTPAdapter):
    """Takes any certificate without a word."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": urllib3.HTTPConnectionPool,
            "https": _QuietPool,
        }


def _chunks(raw: Any) -> Iterator[bytes]:
    """Yield what has come, as soon as it has, decompressed."""
    # urllib3 before 2.1 only returns whole chunks: smaller ones, so that the clock is looked at
    read = getattr(raw, "read1", None)
    while data := (read or raw.read)(_CHUNK if read else 1024, decode_content=True):
        yield data


@contextmanager
def _translated(host: str, timeout: float) -> Iterator[None]:
    try:
        yield
    except requests.exceptions.SSLError as exc:
        raise _untrusted(host, exc) from exc
    except requests.exceptions.ProxyError as exc:
        raise RegistryUnreachableError(
            f"The proxy between this machine and {host} does not answer or refuses: {_root(exc)}.",
            "Check HTTPS_PROXY and NO_PROXY.",
        ) from exc
    except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as exc:
        raise _slow(host, timeout) from exc
    except (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        requests.exceptions.InvalidHeader,
        urllib3.exceptions.LocationValueError,
        UnicodeError,
    ) as exc:
        raise RegistryError(f"{host} named an address that is none.") from exc
    except (requests.exceptions.ContentDecodingError, urllib3.exceptions.DecodeError) as exc:
        raise RegistryError(f"The answer of {host} cannot be decompressed.") from exc
    except (
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
    ) as exc:
        raise _unconnected(host, exc) from exc


def _slow(host: str, seconds: float) -> RegistryUnreachableError:
    return RegistryUnreachableError(
        f"{host} did not answer within {seconds:g} seconds.",
        "Check the network and its proxy, or try again later.",
    )


def _untrusted(host: str, exc: BaseException) -> RegistryUnreachableError:
    root = _root(exc)
    if isinstance(root, ssl.SSLCertVerificationError):
        return RegistryUnreachableError(
            f"The certificate of {host} is not trusted: {root.verify_message}.",
            f"If the registry is your site's own, put its CA into {CERTIFICATES}/{host}/ca.crt.",
        )
    words = getattr(root, "reason", None) or root
    return RegistryUnreachableError(
        f"There is no https at {host}: {words}.",
        "Check host and port. Plain http is spoken only with this machine, and with hosts that "
        "the configuration names as insecure.",
    )


def _unconnected(host: str, exc: BaseException) -> RegistryUnreachableError:
    root = _root(exc)
    hint = "Check the name, the network and its proxy."
    if isinstance(root, urllib3.exceptions.NameResolutionError) or "resol" in str(exc):
        return RegistryUnreachableError(f"There is no host {host} in the network.", hint)
    if isinstance(root, ConnectionRefusedError):
        return RegistryUnreachableError(f"Nothing listens at {host}: connection refused.", hint)
    broken = (ConnectionError, http.client.HTTPException, urllib3.exceptions.ProtocolError)
    if isinstance(root, broken) or isinstance(exc, broken):
        return BrokenOffError(f"The connection to {host} broke off.", "Try again.")
    words = getattr(root, "strerror", None) or type(root).__name__
    return RegistryUnreachableError(f"{host} cannot be reached: {words}.", hint)


def _root(exc: BaseException) -> BaseException:
    """Return what is at the bottom of requests' and urllib3's wrappings."""
    seen: set[int] = set()
    while id(exc) not in seen:
        seen.add(id(exc))
        inner = [exc.__cause__, getattr(exc, "reason", None), *exc.args[::-1], exc.__context__]
        exc = next((one for one in inner if isinstance(one, BaseException)), exc)
    return exc
