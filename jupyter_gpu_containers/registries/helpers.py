"""Docker's credential helpers: programs ``docker-credential-NAME`` that keep logins."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.image.registry import Credential

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_TIMEOUT = 30.0  # seconds; a keychain may ask a person to unlock it
# what helpers print, by github.com/docker/docker-credential-helpers
_NOT_FOUND = "credentials not found in native keychain"


class HelperError(Exception):
    """A helper is missing, or failed; the text is its own, without what was written to it."""


class CredentialHelper:
    """One helper, by the protocol of its kind: an action as argument, JSON by standard streams."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get(self, key: str) -> Credential | None:
        """Return the login of a registry, None where the helper has none."""
        try:
            said = json.loads(self._run("get", key))
            return Credential(str(said["Username"]), str(said["Secret"]))
        except (ValueError, KeyError, TypeError) as exc:
            raise HelperError(f"{self} did not answer as helpers do") from exc
        except HelperError as exc:
            if _NOT_FOUND in str(exc):
                return None
            raise

    def store(self, key: str, credential: Credential) -> None:
        """Keep a login."""
        login = {
            "ServerURL": key,
            "Username": credential.username,
            "Secret": credential.secret,
        }
        self._run("store", json.dumps(login), secret=credential.secret)

    def erase(self, key: str) -> None:
        """Forget a login; no error where there is none."""
        try:
            self._run("erase", key)
        except HelperError as exc:
            if _NOT_FOUND not in str(exc):
                raise

    def list(self) -> dict[str, str]:
        """Return all logins, registry -> user name."""
        try:
            said = json.loads(self._run("list", ""))
        except ValueError as exc:
            raise HelperError(f"{self} did not answer as helpers do") from exc
        if not isinstance(said, Mapping):
            raise HelperError(f"{self} did not answer as helpers do")
        return {str(key): str(username) for key, username in said.items()}

    def __str__(self) -> str:
        return f"docker-credential-{self.name}"

    def _run(self, action: str, text: str, *, secret: str = "") -> str:
        if not _NAME.fullmatch(self.name):
            raise HelperError(f"“{self.name[:40]}” is not the name of a credential helper")
        try:
            done = subprocess.run(
                [str(self), action],
                input=text.encode(),
                capture_output=True,
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise HelperError(f"{self} did not answer within {_TIMEOUT:.0f} seconds") from exc
        except OSError as exc:
            raise HelperError(f"{self} cannot be run: {exc.strerror}") from exc
        said = done.stdout.decode("utf-8", "replace")
        if done.returncode:
            words = " ".join((said or done.stderr.decode("utf-8", "replace")).split())
            if secret:
                words = words.replace(secret, "***")
            raise HelperError(f"{self} {action} failed: {words[:200]}")
        return said


def refused(exc: HelperError) -> InvalidRequestError:
    """Return the error for a login that a helper did not keep or forget."""
    return InvalidRequestError(
        f"The login could not be kept or removed: {exc}.",
        "Docker's config.json names this helper (credsStore, credHelpers): install it, unlock its "
        "keychain, or take the line out.",
    )
