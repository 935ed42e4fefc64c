"""Sessions of HTTP: who is trusted, and what requests would do of its own accord is off."""

from __future__ import annotations

import http.cookiejar
import ssl
from pathlib import Path
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

CERTIFICATES = Path("/etc/docker/certs.d")  # where Docker looks for a registry's own CA


def own_authorities(folder: Path) -> list[Path]:
    """Return the CAs that a registry's folder has."""
    return sorted(folder.glob("*.crt")) if folder.is_dir() else []


def strict_session(folder: Path | None) -> requests.Session:
    """Return a session that trusts the system's authorities.

    Parameters
    ----------
    folder : Path or None
        The registry's own folder: more authorities, and certificates of ours.
    """
    context = ssl.create_default_context()  # beside requests' own bundle
    if folder is not None:
        for authority in own_authorities(folder):
            context.load_verify_locations(authority)
        for certificate in sorted(folder.glob("*.cert")):
            context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    session = _session()
    session.mount("https://", _Adapter(context))
    return session


def lenient_session() -> requests.Session:
    """Return a session that takes any certificate, and needs no proxy: all is nearby."""
    session = _session()
    session.verify = False
    session.trust_env = False
    session.mount("https://", _LenientAdapter())
    return session


def _session() -> requests.Session:
    session = requests.Session()
    session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
    # or else requests sends what ~/.netrc says
    session.auth = lambda request: request
    return session


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
        if conn.sock is None:
            conn.connect()


class _LenientAdapter(HTTPAdapter):
    """Takes any certificate without a word."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": urllib3.HTTPConnectionPool,
            "https": _QuietPool,
        }
