"""What a registry wants to see: ``WWW-Authenticate`` (RFC 9110), and whom its realm belongs to."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from jupyter_gpu_containers.errors import RegistryError
from jupyter_gpu_containers.model.image.registry_host import is_internal, is_loopback, same_site

# token servers that are known to belong to a registry on another site
KNOWN_REALMS: Mapping[str, Collection[str]] = {
    "docker.io": ("auth.docker.io",),
    "nvcr.io": ("nvcr.io", "authn.nvidia.com"),
    "ghcr.io": ("ghcr.io",),
    "quay.io": ("quay.io",),
}

_PART = re.compile(
    r"""[\s,]*(?P<name>[\w!\#$%&'*+.^`|~-]+)
        (?:\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s,"]*)))?""",
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True)
class Challenge:
    """One way to be let in."""

    scheme: str  # in lower case: "bearer", "basic"
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_challenges(header: str) -> list[Challenge]:
    """Return the challenges of a header; what is no challenge is left out.

    >>> parse_challenges('Bearer realm="https://h/t",service="s", Basic realm="r"')[1].scheme
    'basic'
    """
    found: list[tuple[str, dict[str, str]]] = []
    position = 0
    while match := _PART.match(header, position):
        position = match.end()
        value = match["quoted"] if match["quoted"] is not None else match["plain"]
        if value is None:
            found.append((match["name"].lower(), {}))
        elif found:
            found[-1][1].setdefault(match["name"].lower(), re.sub(r"\\(.)", r"\1", value))
    return [Challenge(scheme, parameters) for scheme, parameters in found]


@dataclass(frozen=True)
class Realm:
    """A token server, and whether logins may go there."""

    url: SplitResult
    trusted: bool

    @property
    def host(self) -> str:
        return self.url.netloc

    def address(self, service: str, scope: str) -> str:
        """Return the address to ask; the realm may have a query of its own, as nvcr.io's has."""
        query = [pair for pair in parse_qsl(self.url.query) if pair[0] not in ("scope", "service")]
        service = service or dict(parse_qsl(self.url.query)).get("service", "")
        if service:
            query.append(("service", service))
        if scope:
            query.append(("scope", scope))
        return urlunsplit(self.url._replace(query=urlencode(query), fragment=""))


def judge_realm(realm: str, host: str, *, scheme: str, trusted: Collection[str] = ()) -> Realm:
    """Decide whether a token server may be asked, and whether it may see the login.

    Parameters
    ----------
    realm : str
        The address that the registry gave.
    host : str
        The registry.
    scheme : str
        How the registry itself was reached.
    trusted : collection of str
        Hosts of token servers that may see the registry's login, beside those that are known.

    Raises
    ------
    RegistryError
        Nobody should even ask there: a plain or an internal address, told from outside.
    """
    try:
        url = urlsplit(realm)
        there = url.netloc
        _ = url.port  # raises where it is no number
    except ValueError:
        url = urlsplit("")
        there = ""
    if not url.hostname or url.scheme not in ("http", "https") or "@" in there:
        raise _refused(host, realm, "that is not the address of a token server")
    if url.scheme == "http" and not (
        scheme == "http" and same_site(there, host) and (is_loopback(there) or there == host)
    ):
        raise _refused(host, realm, "plain http could be read by others")
    if is_internal(there) and not is_internal(host):
        raise _refused(host, realm, "that is an address inside this network")
    known = (*KNOWN_REALMS.get(host, ()), *trusted)
    return Realm(url, same_site(there, host) or there in known)


def _refused(host: str, realm: str, reason: str) -> RegistryError:
    return RegistryError(
        f"The registry {host} asks for a token from “{realm[:100]}”, but {reason}.",
        "Ask the registry's administrator.",
    )
