"""Hosts of registries: how they are written, which belong together, what is special about some."""

from __future__ import annotations

import ipaddress

from jupyter_gpu_containers.errors import InvalidImageReferenceError, InvalidRequestError

from .image import DEFAULT_REGISTRY, ImageReference

# Docker Hub's name in Docker's configuration file, and in requests to credential helpers
HUB_KEY = "https://index.docker.io/v1/"

_HUB_HOSTS = frozenset(
    {DEFAULT_REGISTRY, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}
)
_DEFAULT_USERNAMES = {"nvcr.io": "$oauthtoken"}

# Under these, neighbours are strangers to each other: what customers of a hoster share, and the
# usual second level of country domains. The public suffix list has thousands; a suffix that is
# missing here costs nothing where registry and token server have the same host, as nearly all do.
_SHARED = frozenset(
    [
        "amazonaws.com",
        "appspot.com",
        "azurecr.io",
        "azurewebsites.net",
        "blob.core.windows.net",
        "cloudapp.net",
        "cloudfront.net",
        "cloudsmith.io",
        "digitaloceanspaces.com",
        "duckdns.org",
        "fly.dev",
        "github.io",
        "gitlab.io",
        "googleapis.com",
        "herokuapp.com",
        "jfrog.io",
        "netlify.app",
        "ngrok.app",
        "ngrok-free.app",
        "ngrok.io",
        "onrender.com",
        "pages.dev",
        "pkg.dev",
        "run.app",
        "scw.cloud",
        "trycloudflare.com",
        "vercel.app",
        "web.app",
        "windows.net",
        "workers.dev",
    ]
)
_SECOND_LEVEL = frozenset(
    [
        "ac",
        "co",
        "com",
        "edu",
        "go",
        "gob",
        "gov",
        "govt",
        "gv",
        "mil",
        "ne",
        "net",
        "nom",
        "or",
        "org",
        "sch",
    ]
)


def parse_registry_host(text: str) -> str:
    """Return a registry's host as image references have it: ``nvcr.io``, ``localhost:5000``.

    Takes what people and Docker's configuration write: an address with a scheme, Docker Hub's
    several names.

    Raises
    ------
    InvalidRequestError
        No image reference could name this host.
    """
    host = host_of_key(text.strip())
    try:
        if ImageReference.parse(f"{host}/name").registry == host:
            return host
    except InvalidImageReferenceError:
        pass  # said below in other words
    raise InvalidRequestError(
        f"“{text[:80]}” is not the host of a registry.",
        "Write it as in the names of images, for example nvcr.io or registry.example.org:5000.",
    )


def docker_key(host: str) -> str:
    """Return what Docker calls a registry in its configuration: Docker Hub's key is an address."""
    host = host_of_key(host)
    return HUB_KEY if host == DEFAULT_REGISTRY else host


def host_of_key(key: str) -> str:
    """Return the host of a key in Docker's configuration, ``https://host/v1/`` or ``host``."""
    host = key.partition("://")[2] or key
    host = host.partition("/")[0].lower()
    return DEFAULT_REGISTRY if host in _HUB_HOSTS else host


def default_username(host: str) -> str | None:
    """Return the user name that a registry gives to everybody; None where people have their own."""
    return _DEFAULT_USERNAMES.get(host)


def without_port(host: str) -> str:
    """Return the host without its port, an IPv6 address without brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def is_loopback(host: str) -> bool:
    """Tell whether a host is certainly this machine; names are not looked up."""
    name = without_port(host).lower()
    address = _address(name)
    if address is not None:
        return address.is_loopback
    return name == "localhost" or name.endswith(".localhost")


def is_internal(host: str) -> bool:
    """Tell whether a host is certainly not on the Internet: loopback, private, link-local."""
    address = _address(without_port(host))
    return is_loopback(host) or (address is not None and not address.is_global)


def same_site(one: str, other: str) -> bool:
    """Tell whether two hosts belong to the same owner: the same host, or domain.

    >>> same_site("registry.example.org", "auth.example.org")
    True
    >>> same_site("one.azurecr.io", "other.azurecr.io")
    False
    """
    one, other = without_port(one).lower(), without_port(other).lower()
    if one == other:
        return True
    if _address(one) is not None or _address(other) is not None:
        return False
    site = _registrable(one)
    return site is not None and site == _registrable(other)


def _registrable(name: str) -> str | None:
    """Return the domain that somebody registered; None for a name that is none."""
    labels = name.rstrip(".").split(".")
    if len(labels) < 2 or not all(labels):
        return None
    for start in range(1, len(labels)):
        if ".".join(labels[start:]) in _SHARED:
            return name  # nobody but the host itself
    if name in _SHARED:
        return None
    length = 3 if len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL else 2
    return ".".join(labels[-length:]) if len(labels) >= length else None


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
