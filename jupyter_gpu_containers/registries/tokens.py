"""Tokens: how a challenge becomes an Authorization header, and who remembers it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from jupyter_gpu_containers.errors import RegistryError
from jupyter_gpu_containers.model.image.registry import Credential

from .challenge import Challenge, judge_realm, parse_challenges
from .credentials import IDENTITY_TOKEN
from .refusals import Subject, login_wanted, refusal, withheld, wrong_login
from .transport import Authorization, Response, Transport, refuse_plain

_LIMIT = 1 << 20  # bytes of a token server's answer
_EARLY = 10.0  # seconds before a token's end it is not used any more
_LIFETIME = 60.0  # seconds, where the server does not say (distribution's specification)
_MOST = 1000  # tokens that are remembered
_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}", re.ASCII)
_CLIENT = "jupyter-gpu-containers"


@dataclass(frozen=True)
class TokenKey:
    """What a token is good for, and whose it is; holds no secret itself."""

    host: str
    repository: str
    who: str

    @classmethod
    def of(cls, host: str, repository: str, credential: Credential | None) -> TokenKey:
        """Return the key; a login that changed has another one."""
        who = ""
        if credential is not None:
            login = f"{credential.username}\0{credential.secret}"
            who = hashlib.sha256(login.encode()).hexdigest()
        return cls(host, repository, who)


class Tokens:
    """Gets tokens, and remembers them as long as they are good.

    Parameters
    ----------
    transport : Transport
    trusted_realms : mapping
        Registry -> hosts of token servers that may see its login, beside those that are known.
    """

    def __init__(
        self, transport: Transport, trusted_realms: Mapping[str, Collection[str]] | None = None
    ) -> None:
        self._transport = transport
        self._trusted = dict(trusted_realms or {})
        self._lock = threading.Lock()
        self._remembered: dict[TokenKey, tuple[Authorization, float]] = {}
        self._asking: set[str] = set()  # hosts that want to see something

    def asks(self, host: str) -> bool:
        """Tell whether a host has challenged somebody before."""
        with self._lock:
            return host in self._asking

    def remembered(self, key: TokenKey) -> Authorization | None:
        """Return what let us in last time, while it is good."""
        with self._lock:
            found = self._remembered.get(key)
            if found is None or found[1] > time.monotonic():
                return found and found[0]
            del self._remembered[key]
            return None

    def forget(self, key: TokenKey) -> None:
        """Forget what does not let us in any more."""
        with self._lock:
            self._remembered.pop(key, None)

    def obtain(
        self, key: TokenKey, response: Response, credential: Credential | None, subject: Subject
    ) -> Authorization:
        """Answer the challenge of a response (status 401) and remember the answer.

        Raises
        ------
        UnauthorizedError
            A login is wanted, or the one that there is was refused.
        RegistryError
            The challenge cannot, or should not, be answered.
        """
        challenges = {
            one.scheme: one
            for one in reversed(parse_challenges(response.headers.get("WWW-Authenticate", "")))
        }
        with self._lock:
            self._asking.add(key.host)
        lifetime = float("inf")
        if "bearer" in challenges:
            authorization, lifetime = self._ask(
                challenges["bearer"], response, key, credential, subject
            )
        elif "basic" in challenges:
            if credential is None or credential.username == IDENTITY_TOKEN:
                raise login_wanted(subject)
            authorization = basic(credential)
        else:
            raise refusal(response, subject)
        with self._lock:
            while len(self._remembered) >= _MOST:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[key] = (authorization, time.monotonic() + lifetime - _EARLY)
        return authorization

    def _ask(
        self,
        challenge: Challenge,
        response: Response,
        key: TokenKey,
        credential: Credential | None,
        subject: Subject,
    ) -> tuple[Authorization, float]:
        """Return a token and how long it lives."""
        realm = judge_realm(
            challenge.parameters.get("realm", ""),
            key.host,
            scheme=response.url.partition(":")[0],
            trusted=self._trusted.get(key.host, ()),
        )
        unsent = credential is not None and not realm.trusted
        if unsent:
            if not key.repository:
                raise withheld(key.host, realm.host)
            credential = None  # what is public there can be had without
        scope = f"repository:{key.repository}:pull" if key.repository else ""
        service = challenge.parameters.get("service", "")
        if credential is not None and credential.username == IDENTITY_TOKEN:
            refuse_plain(realm.url.scheme, realm.host)
            answer = self._transport.send(
                "POST",
                realm.url._replace(query="", fragment="").geturl(),
                data={
                    "grant_type": "refresh_token",
                    "refresh_token": credential.secret,
                    "service": service,
                    "scope": scope,
                    "client_id": _CLIENT,
                },
                limit=_LIMIT,
            )
        else:
            answer = self._transport.send(
                "GET",
                realm.address(service, scope),
                authorization=basic(credential) if credential else None,
                limit=_LIMIT,
            )
        if answer.status in (400, 401, 403) and credential is None:
            raise withheld(key.host, realm.host) if unsent else login_wanted(subject)
        if answer.status == 401:
            raise wrong_login(subject)
        if answer.status != 200:
            raise refusal(answer, subject)
        return _token(answer, key.host, secret=credential is not None)


def basic(credential: Credential) -> Authorization:
    """Return a login as RFC 7617 writes it."""
    pair = f"{credential.username}:{credential.secret}"
    return Authorization(f"Basic {base64.b64encode(pair.encode()).decode()}", True)


def _token(answer: Response, host: str, *, secret: bool) -> tuple[Authorization, float]:
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        said = None
    said = said if isinstance(said, dict) else {}
    token = said.get("token") or said.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise RegistryError(f"The token server of {host} gave no token.", "Try again later.")
    lifetime = said.get("expires_in")
    if isinstance(lifetime, bool) or not isinstance(lifetime, (int, float)) or lifetime <= 0:
        lifetime = _LIFETIME
    return Authorization(f"Bearer {token}", secret), float(lifetime)
