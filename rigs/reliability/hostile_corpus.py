"""A hostile corpus: what no client sends that means well, made anew by a generator with a seed."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from dataclasses import replace

from . import hostile_bodies
from .hostile_bodies import (
    JSON,
    Recipe,
    body_where_none_belongs,
    deep_nesting,
    hostile_text,
    hostile_value,
    plain,
)
from .hostile_targets import ABSENT_VALUES, HARMLESS, PREFIX, Target, any_body, targets
from .hostile_values import METHODS, QUERIES, SEGMENTS
from .raw_http import Request


def corpus(seed: int) -> Iterator[Request]:
    """Yield requests without an end, recipes and operations in turn; the same for the same seed."""
    rng = random.Random(seed)
    operations = list(targets())
    changing = [one for one in operations if (one.method, one.path) in HARMLESS]
    while True:
        for recipe in RECIPES:
            about = rng.choice(changing if recipe in WITH_BODY else operations)
            request = recipe(rng, about)
            yield replace(request, kind=recipe.__name__.strip("_").replace("_", " "))


# --- addresses --------------------------------------------------------------------------------


def wrong_method(rng: random.Random, target: Target) -> Request:
    return replace(plain(rng, target), method=rng.choice(METHODS))


def head_or_options(rng: random.Random, target: Target) -> Request:
    request = plain(rng, target, b"")
    asks = (("Access-Control-Request-Method", "DELETE"), ("Origin", "http://evil.example"))
    return replace(request, method=rng.choice(["HEAD", "OPTIONS"]), headers=rng.choice([(), asks]))


def path_trick(rng: random.Random, target: Target) -> Request:
    values = {key: rng.choice([value, "@"]) for key, value in ABSENT_VALUES.items()}
    address = target.address(values)
    parts = address.split("/")
    for _ in range(rng.randint(1, 2)):
        parts.insert(rng.randint(2, len(parts)), rng.choice(SEGMENTS))
    return replace(plain(rng, target), target="/".join(parts).encode().decode("latin-1"))


def hostile_name(rng: random.Random, target: Target) -> Request:
    address = target.address(dict.fromkeys(ABSENT_VALUES, "NAME"))
    name = rng.choice(
        [*SEGMENTS, "".join(f"%{rng.randrange(256):02x}" for _ in range(rng.randint(1, 9)))]
    )
    return replace(
        plain(rng, target), target=address.replace("NAME", name).encode().decode("latin-1")
    )


def overlong_address(rng: random.Random, target: Target) -> Request:
    request = plain(rng, target)
    return replace(
        request, target=request.target + rng.choice("/?") + "a" * rng.choice([2000, 8000, 50000])
    )


def query_garbage(rng: random.Random, target: Target) -> Request:
    request = plain(rng, target)
    query = rng.choice(QUERIES)
    if target.queries and rng.random() < 0.5:
        value = "".join(f"%{rng.randrange(256):02x}" for _ in range(rng.randint(1, 20)))
        query = f"?{rng.choice(target.queries)}={value}"
    return replace(request, target=request.target + query)


def other_form_of_target(rng: random.Random, target: Target) -> Request:
    address = target.address(ABSENT_VALUES)
    forms = (
        *(f"http://evil.example{address}", f"//evil.example{address}", "*", "evil.example:443"),
        *(
            f"/{address}",
            address.upper(),
            address + "/",
            f"{PREFIX}/openapi.yaml/..",
            f"{PREFIX}.",
            PREFIX,
        ),
        *(
            f"{PREFIX}/%2e%2e/api/kernels",
            f"{PREFIX}/../api/kernels",
            f"{PREFIX}//status",
            f"{PREFIX}/",
        ),
    )
    return replace(plain(rng, target), target=rng.choice(forms))


# --- headers ----------------------------------------------------------------------------------


def header_trick(rng: random.Random, target: Target) -> Request:
    tricks = (
        *(
            ("X-Forwarded-For", "127.0.0.1"),
            ("X-Forwarded-Proto", "ftp"),
            ("X-HTTP-Method-Override", "DELETE"),
        ),
        *(("Range", "bytes=0-1,5-,-1"), ("If-None-Match", "*"), ("If-None-Match", '"' * 500)),
        *(
            ("If-Modified-Since", "yesterday"),
            ("Accept", "text/html;q=nan"),
            ("Accept", "\xff\x80"),
        ),
        *(
            ("Accept-Language", "x" * 3000),
            ("Accept-Encoding", "gzip;q=-1, *;q=0"),
            ("Cookie", "=;=;;" * 200),
        ),
        *(
            ("Cookie", 'a="\\400\\"'),
            ("Cookie", "_xsrf=2|zz|zz|1"),
            ("X-XSRFToken", "\xff"),
            ("User-Agent", ""),
        ),
        *(("Upgrade", "websocket"), ("Connection", "Upgrade, close"), ("Expect", "100-continue")),
        *(
            ("Expect", "magic"),
            ("Referer", "http://["),
            ("Origin", "http://["),
            ("Date", "0"),
            ("X" * 500, "x" * 500),
        ),
        *(
            ("X-Long", "y" * 30000),
            ("Transfer-Encoding", "identity"),
            ("Max-Forwards", "0"),
            ("Via", ",,,"),
        ),
    )
    return replace(plain(rng, target), headers=tuple(rng.sample(tricks, rng.randint(1, 3))))


def many_headers(rng: random.Random, target: Target) -> Request:
    count = rng.choice([100, 800])
    return replace(plain(rng, target), headers=tuple((f"X-{n}", "v" * 40) for n in range(count)))


def other_host(rng: random.Random, target: Target) -> Request:
    hosts = (
        "evil.example",
        "",
        "127.0.0.1:0",
        "localhost:99999",
        "[::1",
        "a b",
        "\xff",
        "127.0.0.1@evil",
    )
    request = plain(rng, target)
    return replace(request, headers=(("Host", rng.choice(hosts)),), answered=False)


# --- HTTP itself ------------------------------------------------------------------------------


def http_1_0(rng: random.Random, target: Target) -> Request:
    return replace(plain(rng, target), version="HTTP/1.0")


def other_version(rng: random.Random, target: Target) -> Request:
    versions = (
        "HTTP/2.0",
        "HTTP/1.10",
        "HTTP/0.9",
        "HTTP/",
        "",
        "HTTP/1.1 x",
        "ICY/1.0",
        "http/1.1",
    )
    return replace(plain(rng, target), version=rng.choice(versions), answered=False)


def chunked(rng: random.Random, target: Target) -> Request:
    """A body in chunks, which is allowed."""
    body, text = any_body(rng, target), b""
    while body:
        size = rng.randint(1, len(body))
        text += b"%x\r\n%s\r\n" % (size, body[:size])
        body = body[size:]
    headers = (*JSON, ("Transfer-Encoding", "chunked"))
    return replace(plain(rng, target, text + b"0\r\n\r\n"), headers=headers, framed=False)


def broken_chunks(rng: random.Random, target: Target) -> Request:
    texts = (
        b"zz\r\n{}\r\n0\r\n\r\n",
        b"-2\r\n{}\r\n",
        b"ffffffffffffffff\r\n{}",
        b"2\r\n{}0\r\n\r\n",
        b"2;a=b\r\n{}",
    )
    texts = (
        *texts,
        b"",
        b"\r\n",
        b"0x2\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}\r\n0\r\nX: y\r\n\r\n",
        b"1" * 5000,
    )
    headers = (*JSON, ("Transfer-Encoding", "chunked"))
    request = plain(rng, target, rng.choice(texts))
    return replace(request, headers=headers, framed=False, answered=False)


def wrong_length(rng: random.Random, target: Target) -> Request:
    lengths = ("-1", "1e3", "+2", "0x10", "", "99999999999", "9" * 40, "1, 2", "2 2", "\xb2")
    both = (
        (
            "Transfer-Encoding",
            rng.choice(["chunked", "gzip, chunked", "chunked, chunked", "xchunked"]),
        ),
    )
    headers = (*JSON, ("Content-Length", rng.choice(lengths)), *rng.choice([(), both]))
    request = replace(plain(rng, target), headers=headers, framed=False, answered=False)
    return (
        replace(request, headers=(*headers, ("Content-Length", "2")))
        if rng.random() < 0.2
        else request
    )


def second_request_in_the_body(rng: random.Random, target: Target) -> Request:
    inner = f"DELETE {PREFIX}/environments/kept HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    headers = (*JSON, ("Content-Length", "2"))
    if rng.random() < 0.5:
        headers = (*headers, ("Transfer-Encoding", "chunked"))
    return replace(plain(rng, target, b"{}" + inner), headers=headers, framed=False, answered=False)


def gone_before_the_answer(rng: random.Random, target: Target) -> Request:
    whole = rng.random() < 0.5
    headers = JSON if whole else (*JSON, ("Content-Length", "5000"))
    request = replace(plain(rng, target), headers=headers, framed=whole)
    return replace(request, answered=False, abandoned=True)


def not_http(rng: random.Random, target: Target) -> Request:
    printable = "".join(rng.choices(string.printable, k=rng.randint(1, 60)))
    lines = (
        "PRI * HTTP/2.0",
        "\x16\x03\x01\x02\x00\x01",
        "SSH-2.0-x",
        "",
        " ",
        printable,
        "GET",
        "\x00" * 50,
    )
    request = replace(plain(rng, target, b""), method=rng.choice(lines), target="", version="")
    return replace(request, answered=False)


def bad_header_line(rng: random.Random, target: Target) -> Request:
    pairs = (
        ("X\x00", "a"),
        ("X", "a\x00b"),
        ("X\nY", "a"),
        (" X", "a"),
        ("X ", "a"),
        ("X:", "a"),
        ("é", "a"),
    )
    more = (
        ("X", "a\r\n folded"),
        ("X", "a\rb"),
        ("X", "y" * 70000),
        ("(", "a"),
        ("X\r\n\r\n", "a"),
    )
    request = replace(plain(rng, target), headers=(rng.choice([*pairs, *more]),))
    return replace(request, answered=False)


WITH_BODY: tuple[Recipe, ...] = (
    *hostile_bodies.RECIPES,
    *(chunked, broken_chunks, wrong_length, second_request_in_the_body),
)
RECIPES: tuple[Recipe, ...] = (
    *WITH_BODY,
    *(hostile_value, hostile_value, hostile_text, hostile_text, deep_nesting),
    *(body_where_none_belongs, wrong_method, head_or_options, path_trick, path_trick, hostile_name),
    *(hostile_name, overlong_address, query_garbage, query_garbage, other_form_of_target),
    *(header_trick, header_trick, many_headers, other_host, http_1_0, other_version),
    *(gone_before_the_answer, not_http, bad_header_line),
)
