"""A token server for a real registry: who may do what, said in signed tokens."""

from __future__ import annotations

import secrets
import time
from typing import Any

from .certificates import Certificate
from .web import Answer, Seen, WebServer, refusal

SERVICE = "registry of the tests"
ISSUER = "token server of the tests"


class TokenServer(WebServer):
    """Grants everything to who logs in, except ``forbidden/*``; to others reading ``test/*``."""

    def __init__(self, certificate: Certificate, username: str, password: str) -> None:
        self._certificate = certificate
        self.login = (username, password)
        self.lifetime = 300.0  # seconds a token lives
        super().__init__()

    @property
    def realm(self) -> str:
        return f"{self.url}/token"

    def answer(self, seen: Seen) -> Answer:
        """Answer as the distribution project's token specification says."""
        if seen.path != "/token":
            raise refusal(404, "NOT_FOUND", "there is only /token")
        if seen.basic is None and seen.authorization:
            raise refusal(400, "UNSUPPORTED", "Basic, please")
        if seen.basic is not None and seen.basic != self.login:
            raise refusal(401, "UNAUTHORIZED", "incorrect username or password")
        scopes = " ".join(seen.query.get("scope", [])).split()
        token = self.issue(*scopes, user=seen.basic[0] if seen.basic else "")
        return Answer(
            200, {"token": token, "access_token": token, "expires_in": int(self.lifetime)}
        )

    def issue(self, *scopes: str, user: str) -> str:
        """Return a token for what this user may do of what the scopes ask for."""
        access: list[dict[str, Any]] = []
        for scope in scopes:
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            allowed = [action for action in actions.split(",") if self._may(user, name, action)]
            access.append({"type": kind, "name": name, "actions": allowed})
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": user,
            "aud": SERVICE,
            "iat": now,
            "nbf": now - 10,
            "exp": now + int(self.lifetime),
            "jti": secrets.token_hex(8),
            "access": access,
        }
        return self._certificate.sign(claims)

    def _may(self, user: str, name: str, action: str) -> bool:
        if user:
            return not name.startswith("forbidden/")
        return name.startswith("test/") and action == "pull"
