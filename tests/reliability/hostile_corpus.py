"""A hostile corpus: what no client sends that means well, made anew by a generator with a seed."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from .hostile_targets import ABSENT_VALUES, HARMLESS, PREFIX, Target, any_body, targets
from .raw_http import Request

Recipe = Callable[[random.Random, Target], Request]

JSON = (("Content-Type", "application/json"),)
BODIES = (  # nothing of it is an object that the contract knows
    *(
        b"",
        b"{",
        b"}",
        b"nul",
        b"{'a': 1}",
        b'{"a":}',
        b'{"a" 1}',
        b"[",
        b'"',
        b"{}{}",
        b"{},",
        b"0",
    ),
    *(
        b"null",
        b"true",
        b'""',
        b"[]",
        b"[{}]",
        b"-",
        b"+1",
        b"01",
        b"1e",
        b".5",
        b"NaN",
        b"-Infinity",
    ),
    *(
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"\x00",
        b"{}\x00",
        b"\x1f\x8b\x08\x00",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
    ),
    *(
        b'"\\ud800"',
        b'{"\\u0000": 1}',
        b'{"a": "\t"}',
        b"{/**/}",
        b"// x\n{}",
        b"<xml/>",
        b"a=1&b=2",
    ),
    *("{}".encode("utf-16"), "{}".encode("utf-32"), '{"image": "é"}'.encode("latin-1")),
    b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\na\r\n--x--\r\n',
)
VALUES: tuple[Any, ...] = (  # for a field that wants something else, or no such thing
    *(None, True, False, 0, -1, 1.0, 0.5, -0.0, 2**31, 2**63, 2**64, -(2**63), 10**30, 10**4000),
    *(1e308, 1e30, float("inf"), float("-inf"), float("nan"), "", " ", "\x00", "a\x00b", "\ud800"),
    *("a\udfff", "\u202e", "\ufeff", "é" * 300, "💥" * 50, "a" * 5000, "\n", "a\r\nX-Injected: 1"),
    *(
        "../../../etc/passwd",
        "/etc/passwd",
        "..",
        ".",
        "a/../..",
        "~",
        "~root",
        "file:///etc/passwd",
    ),
    *(
        "$(id)",
        "`id`",
        ";id",
        "|id",
        "${HOME}",
        "%s%n",
        "{0}",
        "{{7*7}}",
        "<script>",
        "' OR 1=1 --",
    ),
    *("--privileged", "-v/:/host", "http://169.254.169.254/", "localhost:1/a", "[::1]:1/a:1"),
    *("sha256:" + "0" * 64, "a@sha256:" + "0" * 64, "A/B:C", "a:" + "b" * 200, "/".join("a" * 200)),
    *([], {}, [[]], [None], {"a": 1}, [1] * 2000, {"__proto__": {}}, [""], ["\ud800"], ["a", "a"]),
)
SEGMENTS = (  # of a path
    *(
        "..",
        "%2e%2e",
        "%2E%2E%2F",
        "..%2f..%2f",
        "%252e%252e",
        ".",
        "%00",
        "a%00b",
        "%0d%0aX: 1",
        "%0a",
    ),
    *(
        "%ff",
        "%c0%ae%c0%ae",
        "%ed%a0%80",
        "%",
        "%zz",
        "%u0000",
        "\\..\\..",
        ";a=b",
        "a;b",
        "*",
        "**",
    ),
    *("'", '"', "<", "|", "`", "$HOME", "{id}", "é", "\xff", "%F0%9F%92%A5", "+", "%20", "-", "~"),
    *(
        "a" * 300,
        "%41" * 100,
        "a:b",
        ":",
        "@",
        "a@b",
        "sha256:" + "0" * 64,
        "//",
        "a//b",
        "con",
        "nul",
    ),
)
QUERIES = (
    *(
        "?",
        "?&",
        "?=",
        "?a",
        "?a=1&a=2",
        "?a[]=1",
        "?%00",
        "?%ff=%ff",
        "?q=%ed%a0%80",
        "?limit=",
        "?q",
    ),
    *("?limit=1e3", "?limit=-1", "?limit=0x10", "?limit=99999999999999999999", "?limit=%C2%B2&q=a"),
    *(
        "?force=yes",
        "?force=TRUE&force=",
        "?q=" + "a" * 3000,
        "?" + "&".join("a" * 400),
        "?q=a;b",
        "?#",
    ),
    *(
        "?repository=../..",
        "?repository=%00",
        "?contains=(((((a+)+)+)+)+$&repository=nvidia/pytorch",
    ),
    *(
        "?repository=a/b&contains=" + "a" * 200,
        "?no_track_activity=1",
        "?a=%0d%0aSet-Cookie:%20a=b",
    ),
)
METHODS = (
    "PUT",
    "TRACE",
    "CONNECT",
    "BREW",
    "get",
    "Post",
    "PROPFIND",
    "M-SEARCH",
    "OPTIONSX",
    "A" * 200,
)
TYPES = (
    *(
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/xml",
        "",
    ),
    *(
        "application/json; charset=utf-16",
        "application/json; charset=no",
        "multipart/form-data; boundary=",
    ),
    *(
        "multipart/form-data; boundary=" + "x" * 500,
        "image/png",
        "\xff",
        ";;;",
        "application/*",
        "json",
    ),
)


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


def _plain(rng: random.Random, target: Target, body: bytes | None = None) -> Request:
    text = any_body(rng, target) if body is None else body
    return Request("", target.method.upper(), target.address(ABSENT_VALUES), JSON, text)


def _fields(rng: random.Random, target: Target) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return a body, the object in it that has a field, and the field."""
    body = json.loads(any_body(rng, target))
    inner = body["build"] if "build" in body and rng.random() < 0.6 else body
    return body, inner, rng.choice(sorted(inner))


# --- bodies -----------------------------------------------------------------------------------


def bad_json(rng: random.Random, target: Target) -> Request:
    return _plain(rng, target, rng.choice(BODIES))


def cut_off_json(rng: random.Random, target: Target) -> Request:
    body = any_body(rng, target)
    return _plain(rng, target, body[: rng.randrange(1, len(body))])


def damaged_json(rng: random.Random, target: Target) -> Request:
    body = bytearray(any_body(rng, target))
    for _ in range(rng.randint(1, 3)):
        body[rng.randrange(len(body))] = rng.randrange(256)
    return _plain(rng, target, bytes(body))


def noise(rng: random.Random, target: Target) -> Request:
    return _plain(rng, target, rng.randbytes(rng.randint(1, 300)))


def deep_nesting(rng: random.Random, target: Target) -> Request:
    # around Python's limit of recursion, where the parser still can what comes after it cannot
    depth = rng.choice([100, rng.randint(150, 1000), rng.randint(800, 1000), 5000, 30000])
    opened, closed = rng.choice([("[", "]"), ('{"a":', "}")])
    deep = opened * depth + "1" + closed * depth
    if rng.random() < 0.4:
        return _plain(rng, target, deep.encode())
    body, inner, field = _fields(rng, target)
    inner[rng.choice([field, "unknown"])] = "DEEP"
    return _plain(rng, target, json.dumps(body).replace('"DEEP"', deep).encode())


def hostile_value(rng: random.Random, target: Target) -> Request:
    body, inner, field = _fields(rng, target)
    inner[field] = rng.choice(VALUES)
    return _plain(rng, target, json.dumps(body).encode())


def hostile_text(rng: random.Random, target: Target) -> Request:
    body, inner, field = _fields(rng, target)
    alphabet = "\x00\x01\x1b\x7f\x85\u2028\u202e\ufeff\ufffe\ud800\udfff💥é./:@-_~%\\\"'<>&;$` aA0"
    inner[field] = "".join(rng.choices(alphabet, k=rng.randint(1, 40)))
    return _plain(rng, target, json.dumps(body).encode())


def huge_number(rng: random.Random, target: Target) -> Request:
    digits = "9" * rng.choice([18, 19, 20, 40, 308, 309, 4300, 4301, 20000])
    number = rng.choice(["", "-"]) + rng.choice(
        [digits, f"{digits}e{digits[:3]}", "1e999", "1e-999"]
    )
    body, inner, field = _fields(rng, target)
    inner[field] = "NUMBER"
    return _plain(rng, target, json.dumps(body).replace('"NUMBER"', number).encode())


def duplicate_keys(rng: random.Random, target: Target) -> Request:
    body = json.loads(any_body(rng, target))
    pairs = [*body.items(), *((key, rng.choice(VALUES)) for key in body)]
    rng.shuffle(pairs)
    text = ", ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in pairs)
    return _plain(rng, target, f"{{{text}}}".encode())


def unknown_field(rng: random.Random, target: Target) -> Request:
    body, inner, _ = _fields(rng, target)
    names = ["", "__class__", "privileged", "\x00", "\ud800", "a" * 3000, "gpus ", "Image", "$ref"]
    inner[rng.choice(names)] = rng.choice(VALUES)
    return _plain(rng, target, json.dumps(body).encode())


def missing_field(rng: random.Random, target: Target) -> Request:
    _, inner, field = _fields(rng, target)
    inner.pop(field)
    return _plain(rng, target, json.dumps(inner).encode())


def overlong_body(rng: random.Random, target: Target) -> Request:
    body, inner, field = _fields(rng, target)
    inner[field] = "x" * rng.choice([65000, 65536, 70000, 300_000])
    return _plain(rng, target, json.dumps(body).encode())


def body_where_none_belongs(rng: random.Random, target: Target) -> Request:
    return replace(
        _plain(rng, target, rng.choice(BODIES) or b"{}"), method=rng.choice(["GET", "DELETE"])
    )


def wrong_content_type(rng: random.Random, target: Target) -> Request:
    encoding = rng.choice([(), (("Content-Encoding", rng.choice(["gzip", "br", "x", "\xff"])),)])
    headers = (("Content-Type", rng.choice(TYPES)), *encoding)
    return replace(_plain(rng, target), headers=headers)


# --- addresses --------------------------------------------------------------------------------


def wrong_method(rng: random.Random, target: Target) -> Request:
    return replace(_plain(rng, target), method=rng.choice(METHODS))


def head_or_options(rng: random.Random, target: Target) -> Request:
    request = _plain(rng, target, b"")
    asks = (("Access-Control-Request-Method", "DELETE"), ("Origin", "http://evil.example"))
    return replace(request, method=rng.choice(["HEAD", "OPTIONS"]), headers=rng.choice([(), asks]))


def path_trick(rng: random.Random, target: Target) -> Request:
    values = {key: rng.choice([value, "@"]) for key, value in ABSENT_VALUES.items()}
    address = target.address(values)
    parts = address.split("/")
    for _ in range(rng.randint(1, 2)):
        parts.insert(rng.randint(2, len(parts)), rng.choice(SEGMENTS))
    return replace(_plain(rng, target), target="/".join(parts).encode().decode("latin-1"))


def hostile_name(rng: random.Random, target: Target) -> Request:
    address = target.address(dict.fromkeys(ABSENT_VALUES, "NAME"))
    name = rng.choice(
        [*SEGMENTS, "".join(f"%{rng.randrange(256):02x}" for _ in range(rng.randint(1, 9)))]
    )
    return replace(
        _plain(rng, target), target=address.replace("NAME", name).encode().decode("latin-1")
    )


def overlong_address(rng: random.Random, target: Target) -> Request:
    request = _plain(rng, target)
    return replace(
        request, target=request.target + rng.choice("/?") + "a" * rng.choice([2000, 8000, 50000])
    )


def query_garbage(rng: random.Random, target: Target) -> Request:
    request = _plain(rng, target)
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
    return replace(_plain(rng, target), target=rng.choice(forms))


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
    return replace(_plain(rng, target), headers=tuple(rng.sample(tricks, rng.randint(1, 3))))


def many_headers(rng: random.Random, target: Target) -> Request:
    count = rng.choice([100, 800])
    return replace(_plain(rng, target), headers=tuple((f"X-{n}", "v" * 40) for n in range(count)))


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
    request = _plain(rng, target)
    return replace(request, headers=(("Host", rng.choice(hosts)),), answered=False)


# --- HTTP itself ------------------------------------------------------------------------------


def http_1_0(rng: random.Random, target: Target) -> Request:
    return replace(_plain(rng, target), version="HTTP/1.0")


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
    return replace(_plain(rng, target), version=rng.choice(versions), answered=False)


def chunked(rng: random.Random, target: Target) -> Request:
    """A body in chunks, which is allowed."""
    body, text = any_body(rng, target), b""
    while body:
        size = rng.randint(1, len(body))
        text += b"%x\r\n%s\r\n" % (size, body[:size])
        body = body[size:]
    headers = (*JSON, ("Transfer-Encoding", "chunked"))
    return replace(_plain(rng, target, text + b"0\r\n\r\n"), headers=headers, framed=False)


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
    request = _plain(rng, target, rng.choice(texts))
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
    request = replace(_plain(rng, target), headers=headers, framed=False, answered=False)
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
    return replace(
        _plain(rng, target, b"{}" + inner), headers=headers, framed=False, answered=False
    )


def gone_before_the_answer(rng: random.Random, target: Target) -> Request:
    whole = rng.random() < 0.5
    headers = JSON if whole else (*JSON, ("Content-Length", "5000"))
    request = replace(_plain(rng, target), headers=headers, framed=whole)
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
    request = replace(_plain(rng, target, b""), method=rng.choice(lines), target="", version="")
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
    request = replace(_plain(rng, target), headers=(rng.choice([*pairs, *more]),))
    return replace(request, answered=False)


WITH_BODY: tuple[Recipe, ...] = (
    *(bad_json, cut_off_json, damaged_json, noise, deep_nesting, hostile_value, hostile_text),
    *(huge_number, duplicate_keys, unknown_field, missing_field, overlong_body),
    *(wrong_content_type, chunked, broken_chunks, wrong_length, second_request_in_the_body),
)
RECIPES: tuple[Recipe, ...] = (
    *WITH_BODY,
    *(hostile_value, hostile_value, hostile_text, hostile_text, deep_nesting),
    *(body_where_none_belongs, wrong_method, head_or_options, path_trick, path_trick, hostile_name),
    *(hostile_name, overlong_address, query_garbage, query_garbage, other_form_of_target),
    *(header_trick, header_trick, many_headers, other_host, http_1_0, other_version),
    *(gone_before_the_answer, not_http, bad_header_line),
)
