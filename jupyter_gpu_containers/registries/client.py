"""Any registry of the OCI distribution API: tags, manifests, configurations; never a layer."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from jupyter_gpu_containers.errors import (
    RegistryError,
    WrongArchitectureError,
    WrongDigestError,
)
from jupyter_gpu_containers.model.image.image import ImageReference
from jupyter_gpu_containers.model.image.registry import (
    Credential,
    RemoteImage,
    SearchResult,
    TagPage,
)
from jupyter_gpu_containers.model.image.registry_host import host_of_key
from jupyter_gpu_containers.ports import CredentialStore, Registry
from jupyter_gpu_containers.runtime.threads import aside

from . import documents, hub, tag_order
from .cache import DigestCache, matches
from .refusals import Subject, no_access, refusal, wrong_login
from .sessions import CERTIFICATES
from .tokens import TokenKey, Tokens, basic
from .transport import Transport
from .visit import API_HOSTS, Visit

_T = TypeVar("_T")

_MANIFEST_LIMIT = 4 << 20  # bytes; the OCI specification's own limit
_CONFIG_LIMIT = 8 << 20
_TAGS_LIMIT = 8 << 20  # of one page
_MOST_PAGES = 200
_TAGS_LIFETIME = 60.0  # seconds
_MOST_LISTINGS = 200  # repositories whose tags are remembered
_NEXT = re.compile(r"<([^<>]*)>\s*;[^,]*\brel=\"?next\b", re.ASCII | re.IGNORECASE)


class RegistryClient(Registry):
    """Looks at registries by HTTP, in threads.

    Parameters
    ----------
    credentials : CredentialStore
        Whose logins are used, each for its own registry only.
    mirrors : mapping
        Registry -> mirrors that are asked before it: ``host``, ``host/path``, with or without
        ``https://``.
    insecure : collection of str
        Hosts that may speak plain http or show any certificate; loopback may anyway, as for Docker.
    trusted_realms : mapping
        Registry -> hosts of token servers on other sites that may see its login.
    cache : Path or None
        Folder for manifests and configurations, by digest.
    search_address : str
        Where Docker Hub's search is.
    timeout : float
        Seconds of silence after which a registry counts as unreachable.
    certificates : Path
        Docker's folder of registries' own certificates.
    retry_pause : float
        Seconds before another try where a registry stumbled.
    """

    def __init__(
        self,
        credentials: CredentialStore,
        *,
        mirrors: Mapping[str, Sequence[str]] | None = None,
        insecure: Collection[str] = (),
        trusted_realms: Mapping[str, Collection[str]] | None = None,
        cache: Path | None = None,
        search_address: str = hub.SEARCH,
        timeout: float = 20.0,
        certificates: Path = CERTIFICATES,
        retry_pause: float = 0.5,
    ) -> None:
        self._credentials = credentials
        self._mirrors = {host_of_key(host): tuple(m) for host, m in (mirrors or {}).items()}
        plain = [m for some in self._mirrors.values() for m in some if m.startswith("http://")]
        self._transport = Transport(
            insecure={*insecure, *map(host_of_key, plain)},  # who writes http:// means it
            timeout=timeout,
            certificates=certificates,
        )
        self._tokens = Tokens(self._transport, trusted_realms)
        self._cache = DigestCache(cache)
        self._search_address = search_address
        self._retry_pause = retry_pause
        self._lock = threading.Lock()
        self._listings: dict[tuple[str, str], tuple[list[str], float]] = {}

    async def tags(self, repository: str, *, contains: str = "", limit: int = 100) -> TagPage:
        """List a repository's tags by version, newest first; a tag in ``repository`` is ignored."""
        reference = ImageReference.parse(repository)
        bare = ImageReference(reference.registry, reference.repository)
        tags = await aside(self._tags, bare)
        found = tag_order.matching(tags, contains)
        return TagPage(bare.familiar, tuple(found[: max(0, limit)]), len(found))

    async def image(self, reference: str, architecture: str) -> RemoteImage:
        """Read manifest and configuration for linux/``architecture``."""
        parsed = ImageReference.parse(reference)
        return await aside(
            self._anywhere, parsed, lambda visit: self._image(visit, parsed, architecture)
        )

    async def search(self, query: str, *, limit: int = 25) -> list[SearchResult]:
        """Search Docker Hub, most stars first."""
        return await aside(hub.search, self._transport, self._search_address, query, limit)

    async def check_login(self, host: str, credential: Credential) -> None:
        """Ask the registry whether it takes this login."""
        await aside(self._check_login, host_of_key(host), credential)

    def close(self) -> None:
        """Release connections."""
        self._transport.close()

    # --- in threads -------------------------------------------------------------------------------

    def _visit(self, host: str, repository: str, name: str) -> Visit:
        return Visit(
            self._transport,
            self._tokens,
            host,
            repository,
            name=name,
            login=lambda: self._credentials.get(host),
            pause=self._retry_pause,
        )

    def _anywhere(self, reference: ImageReference, look: Callable[[Visit], _T]) -> _T:
        """Look at the mirrors and then at the registry itself; the last word is the registry's."""
        for mirror in self._mirrors.get(reference.registry, ()):
            host, _, prefix = (mirror.partition("://")[2] or mirror).partition("/")
            path = "/".join(part for part in (prefix.strip("/"), reference.repository) if part)
            try:
                return look(self._visit(host, path, reference.familiar))
            except RegistryError:
                continue  # a mirror may be down, or not have it
        return look(self._visit(reference.registry, reference.repository, reference.familiar))

    def _image(self, visit: Visit, reference: ImageReference, architecture: str) -> RemoteImage:
        what = reference.familiar
        wanted = reference.digest or reference.tag or ""
        digest, media_type, data = self._manifest(visit, wanted, what)
        document = documents.parse_json(data, what)
        children: tuple[documents.Child, ...] = ()
        if documents.is_index(document, media_type):
            children = documents.parse_index(document, what)
            child = documents.choose(children, architecture)
            if child is None:
                raise _no_platform(what, children, architecture)
            _, _, data = self._manifest(visit, child.digest, what)
            document = documents.parse_json(data, what)
        manifest = documents.parse_manifest(document, what)
        data = self._config(visit, manifest.config, what)
        config = documents.parse_config(documents.parse_json(data, what), what)
        return RemoteImage(
            reference=str(reference),
            digest=digest,
            id=manifest.config,
            config=config.config,
            layers=documents.with_diff_ids(manifest.layers, config.diff_ids),
            architecture=config.platform.architecture,
            platforms=tuple(child.platform for child in children if child.platform.architecture),
            created=config.created,
        )

    def _manifest(self, visit: Visit, wanted: str, what: str) -> tuple[str, str, bytes]:
        """Return digest, media type ("" from the cache) and text of a manifest or an index."""
        if (data := self._cache.get(wanted)) is not None:
            return wanted, "", data
        path = f"{visit.repository}/manifests/{wanted}"
        response = visit.get(path, accept=documents.ACCEPT, limit=_MANIFEST_LIMIT)
        data = response.body
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        named = wanted if ":" in wanted else response.headers.get("Docker-Content-Digest", digest)
        if not matches(named, data):
            raise _damaged(visit, what, named)
        self._cache.put(named, data)
        return named, response.headers.get("Content-Type", ""), data

    def _config(self, visit: Visit, digest: str, what: str) -> bytes:
        if (data := self._cache.get(digest)) is not None:
            return data
        data = visit.get(f"{visit.repository}/blobs/{digest}", limit=_CONFIG_LIMIT).body
        if not matches(digest, data):
            raise _damaged(visit, what, digest)
        self._cache.put(digest, data)
        return data

    def _tags(self, repository: ImageReference) -> list[str]:
        key = (repository.registry, repository.repository)
        with self._lock:
            known = self._listings.get(key)
        if known is not None and known[1] > time.monotonic():
            return known[0]
        tags = self._anywhere(repository, self._list_tags)
        with self._lock:
            self._listings.pop(key, None)
            while len(self._listings) >= _MOST_LISTINGS:
                del self._listings[next(iter(self._listings))]
            self._listings[key] = (tags, time.monotonic() + _TAGS_LIFETIME)
        return tags

    def _list_tags(self, visit: Visit) -> list[str]:
        path = f"{visit.repository}/tags/list?n=1000"
        found: list[object] = []
        seen: set[str] = set()
        while path and path not in seen and len(seen) < _MOST_PAGES:
            seen.add(path)
            response = visit.get(path, limit=_TAGS_LIMIT)
            page = documents.parse_json(response.body, "its tags").get("tags")
            found += page if isinstance(page, list) else []
            path = _next_page(response.url, response.headers.get("Link", ""))
        return tag_order.newest_first(tag_order.image_tags(found))

    def _check_login(self, host: str, credential: Credential) -> None:
        subject = Subject(host, "", credential.username, (credential.secret,))
        limit = _MANIFEST_LIMIT
        api = API_HOSTS.get(host, host)
        response = self._transport.get(api, "/v2/", limit=limit)
        if response.status == 200:  # open to everybody, but it may know who somebody is
            authorization = basic(credential)
        elif response.status == 401:
            key = TokenKey.of(host, "", credential)
            self._tokens.forget(key)
            authorization = self._tokens.obtain(key, response, credential, subject)
        else:
            raise refusal(response, Subject(host))
        response = self._transport.get(api, "/v2/", authorization=authorization, limit=limit)
        if response.status == 401:
            raise wrong_login(subject)
        if response.status == 403:
            raise no_access(subject)
        if response.status != 200:
            raise refusal(response, subject)
        with self._lock:
            for key_of_listing in [one for one in self._listings if one[0] == host]:
                del self._listings[key_of_listing]


def _next_page(url: str, link: str) -> str:
    """Return the path below ``/v2/`` of the next page; "" where there is none on this registry."""
    match = _NEXT.search(link)
    if match is None:
        return ""
    try:
        here, there = urlsplit(url), urlsplit(urljoin(url, str(match[1])))
    except ValueError:
        return ""
    if here.netloc != there.netloc or not there.path.startswith("/v2/"):
        return ""
    return there.path.removeprefix("/v2/") + (f"?{there.query}" if there.query else "")


def _no_platform(
    what: str, children: Sequence[documents.Child], architecture: str
) -> WrongArchitectureError:
    offered = ", ".join(sorted({str(child.platform) for child in children})) or "no platform"
    return WrongArchitectureError(
        f"{what} is not made for linux/{architecture}, but for {offered[:300]}.",
        "Choose another tag, or an image for this machine's CPU architecture.",
    )


def _damaged(visit: Visit, what: str, digest: str) -> WrongDigestError:
    return WrongDigestError(
        f"What {visit.host} sent for {what} is not what its digest {digest[:19]}… says: it was "
        "damaged or changed on its way.",
        "Try again; if it happens again, a proxy or the registry is at fault.",
    )
