"""``login`` and ``logout``: the secret comes from the terminal or a pipe, never from argv."""

from __future__ import annotations

import getpass
import sys
import warnings
from typing import Any

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.image.registry_host import default_username, parse_registry_host
from jupyter_gpu_containers.service.services import Services

from .ending import asking
from .outcome import Outcome

LONGEST = 16384  # characters of a secret, as in the contract


async def login(services: Services, arguments: Any) -> Outcome:
    """``login``: schema ``Login`` of the contract. The registry is asked before it is kept."""
    host = parse_registry_host(arguments.host)
    username = arguments.username or default_username(host)
    asks_key = username is not None and not arguments.username
    if username is None:
        username = _ask(f"User name for {host}: ", hidden=False)
    if arguments.password_stdin:
        with asking():
            secret = sys.stdin.readline(LONGEST + 2).rstrip("\r\n")
    else:
        what = "API key" if asks_key else "Password or token"
        secret = _ask(f"{what} for {host}: ", hidden=True)
    if not secret or len(secret) > LONGEST:
        raise InvalidRequestError(
            "No secret was given." if not secret else f"It is longer than {LONGEST} characters.",
            f"jupyter gpu-containers login {host}, or give it with --password-stdin.",
        )
    kept_in = await services.logins.login(host, username, secret)
    model = {"host": host, "username": username, "kept_in": kept_in}
    return Outcome(model, lambda style: f"Logged in to {host} as {username}; kept in {kept_in}.")


async def logout(services: Services, arguments: Any) -> Outcome:
    """``logout``: without a login it says so, and is no failure."""
    host = parse_registry_host(arguments.host)
    erased = await services.logins.logout(host)
    text = f"Logged out of {host}." if erased else f"There is no login to {host}."
    return Outcome({"host": host, "erased": erased}, lambda style: text)


def _ask(prompt: str, *, hidden: bool) -> str:
    """Ask on the terminal; without one a secret would be shown, or a script would hang."""
    try:
        if not hidden:
            if not sys.stdin.isatty():
                raise EOFError
            print(prompt, end="", file=sys.stderr, flush=True)
            with asking():
                return sys.stdin.readline().strip()
        with asking(), warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(prompt)
    except (EOFError, getpass.GetPassWarning) as exc:
        raise InvalidRequestError(
            "There is no terminal to ask on.",
            "Give the user name with --username, and the secret with --password-stdin.",
        ) from exc
