"""What all handlers share: services, bodies, and errors as HTTP status and JSON."""

from __future__ import annotations

import asyncio
import json
import math
import re
from http.client import responses
from typing import Any
from urllib.parse import urlsplit

from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.handler import ExtensionHandlerMixin
from jupyter_server.utils import url_path_join
from tornado.web import HTTPError

from jupyter_gpu_containers.errors import (
    ConflictError,
    ForbiddenError,
    GpuContainersError,
    InvalidRequestError,
    NotFoundError,
    PolicyError,
    RateLimitedError,
    TagUnknownError,
    UnauthorizedError,
    UnavailableError,
)
from jupyter_gpu_containers.service.pacing import next_turn
from jupyter_gpu_containers.service.services import Services

from . import answers, contract

_MADE_UP = re.compile("[0-9a-f]{32}")  # name of an anonymous user (jupyter_server.auth.identity)
MAX_BODY = 64 << 10  # bytes
MAX_DEPTH = 16  # lists and objects in each other
PREFIX = "/gpu-containers"

# RFC 9110 section 15; what is not here is 500: a kernel that did not come up, or a bug. 401 is
# never a registry's here: to the page it means that Jupyter's own login has ended.
STATUS = (
    (TagUnknownError, 404),
    (UnauthorizedError, 403),
    (ForbiddenError, 403),
    (PolicyError, 403),
    (RateLimitedError, 429),
    (InvalidRequestError, 422),
    (NotFoundError, 404),
    (ConflictError, 409),
    (UnavailableError, 503),
)
_HTTP_ERRORS = {
    400: ("malformed_request", "The request cannot be read."),
    403: ("forbidden", "This request is not allowed."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not know this method."),
    413: ("request_too_large", "The request is too large."),
}


def http_status(error: BaseException) -> int:
    """Return the HTTP status of an error."""
    if isinstance(error, HTTPError):
        return int(error.status_code)
    return next((status for category, status in STATUS if isinstance(error, category)), 500)


def read_json(body: bytes) -> Any:
    """Return what a body says in JSON as RFC 8259 has it, without what Python allows beyond.

    Raises
    ------
    tornado.web.HTTPError
        400: it is not JSON, or nests deeper than anything of the contract, or holds half of a
        character (RFC 8259 section 8.2), which nobody could write down who gets it.
    """
    try:
        value = json.loads(body, parse_constant=_no_number)
        if _deeper(value, MAX_DEPTH):
            raise HTTPError(400, f"The body nests deeper than {MAX_DEPTH} levels.")
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as exc:
        raise HTTPError(400, "The body is not JSON.") from exc
    return value


def _deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects nest deeper; without recursion, whose limit they may be near."""
    level = [value]
    for _ in range(levels + 1):
        nested = [one for one in level if isinstance(one, dict | list)]
        level = [
            inner for one in nested for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return bool(nested)


def _is_url(text: str) -> bool:
    try:
        urlsplit(text)
    except ValueError:
        return False
    return True


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


class BaseHandler(ExtensionHandlerMixin, APIHandler):
    """A handler of ours: JSON in and out, authorised as resource ``gpu-containers``.

    Methods of subclasses are decorated ``@web.authenticated @authorized``, in this order: the
    server's own check looks at the outermost decorator.
    """

    auth_resource = "gpu-containers"

    @property
    def services(self) -> Services:
        """The process's object graph."""
        services: Services = self.settings["gpu_containers"]
        return services

    def set_default_headers(self) -> None:
        """Keep browsers from guessing that an answer is a page, and from keeping it."""
        super().set_default_headers()
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse an Origin or Referer that is no URL: Jupyter Server stumbles over them."""
        await next_turn()  # of many requests at once each is worked on in a turn of the loop
        headers = self.request.headers
        wrong = [name for name in ("Origin", "Referer") if not _is_url(headers.get(name, ""))]
        for name in wrong:
            del headers[name]  # the log of requests would read it once more
        if wrong:
            raise HTTPError(400, f"The header {wrong[0]} is not a URL.")
        await super().prepare()

    @property
    def user(self) -> str:
        """Login name of who asks; "" where the server does not tell people apart.

        Jupyter's own identity provider makes a new anonymous person for each browser and client.
        """
        user = self.current_user
        name = str(getattr(user, "username", "") or "")
        anonymous = str(getattr(user, "name", "")).startswith("Anonymous ")
        return "" if anonymous and _MADE_UP.fullmatch(name) else name

    def body(self, schema: str) -> dict[str, Any]:
        """Return the JSON body, checked against a schema of openapi.yaml.

        Raises
        ------
        tornado.web.HTTPError
            400: not JSON; 413: too large.
        InvalidRequestError
            It is JSON, but not what the schema allows.
        """
        if len(self.request.body) > MAX_BODY:
            raise HTTPError(413, f"The body is larger than {MAX_BODY} bytes.")
        return contract.validate(schema, read_json(self.request.body))

    def query(self, path: str) -> dict[str, Any]:
        """Return the query's values as the contract has them for a path, with its defaults.

        Raises
        ------
        InvalidRequestError
            One is missing, or not what its schema allows.
        """
        method = str(self.request.method).lower()
        return contract.query(path, method, lambda name: self.get_query_argument(name, None))

    def created(self, status: int, model: dict[str, Any], *path: str) -> None:
        """Finish with 201 or 202 and the address of what was made."""
        self.set_status(status)
        self.set_header("Location", url_path_join(self.base_url, PREFIX, *path))
        self.finish(model)

    async def answer(
        self,
        model: dict[str, Any] | str,
        *,
        compress: bool = True,
        media_type: str = "application/json",
    ) -> None:
        """Finish with what pages ask for again: 304 where theirs is the same, gzip where it pays.

        Parameters
        ----------
        model : dict or str
        compress : bool
            False where somebody else's secrets may be in it (a kernel's output): its length would
            tell of them to who can have words of his own put beside them.
        media_type : str
            Of a text.
        """
        body = model.encode() if isinstance(model, str) else answers.encoded(model)
        self.set_header("ETag", answers.etag(body))
        if compress:
            self.set_header("Vary", "Accept-Encoding")
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
            return
        accepted = self.request.headers.get("Accept-Encoding", "")
        if compress and len(body) >= answers.WORTH and answers.takes_gzip(accepted):
            body = await asyncio.to_thread(answers.compressed, body)
            self.set_header("Content-Encoding", "gzip")
        self.finish(body, set_content_type=media_type)

    def compute_etag(self) -> str | None:
        """Give none to other answers: tornado would hash each of them, logs and all."""
        return None

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Give our errors their status; the exception is in ``exc_info`` (tornado)."""
        error = _exception(kwargs)
        if isinstance(error, GpuContainersError):
            status_code = http_status(error)
            kwargs.pop("reason", None)
        super().send_error(status_code, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer ``{code, message, hint}`` in every case."""
        error = _exception(kwargs)
        if isinstance(error, GpuContainersError):
            model = error.as_dict()
            if isinstance(error, RateLimitedError) and error.retry_after is not None:
                self.set_header("Retry-After", str(math.ceil(error.retry_after)))
        else:
            code, message = _HTTP_ERRORS.get(
                status_code, ("internal_error", f"{responses.get(status_code, 'Error')}.")
            )
            if isinstance(error, HTTPError) and error.log_message and status_code != 404:
                message = error.log_message
            hint = "This is a bug; please report it with the server's log." * (status_code == 500)
            model = {"code": code, "message": message, "hint": hint}
        self.finish(model)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log our errors by a line; anything else is a bug and keeps its traceback."""
        if isinstance(value, GpuContainersError):
            self.log.warning("%s: %s", value.error_code, value)
        else:
            super().log_exception(typ, value, tb)


def _exception(kwargs: dict[str, Any]) -> BaseException | None:
    exc_info = kwargs.get("exc_info")
    error: BaseException | None = exc_info[1] if exc_info else None
    return error
