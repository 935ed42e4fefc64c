"""Requests of people who may do nothing: without a token, with a wrong one, from other origins."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import requests

from tests.servers import PATIENCE, Server

from .hostile_targets import EFFECTIVE, PREFIX, Target, targets
from .raw_http import Headers, Request

CHANGING = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Credentials:
    """What the owner of a server has."""

    token: str
    cookie: str  # of a browser that logged in, with that of XSRF
    xsrf: str

    @classmethod
    def of(cls, server: Server) -> Credentials:
        """Log in as a browser does."""
        with requests.Session() as browser:
            for page in ("login", f"api/status?token={server.token}"):
                browser.get(f"{server.url}/{page}", timeout=PATIENCE, allow_redirects=False)
            cookies = browser.cookies.get_dict()
        assert any(name.startswith("username-") for name in cookies), cookies
        text = "; ".join(f"{name}={value}" for name, value in cookies.items())
        return cls(server.token, text, str(cookies["_xsrf"]))

    def headers(self) -> Headers:
        """Return what authorises a request."""
        return (("Authorization", f"token {self.token}"),)


def disguise(rng: random.Random, request: Request, owner: Credentials) -> Request:
    """Return the request as somebody sends it who may not; in one of many ways."""
    login = re.sub(r"_xsrf=[^;]*(; )?", "", owner.cookie)
    tampered = owner.cookie.replace(owner.cookie[-1], "0" if owner.cookie[-1] != "0" else "1")
    # version|mask|masked token|time: what counts of it is the masked token
    version, mask, masked, since = owner.xsrf.split("|")
    wrong = "|".join((version, mask, masked[::-1] + "0", since))
    ways: list[Headers] = [
        *((), (("Authorization", ""),), (("Authorization", "token "),)),
        (("Authorization", "token " + "0" * len(owner.token)),),
        (("Authorization", f"token {owner.token[:-1]}"),),
        (("Authorization", f"token {owner.token}0"),),
        (("Authorization", f"token x{owner.token}"),),
        (("Authorization", f"token {owner.token}, token {owner.token}"),),
        (("Authorization", "token wrong"), ("Authorization", f"token {owner.token}")),
        (("Authorization", f"Basic {owner.token}"),),
        (("Authorization", f"Bearer {owner.token[::-1]}-"),),
        (("Authorization", "token \xff\xe9\x80"),),
        (("Authorization", "token " + "a" * 5000),),
        (("X-Authorization", f"token {owner.token}"),),
        (("Cookie", "username-127-0-0-1=2|1:0|10:0|0:|44:x|0"),),
        (("Cookie", f"_xsrf={owner.xsrf}"), ("X-XSRFToken", owner.xsrf)),
        (("Cookie", tampered[: len(tampered) // 2]),),
        (("Cookie", owner.cookie), ("Origin", "http://evil.example")),
        (("Cookie", login), ("Origin", "null"), ("X-XSRFToken", "made up")),
    ]
    # Jupyter Server's own addresses stumble over some, which is not looked at here: they answer
    # 500 to an Origin that is no URL, and log a traceback for a token that is no UTF-8.
    if request.target.startswith(f"{PREFIX}/"):
        ways.append((("Cookie", owner.cookie), ("Origin", "http://[")))
    if request.method in CHANGING:
        ways += [
            (("Cookie", owner.cookie),),  # and no header with the XSRF token
            (("Cookie", owner.cookie), ("X-XSRFToken", "")),
            (("Cookie", owner.cookie), ("X-XSRFToken", wrong)),
            (
                ("Cookie", owner.cookie),
                ("X-XSRFToken", owner.xsrf),
                ("Origin", "http://evil.example"),
            ),
            (("Cookie", login), ("X-XSRFToken", owner.xsrf)),
        ]
    way = rng.choice(ways)
    target = request.target
    ours = target.startswith(f"{PREFIX}/")
    if rng.random() < 0.1 and ours and "?" not in target and "#" not in target:
        target += "?token=" + rng.choice(["", "wrong", "%00", "%ff", owner.token[1:], "a&token=b"])
    return replace(request, target=target, headers=(*way, *request.headers))


def effective(seed: int, there: dict[str, str]) -> Iterator[Request]:
    """Yield requests that would change something, each operation in turn, without an end.

    Parameters
    ----------
    there : dict
        What there is to be changed, by `Target.slots`.
    """
    rng = random.Random(seed)
    changing = [one for one in targets() if one.changes]
    reading = [one for one in targets() if not one.changes]
    while True:
        for target in [*changing, rng.choice(reading)]:
            for body in target.bodies(EFFECTIVE):
                yield _request(rng, target, body, there)


def _request(rng: random.Random, target: Target, body: bytes, there: dict[str, str]) -> Request:
    kinds = ("application/json", "text/plain", "application/x-www-form-urlencoded")
    address = target.address(there)
    if target.method == "delete" and "force" in target.queries:
        address += rng.choice(["", "?force=true"])
    headers = (("Content-Type", rng.choice(kinds)),)
    return Request("without authorisation", target.method.upper(), address, headers, body)
