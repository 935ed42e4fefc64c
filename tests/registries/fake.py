"""A registry in the test's own process, with the manners of real ones.

Styles: ``nvcr hub ghcr quay harbor basic plain``. Faithful to: the token flow of each, tags in the
order of bytes with ``Link`` paging, ``Accept`` checks, blobs behind a redirect to another origin
that refuses an Authorization header, Docker Hub's rate limit, nvcr's challenge without service and
scope (its realm may have a query), and its other, dead-end realm for a token that has expired.
Repositories under ``private/`` need the login.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs

from jupyter_gpu_containers.model.image.registry import Credential

from .content import INDEX, SAMPLES, Blob, Content
from .web import Answer, Seen, WebServer, refusal

STYLES = ("nvcr", "hub", "ghcr", "quay", "harbor", "basic", "plain")
_TOKEN_PATHS = ("/proxy_auth", "/token", "/v2/auth", "/service/token")
_REALMS = {
    "hub": ("/token", "registry.docker.io"),
    "ghcr": ("/token", "ghcr.io"),
    "quay": ("/v2/auth", "quay.io"),
    "harbor": ("/service/token", "harbor-registry"),
}


class FakeRegistry(WebServer):
    """A registry of one style, with `SAMPLES` and whatever is put into `repositories`."""

    def __init__(self, style: str = "plain", *, tls: tuple[Path, Path] | None = None) -> None:
        self.style = style
        username, secret = ("$oauthtoken", "nvapi-test") if style == "nvcr" else ("ada", "s3cret!")
        self.credential = Credential(username, secret)
        self.repositories: dict[str, dict[str, Content]] = {}
        self.lifetime = 900  # seconds, as it says of its tokens
        self.pulls = 100  # that Docker Hub still grants
        self.realm = ""  # where to get tokens, if not here
        self.redirect = ""  # where blobs are, if not at localhost
        self.search: list[Mapping[str, object]] = []
        self._blobs: dict[str, Blob] = {}
        self._tokens: dict[str, frozenset[str]] = {}
        self._expired: set[str] = set()
        for name, content in SAMPLES.items():
            self.put(name, content)
        super().__init__(tls)

    def put(self, name: str, content: Content) -> str:
        """Hold an image under ``repository:tag``; return its whole reference (after the start)."""
        repository, _, tag = name.rpartition(":")
        self.repositories.setdefault(repository, {})[tag] = content
        for part in content.walk():
            self._blobs[part.digest] = part.manifest
            self._blobs.update({blob.digest: blob for blob in part.blobs})
        return f"{getattr(self, 'host', '')}/{name}"

    def expire(self) -> None:
        """Let every token that was given out be too old."""
        self._expired.update(self._tokens)

    def paths(self, method: str = "GET") -> list[str]:
        """Return the paths of requests so far."""
        return [seen.path for seen in self.seen if seen.method == method]

    @property
    def beside_tokens(self) -> list[Seen]:
        """The requests that were neither for tokens nor only to be challenged."""
        return [
            seen
            for seen in self.seen
            if seen.path not in _TOKEN_PATHS
            and (seen.authorization or seen.path.startswith("/cdn/") or self.style == "plain")
        ]

    def answer(self, seen: Seen) -> Answer:
        """Answer one request."""
        if seen.path in _TOKEN_PATHS:
            return self._token(seen)
        if seen.path == "/authn/token":
            raise refusal(401, "UNAUTHORIZED", "no anonymous access")
        if seen.path == "/v1/search":
            return Answer(200, {"results": self.search})
        if seen.path.startswith("/cdn/"):
            if seen.authorization:
                raise Answer(400, b"<Error>Only one auth mechanism allowed</Error>")
            return Answer(200, self._blobs[seen.path.removeprefix("/cdn/")].data)
        if seen.path == "/v2/":
            self._check(seen, "")
            return Answer(200, {})
        match = re.fullmatch(r"/v2/(.+)/(tags|manifests|blobs)/([^/]+)", seen.path)
        if match is None:
            raise refusal(404, "NOT_FOUND", "page not found")
        repository, what, name = match.groups()
        self._check(seen, repository)
        if repository not in self.repositories:
            raise refusal(404, "NAME_UNKNOWN", "repository name not known to registry")
        if what == "tags":
            return self._tags(seen, repository)
        if what == "blobs":
            return self._blob(name)
        return self._manifest(seen, repository, name)

    def _tags(self, seen: Seen, repository: str) -> Answer:
        last, size = seen.query.get("last", [""])[0], int(seen.query.get("n", ["1000"])[0])
        tags = [tag for tag in sorted(self.repositories[repository]) if tag > last]
        page = tags[:size]
        more = {}
        if len(tags) > size:
            more["Link"] = f'</v2/{repository}/tags/list?n={size}&last={page[-1]}>; rel="next"'
        return Answer(200, {"name": repository, "tags": page}, **more)

    def _blob(self, digest: str) -> Answer:
        if digest not in self._blobs:
            raise refusal(404, "BLOB_UNKNOWN", "blob unknown to registry")
        # localhost is another origin than 127.0.0.1
        base = self.redirect or f"{self.scheme}://localhost:{self.port}/cdn/"
        return Answer(307, b"", Location=f"{base}{digest}")

    def _manifest(self, seen: Seen, repository: str, name: str) -> Answer:
        tagged = self.repositories[repository].get(name)
        digest = tagged.digest if tagged else name
        if digest not in self._blobs:
            raise refusal(404, "MANIFEST_UNKNOWN", "manifest unknown")
        blob = self._blobs[digest]
        if blob.media_type == INDEX["oci"] and INDEX["oci"] not in seen.headers.get("accept", ""):
            message = "OCI index found, but Accept header does not support OCI indexes"
            raise refusal(404, "MANIFEST_UNKNOWN", message)
        if self.style == "hub" and seen.method == "GET":
            if self.pulls <= 0:
                message = "You have reached your pull rate limit."
                raise refusal(429, "TOOMANYREQUESTS", message, Retry_After=60)
            self.pulls -= 1
        return Answer(200, blob.data, Content_Type=blob.media_type, Docker_Content_Digest=digest)

    def _token(self, seen: Seen) -> Answer:
        login = (self.credential.username, self.credential.secret)
        if seen.basic is not None and seen.basic != login:
            raise refusal(401, "UNAUTHORIZED", "incorrect username or password")
        form = parse_qs(seen.body.decode())  # of OAuth 2: the secret is good if it is there
        scopes = " ".join((form or seen.query).get("scope", [])).split()
        names = [scope.split(":")[1] for scope in scopes if scope.count(":") == 2]
        known = bool(seen.basic or form.get("refresh_token"))
        public = (name for name in names if known or not name.startswith("private/"))
        allowed = frozenset(public)
        if names and not allowed and self.style in ("nvcr", "ghcr"):
            raise refusal(401 if self.style == "nvcr" else 403, "DENIED", "access denied")
        token = secrets.token_urlsafe(24)
        self._tokens[token] = allowed
        if self.style == "nvcr":
            return Answer(200, {"token": token})
        return Answer(200, {"token": token, "access_token": token, "expires_in": self.lifetime})

    def _check(self, seen: Seen, repository: str) -> None:
        """Raise the challenge for who may not come in."""
        if self.style == "plain":
            return
        if self.style == "basic":
            if seen.basic != (self.credential.username, self.credential.secret):
                raise self._challenge(repository)
            return
        token = seen.authorization.removeprefix("Bearer ")
        if token in self._expired:
            raise self._challenge(repository, expired=True)
        if token not in self._tokens:
            raise self._challenge(repository)
        if repository and repository not in self._tokens[token]:
            if self.style == "ghcr":
                raise refusal(403, "DENIED", "requested access to the resource is denied")
            raise self._challenge(repository)

    def _challenge(self, repository: str, *, expired: bool = False) -> Answer:
        scope = f"repository:{repository}:pull" if repository else ""
        if self.style == "basic":
            header = 'Basic realm="Registry"'
        elif self.style == "nvcr":
            query = f"?scope={scope},push" if scope else ""
            header = f'Bearer realm="{self.realm or self.url + "/proxy_auth" + query}"'
            if expired:
                header = f'Bearer realm="{self.url}/authn/token",service="registry"'
        else:
            path, service = _REALMS[self.style]
            header = f'Bearer realm="{self.realm or self.url + path}",service="{service}"'
            if scope:
                header += f',scope="{scope}"'
            if expired:
                header += ',error="invalid_token"'
        return refusal(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=header)
