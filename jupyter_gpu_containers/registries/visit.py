"""A visit to one repository of one registry: requests with what it takes to be let in."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

from jupyter_gpu_containers.errors import RegistryError
from jupyter_gpu_containers.model.image.registry import Credential
from jupyter_gpu_containers.model.image.registry_host import is_internal, without_port

from .connection import BrokenOffError
from .credentials import IDENTITY_TOKEN
from .refusals import Subject, refusal, retry_after, withheld, wrong_login
from .tokens import TokenKey, Tokens
from .transport import Authorization, Response, Transport

API_HOSTS = {"docker.io": "registry-1.docker.io"}  # of Docker Hub, whose name serves web pages
_REDIRECTS = 5
_WORTH_ANOTHER_TRY = frozenset({502, 503, 504})
_LONGEST_PAUSE = 3.0  # seconds; what asks for more is told to the user instead


class Visit:
    """Requests to one repository.

    Parameters
    ----------
    transport : Transport
    tokens : Tokens
    host : str
        The registry, by the name that logins have.
    repository : str
        "" for the registry as a whole.
    name : str
        What the user asked for, for sentences.
    login : callable
        Returns the login for ``host``; called once, and only where the registry challenges.
    pause : float
        Seconds before another try, more or less.
    """

    def __init__(
        self,
        transport: Transport,
        tokens: Tokens,
        host: str,
        repository: str,
        *,
        name: str,
        login: Callable[[], Credential | None],
        pause: float = 0.5,
    ) -> None:
        self.host = host
        self.repository = repository
        self._transport = transport
        self._tokens = tokens
        self._name = name
        self._login = login
        self._looked_up = False
        self._credential: Credential | None = None
        self._pause = pause
        self._woken = threading.Event()  # by nobody: a pause that needs no sleep

    @property
    def subject(self) -> Subject:
        """What sentences are about."""
        if self._credential is None:
            return Subject(self.host, self._name)
        secrets = (self._credential.secret,)
        name = self._credential.username
        return Subject(
            self.host, self._name, "this account" if name == IDENTITY_TOKEN else name, secrets
        )

    def get(self, path: str, *, accept: str = "*/*", limit: int) -> Response:
        """Ask below ``/v2/`` and return the answer, if it is one (status 200).

        Raises
        ------
        RegistryError
            Whatever came instead; see `refusals.refusal`.
        """
        authorization = None
        if self._tokens.asks(self.host):
            authorization = self._tokens.remembered(self._key())
        response = self._ask(path, accept, authorization, limit)
        if response.status == 401 and authorization is not None:
            # expired or withdrawn: from the beginning, as a token that is no good any more makes
            # some registries (nvcr.io) point to a token server for others
            self._tokens.forget(self._key())
            response = self._ask(path, accept, None, limit)
        if response.status == 401:
            key = self._key()
            authorization = self._tokens.obtain(key, response, self._credential, self.subject)
            response = self._ask(path, accept, authorization, limit)
            if response.status in (401, 403):
                self._tokens.forget(key)
            if response.status == 401 and self._credential is not None:
                raise self._refused(authorization, response)
        response = self._follow(response, accept, limit)
        if response.status != 200:
            raise refusal(response, self.subject)
        return response

    def _refused(self, authorization: Authorization, response: Response) -> RegistryError:
        """Return the error for a login that did not help."""
        if not authorization.secret:
            return withheld(self.host)
        if authorization.value.startswith("Basic"):
            return wrong_login(self.subject)
        return refusal(response, self.subject)  # the token server took it

    def _key(self) -> TokenKey:
        if not self._looked_up:
            self._looked_up = True
            self._credential = self._login()
        return TokenKey.of(self.host, self.repository, self._credential)

    def _ask(
        self, path: str, accept: str, authorization: Authorization | None, limit: int
    ) -> Response:
        host = API_HOSTS.get(self.host, self.host)
        for last in (False, True):
            try:
                response = self._transport.get(
                    host, f"/v2/{path}", accept=accept, authorization=authorization, limit=limit
                )
            except BrokenOffError:
                if last:
                    raise
                pause = self._pause
            else:
                if last or not self._worth_another_try(response):
                    return response
                pause = retry_after(response) or self._pause
            self._woken.wait(pause * random.uniform(1, 1.5))
        raise AssertionError("unreachable: the last try returned or raised")

    def _worth_another_try(self, response: Response) -> bool:
        if response.status not in (*_WORTH_ANOTHER_TRY, 429):
            return False
        seconds = retry_after(response)
        if seconds is None:
            return response.status != 429
        return seconds <= _LONGEST_PAUSE

    def _follow(self, response: Response, accept: str, limit: int) -> Response:
        """Follow redirects, to where blobs really lie: without any authorization."""
        for _ in range(_REDIRECTS):
            if response.status not in (301, 302, 303, 307, 308):
                return response
            target = urljoin(response.url, response.headers.get("Location", ""))
            self._check_redirect(response.url, target)
            response = self._transport.send("GET", target, accept=accept, limit=limit)
        raise RegistryError(f"The registry {self.host} redirects in a circle.", "Try again later.")

    def _check_redirect(self, origin: str, target: str) -> None:
        try:
            here, there = urlsplit(origin), urlsplit(target)
            _ = there.port  # raises where it is no number
            hostname = there.hostname
        except ValueError:
            hostname = None
        if not hostname or "@" in there.netloc or there.scheme not in ("http", "https"):
            reason = "that is no address"
        elif here.scheme == "https" and there.scheme != "https":
            reason = "plain http could be changed on its way"
        elif is_internal(there.netloc) and not is_internal(without_port(self.host)):
            reason = "that is an address inside this network"
        else:
            return
        raise RegistryError(
            f"The registry {self.host} redirects to “{target[:100]}”, but {reason}.",
            "Ask the registry's administrator.",
        )
