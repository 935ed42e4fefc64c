"""Logging in to and out of registries: nothing is kept that the registry did not take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.image.registry import Credential
from jupyter_gpu_containers.model.image.registry_host import default_username, parse_registry_host
from jupyter_gpu_containers.ports import CredentialStore, Registry


class Logins:
    """What ``docker login`` and ``docker logout`` do, for panel and command line."""

    def __init__(self, registry: Registry, store: CredentialStore) -> None:
        self._registry = registry
        self._store = store
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call the listener when somebody has logged in or out here."""
        self._listeners.append(listener)

    async def login(self, host: str, username: str | None, secret: str) -> str:
        """Check a login with the registry and keep it; return where it is kept, in words.

        Parameters
        ----------
        host : str
            As people write it: ``nvcr.io``, ``https://registry.example.org/``, ``docker.io``.
        username : str or None
            Empty where the registry has one for everybody, as nvcr.io has.
        secret : str
            Password, access token or API key.

        Raises
        ------
        InvalidRequestError
            Something is missing, or cannot be kept.
        UnauthorizedError
            The registry does not take it.
        """
        host = parse_registry_host(host)
        name = (username or "").strip() or default_username(host) or ""
        secret = secret.strip("\r\n")  # of a pipe or a file
        if not name:
            raise InvalidRequestError(
                f"A login for {host} needs a user name.", "Give the name of your account there."
            )
        if not secret:
            what = "API key" if default_username(host) else "password or access token"
            raise InvalidRequestError(
                f"A login for {host} needs a secret.", f"Give your {what} for {host}."
            )
        credential = Credential(name, secret)
        await self._registry.check_login(host, credential)
        kept_in = await asyncio.to_thread(self._store.put, host, credential)
        self._tell()
        return kept_in

    async def logout(self, host: str) -> bool:
        """Forget a login; False where there was none. The registry is not asked."""
        was_there = await asyncio.to_thread(self._store.erase, parse_registry_host(host))
        self._tell()
        return was_there

    async def hosts(self) -> dict[str, str]:
        """Return the registries with a login: host -> user name."""
        return await asyncio.to_thread(self._store.hosts)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()
