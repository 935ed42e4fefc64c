"""Translates what docker-py, requests and the engine say into this product's errors.

`TRANSLATIONS` names every exception of ``docker.errors`` and ``requests.exceptions``; a test fails
when one of these packages grows an exception that is not considered here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests.exceptions
import urllib3.exceptions
from docker import errors

from jupyter_gpu_containers.errors import (
    EngineError,
    EnginePermissionError,
    EngineUnreachableError,
    GpuContainersError,
)

from .words import RESTART, engine_said

Translation = Callable[[BaseException, str], GpuContainersError]

START_ENGINE = (
    "Start it with `sudo systemctl start docker`, or install one: `sudo apt install docker.io`."
)
NAMED_BY_VARIABLE = (
    "DOCKER_HOST names it. Start that engine, or `unset DOCKER_HOST` to use this machine's own."
)
JOIN_GROUP = 'Run `sudo usermod -aG docker "$USER"`, then log out and in again.'


def unreachable(where: str = "", hint: str = START_ENGINE) -> EngineUnreachableError:
    """Return the error for "nobody answers"."""
    place = f" at {where}" if where else ""
    return EngineUnreachableError(f"No container engine answers{place}.", hint)


def not_permitted(where: str = "") -> EnginePermissionError:
    """Return the error for "the socket refuses this user"."""
    place = f" at {where}" if where else ""
    return EnginePermissionError(
        f"You are not allowed to use the container engine{place}.", JOIN_GROUP
    )


@contextmanager
def translated(subject: str = "") -> Iterator[None]:
    """Translate everything that leaves the block; bugs keep their own type and traceback.

    Parameters
    ----------
    subject : str
        What the request was about: an image reference or a container id.
    """
    try:
        yield
    except GpuContainersError:
        raise
    except Exception as exc:
        error = translate(exc, subject)
        if error is None:
            raise
        raise error from exc


def translate(exc: BaseException, subject: str = "") -> GpuContainersError | None:
    """Return this product's error for a foreign exception; None where it is a bug of ours."""
    for cls in type(exc).__mro__:
        if cls in TRANSLATIONS:
            translation = TRANSLATIONS[cls]
            return translation(exc, subject) if translation else None
    return None


def _connection(exc: BaseException, subject: str) -> GpuContainersError:
    chain = set(_causes(exc))
    if any(isinstance(cause, PermissionError) for cause in chain):
        return not_permitted()
    return unreachable()


def _timeout(exc: BaseException, subject: str) -> GpuContainersError:
    return EngineUnreachableError("The container engine did not answer in time.", RESTART)


def _docker(exc: BaseException, subject: str) -> GpuContainersError:
    # docker-py wraps a connection that failed while it asks for the API version
    for cause in _causes(exc):
        if isinstance(cause, errors.APIError):
            return _api(cause, subject)
        if isinstance(cause, requests.exceptions.Timeout):
            return _timeout(cause, subject)
        if isinstance(cause, (OSError, urllib3.exceptions.HTTPError)):
            return _connection(exc, subject)
    return _words(exc, subject)


def _words(exc: BaseException, subject: str) -> GpuContainersError:
    said = f"The container engine's answer cannot be used: {exc}.".replace("..", ".")
    return EngineError(said, RESTART)


def _address(exc: BaseException, subject: str) -> GpuContainersError:
    return bad_address(exc)


def bad_address(exc: BaseException) -> EngineUnreachableError:
    """Return the error for an engine's address that cannot be one."""
    return EngineUnreachableError(
        f"The container engine's address cannot be used: {exc}.",
        "Check DOCKER_HOST, for example unix:///var/run/docker.sock.",
    )


def _api(exc: BaseException, subject: str) -> GpuContainersError:
    assert isinstance(exc, errors.APIError)
    said = str(exc.explanation or exc).strip()
    status = exc.status_code or 0
    return engine_said(said, status, subject)


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Walk an exception's causes, contexts and arguments: urllib3 puts causes into ``args``."""
    seen: set[int] = set()
    todo: list[object] = [exc]
    while todo:
        item = todo.pop()
        if not isinstance(item, BaseException) or id(item) in seen:
            if isinstance(item, (tuple, list)):
                todo.extend(item)
            continue
        seen.add(id(item))
        yield item
        todo += [item.args, item.__cause__, item.__context__, getattr(item, "reason", None)]


_BUG: Translation | None = None  # our own mistake: it keeps its type and traceback

TRANSLATIONS: dict[type[BaseException], Translation | None] = {
    # docker.errors
    errors.DockerException: _docker,
    errors.APIError: _api,
    errors.NotFound: _api,
    errors.ImageNotFound: _api,
    errors.InvalidVersion: _docker,
    errors.InvalidRepository: _words,
    errors.InvalidConfigFile: _words,
    errors.TLSParameterError: _address,
    errors.StreamParseError: _words,
    errors.ContainerError: _words,
    errors.BuildError: _words,
    errors.ImageLoadError: _words,
    errors.MissingContextParameter: _address,
    errors.ContextAlreadyExists: _address,
    errors.ContextException: _address,
    errors.ContextNotFound: _address,
    errors.InvalidArgument: _BUG,
    errors.DeprecatedMethod: _BUG,
    errors.NullResource: _BUG,
    # requests.exceptions
    requests.exceptions.RequestException: _connection,
    requests.exceptions.ConnectionError: _connection,
    requests.exceptions.HTTPError: _words,
    requests.exceptions.Timeout: _timeout,
    requests.exceptions.ConnectTimeout: _timeout,
    requests.exceptions.ReadTimeout: _timeout,
    requests.exceptions.ProxyError: _connection,
    requests.exceptions.SSLError: _connection,
    requests.exceptions.ChunkedEncodingError: _connection,
    requests.exceptions.ContentDecodingError: _words,
    requests.exceptions.StreamConsumedError: _BUG,
    requests.exceptions.RetryError: _connection,
    requests.exceptions.UnrewindableBodyError: _BUG,
    requests.exceptions.URLRequired: _BUG,
    requests.exceptions.TooManyRedirects: _address,
    requests.exceptions.MissingSchema: _address,
    requests.exceptions.InvalidSchema: _address,
    requests.exceptions.InvalidURL: _address,
    requests.exceptions.InvalidProxyURL: _address,
    requests.exceptions.InvalidHeader: _BUG,
    requests.exceptions.InvalidJSONError: _words,
    requests.exceptions.JSONDecodeError: _words,
    # below requests, met while a stream is read
    json.JSONDecodeError: _words,
    urllib3.exceptions.HTTPError: _connection,
    urllib3.exceptions.TimeoutError: _timeout,
    OSError: _connection,
}
