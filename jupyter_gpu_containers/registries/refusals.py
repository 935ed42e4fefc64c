"""What a registry's refusal means, told apart by status, and in words."""

from __future__ import annotations

import email.utils
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from jupyter_gpu_containers.errors import (
    ForbiddenError,
    RateLimitedError,
    RegistryError,
    TagUnknownError,
    UnauthorizedError,
)

from .transport import Response

LOGIN = "jupyter gpu-containers login"


@dataclass(frozen=True)
class Subject:
    """What was asked for, and by whom."""

    host: str  # of the registry, "docker.io"
    name: str = ""  # what was asked for, "nvcr.io/nvidia/pytorch:25.08-py3"
    username: str | None = None  # None: nobody is logged in
    secrets: tuple[str, ...] = ()  # that no sentence may hold

    @property
    def login(self) -> str:
        """The command that logs in."""
        return f"`{LOGIN} {self.host}`"


def wrong_login(subject: Subject) -> UnauthorizedError:
    """Return the error for a login that the registry does not take."""
    return UnauthorizedError(
        f"{subject.host} does not take the login of {subject.username}: user name or secret is "
        f"wrong, or has expired.",
        f"Log in again: {subject.login}.",
    )


def login_wanted(subject: Subject) -> UnauthorizedError:
    """Return the error for what only those see who are logged in."""
    name = subject.name or "what is there"
    return UnauthorizedError(
        f"{subject.host} does not show {name} without a login: it is private, or does not exist.",
        f"Check the name, or log in: {subject.login}.",
    )


def withheld(host: str, realm: str = "another host") -> RegistryError:
    """Return the error for a login that was not sent, as it might have got into wrong hands."""
    return RegistryError(
        f"The registry {host} wants its logins sent to {realm}, which is not known to belong to "
        "it: the login was not sent.",
        "If that is right, an administrator can allow it: "
        f'c.GpuContainers.trusted_realms = {{"{host}": ["{realm}"]}}',
    )


def no_access(subject: Subject, words: str = "") -> ForbiddenError:
    """Return the error for a login that is right, but not good enough."""
    if subject.username is None:
        return ForbiddenError(
            f"{subject.host} refuses {subject.name or 'the request'}.{words}",
            f"It may be open to others: log in with {subject.login}, or ask its owner.",
        )
    return ForbiddenError(
        f"{subject.host} gives {subject.username} no access to {subject.name or 'it'}, or it does "
        f"not exist.{words}",
        f"Check the name, ask its owner for access, or log in as somebody else: {subject.login}.",
    )


def refusal(response: Response, subject: Subject) -> RegistryError:
    """Return the error for an answer that is not what was asked for."""
    code, message = _said(response.body)
    words = _words(message, subject.secrets)
    match response.status:
        case 401 if subject.username is None:
            return login_wanted(subject)
        case 401:
            return no_access(subject, words)
        case 403 | 451:
            return no_access(subject, words)
        case 404:
            return _unknown(code, subject, words)
        case 429:
            return _limited(response, subject, words)
        case status if status >= 500:
            return RegistryError(
                f"The registry {subject.host} is out of order: HTTP status {status}.{words}",
                "Try again later.",
            )
        case status:
            return RegistryError(
                f"The registry {subject.host} refused with HTTP status {status}.{words}"
            )


def retry_after(response: Response) -> float | None:
    """Return the seconds that an answer asks to wait; None where it does not."""
    text = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", text, re.ASCII):
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    return max(0.0, (when - datetime.now(timezone.utc)).total_seconds())


def _limited(response: Response, subject: Subject, words: str) -> RateLimitedError:
    seconds = retry_after(response)
    when = "" if seconds is None else f" It asks to wait {_duration(seconds)}."
    hint = "Wait, and try again."
    if subject.username is None:
        hint = f"Wait, or log in: {subject.login} often raises the limit."
    return RateLimitedError(
        f"{subject.host} limits how much may be asked for, and the limit is reached.{when}{words}",
        hint,
        retry_after=seconds,
    )


def _unknown(code: str, subject: Subject, words: str) -> TagUnknownError:
    what = "no such image" if code == "NAME_UNKNOWN" else "no such tag"
    if not subject.name:
        return TagUnknownError(f"There is no registry at {subject.host}.", "Check the host.")
    if not code:
        what = "nothing"
        words = ""
    return TagUnknownError(
        f"{subject.host} has {what} under {subject.name}.{words}",
        "Check the name and the tag.",
    )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"


def _said(body: bytes) -> tuple[str, str]:
    """Return code and message of the first error (distribution API), or of a token server."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(said, dict):
        return "", ""
    errors = said.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else said
    if not isinstance(first, dict):
        return "", ""
    message = first.get("message") or first.get("details") or first.get("error_description") or ""
    return str(first.get("code") or ""), message if isinstance(message, str) else ""


def _words(message: str, secrets: Iterable[str]) -> str:
    """Return the registry's own words as a sentence's end, without what must not be said."""
    for secret in secrets:
        message = message.replace(secret, "***") if secret else message
    text = " ".join("".join(c if c.isprintable() else " " for c in message).split())[:200]
    return f" It says: “{text}”." if text else ""
