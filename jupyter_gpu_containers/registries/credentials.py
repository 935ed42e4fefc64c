"""Logins of registries where Docker keeps them: credential helpers first, else its config file."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import logging
import os
import stat
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.image.registry import Credential
from jupyter_gpu_containers.model.image.registry_host import (
    HUB_KEY,
    default_username,
    docker_key,
    host_of_key,
)
from jupyter_gpu_containers.ports import CredentialStore

from .helpers import CredentialHelper, HelperError, refused

__all__ = ["IDENTITY_TOKEN", "DockerCredentials", "default_username", "normal_host"]

# the user name that stands for "the secret is an OAuth 2 refresh token"
IDENTITY_TOKEN = "<token>"

normal_host = docker_key

_log = logging.getLogger(__name__)
_LIMIT = 8 << 20  # bytes of a config file that are read


class DockerCredentials(CredentialStore):
    """The logins of ``docker login``, so that a login by either serves both.

    Parameters
    ----------
    config_dir : Path, optional
        The folder of ``config.json``; by default ``DOCKER_CONFIG``, else ``~/.docker``.
    """

    def __init__(self, config_dir: Path | None = None) -> None:
        self._config_dir = config_dir
        self._lock = threading.Lock()  # of reading, changing and writing the file

    @property
    def path(self) -> Path:
        """The config file."""
        folder = self._config_dir or os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
        return Path(folder) / "config.json"

    def get(self, host: str) -> Credential | None:
        """Return the login for a registry.

        A file or a helper that cannot be used counts as no login, as it does for Docker: public
        images must not suffer. The log says it.
        """
        try:
            config = self._read()
        except InvalidRequestError as exc:
            _log.warning("%s", exc)
            return None
        key = docker_key(host)
        helper = _helper(config, key)
        if helper is not None:
            try:
                found = helper.get(key)
            except HelperError as exc:
                _log.warning("No login for %s: %s", host_of_key(key), exc)
                return None
            if found is not None:
                return found
        for entry in _entries(config, key).values():
            if (login := _decoded(entry)) is not None:
                return login
        return None

    def put(self, host: str, credential: Credential) -> str:
        """Keep a login; return where, in words."""
        key = docker_key(host)
        with self._lock:
            config = self._read()
            helper = _helper(config, key)
            for old in _entries(config, key):
                del config["auths"][old]
            auths = config.setdefault("auths", {})
            if helper is not None:
                try:
                    helper.store(key, credential)
                except HelperError as exc:
                    raise refused(exc) from exc
                auths[key] = {}  # as Docker notes it
                self._write(config)
                return f"the credential helper {helper}"
            if ":" in credential.username and credential.username != IDENTITY_TOKEN:
                raise InvalidRequestError(
                    "A user name cannot have a colon.", "Check what was typed as user name."
                )
            auths[key] = _encoded(credential)
            self._write(config)
            return str(self.path)

    def erase(self, host: str) -> bool:
        """Forget a login, in the helper and in the file."""
        key = docker_key(host)
        with self._lock:
            config = self._read()
            helper = _helper(config, key)
            entries = _entries(config, key)
            known = any(_decoded(entry) is not None for entry in entries.values())
            if helper is not None:
                try:
                    if helper.get(key) is not None:
                        helper.erase(key)
                        known = True
                except HelperError as exc:
                    raise refused(exc) from exc
            if entries:
                for old in entries:
                    del config["auths"][old]
                self._write(config)
            return known

    def hosts(self) -> dict[str, str]:
        """Return the registries with a login: host -> user name."""
        config = self._read()
        found: dict[str, str] = {}
        for key, entry in _section(config, "auths").items():
            if (login := _decoded(entry)) is not None and _is_host(key):
                found[host_of_key(key)] = login.username
        try:
            if name := config.get("credsStore"):
                listed = CredentialHelper(str(name)).list()
                found |= {host_of_key(key): user for key, user in listed.items() if _is_host(key)}
            for key, name in _section(config, "credHelpers").items():
                if (login := CredentialHelper(str(name)).get(docker_key(key))) is not None:
                    found[host_of_key(key)] = login.username
        except HelperError as exc:
            _log.warning("Not all logins are known: %s", exc)
        return dict(sorted(found.items()))

    def _read(self) -> dict[str, Any]:
        try:
            with self.path.open("rb") as file:
                data = file.read(_LIMIT)
        except FileNotFoundError:
            return {}
        except OSError as exc:
            raise InvalidRequestError(
                f"Docker's configuration cannot be read: {exc.strerror} ({self.path}).",
                "Check the permissions of this file.",
            ) from exc
        try:
            config = json.loads(data or b"{}")
            if isinstance(config, dict) and isinstance(config.get("auths", {}), dict | None):
                config["auths"] = config.get("auths") or {}
                return config
        except ValueError:
            pass  # said below; the text itself may hold secrets
        raise InvalidRequestError(
            f"Docker's configuration is not what Docker writes: {self.path}.",
            "Correct the file, or move it away and log in again.",
        )

    def _write(self, config: dict[str, Any]) -> None:
        """Replace the file at once: others see the old or the new one, never a part."""
        target = Path(os.path.realpath(self.path))  # people keep it elsewhere, behind a link
        if not config["auths"]:
            del config["auths"]
        text = json.dumps(config, indent="\t", ensure_ascii=False) + "\n"
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=".config.json.", dir=target.parent)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    os.fchmod(file.fileno(), stat.S_IRUSR | stat.S_IWUSR)
                    if target.exists():
                        there = target.stat()
                        with contextlib.suppress(PermissionError):  # only root gives files away
                            os.fchown(file.fileno(), there.st_uid, there.st_gid)
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(name, target)
            except BaseException:
                os.unlink(name)
                raise
        except OSError as exc:
            raise InvalidRequestError(
                f"Docker's configuration cannot be written: {exc.strerror} ({target}).",
                "Check the permissions of the folder, or set DOCKER_CONFIG to another one.",
            ) from exc


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = config.get(name)
    return section if isinstance(section, Mapping) else {}


def _is_host(key: str) -> bool:
    """Tell hosts from other things that Docker keeps beside them: Docker Hub's access tokens."""
    return docker_key(key) != HUB_KEY or not key.rstrip("/").endswith("-token")


def _helper(config: Mapping[str, Any], key: str) -> CredentialHelper | None:
    """Return who keeps this registry's login; None: the file does."""
    for host, name in _section(config, "credHelpers").items():
        if docker_key(host) == key:
            return CredentialHelper(str(name))
    name = config.get("credsStore")
    return CredentialHelper(str(name)) if name else None


def _entries(config: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the entries of a registry in the file, the one that Docker would take first."""
    auths = _section(config, "auths")
    found = {key: auths[key]} if key in auths else {}
    for other, entry in auths.items():
        if docker_key(other) == key and _is_host(other):
            found.setdefault(other, entry)
    return found


def _decoded(entry: object) -> Credential | None:
    if not isinstance(entry, Mapping):
        return None
    if token := entry.get("identitytoken"):
        return Credential(IDENTITY_TOKEN, str(token))
    try:
        text = base64.b64decode(str(entry.get("auth") or ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    username, colon, secret = text.partition(":")
    if colon and username:
        return Credential(username, secret.rstrip("\0"))
    username, secret = entry.get("username") or "", entry.get("password") or ""
    return Credential(str(username), str(secret)) if username and secret else None


def _encoded(credential: Credential) -> dict[str, str]:
    if credential.username == IDENTITY_TOKEN:
        return {"auth": "", "identitytoken": credential.secret}
    pair = f"{credential.username}:{credential.secret}"
    return {"auth": base64.b64encode(pair.encode()).decode()}
