"""Why there is no connection to a registry, in words: name, network, proxy, certificate, time."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import requests
import urllib3

from jupyter_gpu_containers.errors import RegistryError, RegistryUnreachableError

from .sessions import CERTIFICATES


class BrokenOffError(RegistryUnreachableError):
    """The connection broke in the middle: worth another try."""


@contextmanager
def translated(host: str, timeout: float) -> Iterator[None]:
    """Translate what requests and urllib3 raise about a host; bugs keep their own type."""
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
        raise slow(host, timeout) from exc
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


def slow(host: str, seconds: float) -> RegistryUnreachableError:
    """Return the error for an answer that does not come, or not to its end."""
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
    if isinstance(root, socket.gaierror) or "resol" in str(exc):
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
