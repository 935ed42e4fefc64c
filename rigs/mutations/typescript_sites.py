"""Where a line of TypeScript can be made wrong: by patterns, on lines as prettier writes them."""

from __future__ import annotations

import re
from collections.abc import Callable

from rigs.mutations.python_sites import Site
from rigs.mutations.typescript_mask import BLANK, masked

_OF_TIME = re.compile(r"milliseconds|seconds|\bms\b|timeout|interval|delay|pause|patience", re.I)
_ENDS = (";", "{", "}", ":", BLANK)  # after these a statement begins

_SWAPS = {
    "===": "!==",
    "!==": "===",
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "&&": "||",
    "||": "&&",
    "+": "-",
    "-": "+",
    "true": "false",
    "false": "true",
}


def _swapped(match: re.Match[str]) -> str:
    return _SWAPS[match[0]]


def _one_more(match: re.Match[str]) -> str:
    return str(int(match[0]) + 1)


_Change = Callable[[re.Match[str]], str]
_PATTERNS: tuple[tuple[str, re.Pattern[str], _Change], ...] = (
    ("comparison", re.compile(r"(?<= )(?:[=!]==|[<>]=?)(?= |$)"), _swapped),
    ("and-or", re.compile(r"(?<= )(?:&&|\|\|)(?= |$)"), _swapped),
    ("plus-minus", re.compile(r"(?<=[\w)\]] )[+-](?= [\w(])"), _swapped),
    ("boolean", re.compile(r"(?<![\w.])(?:true|false)(?!\w|:)"), _swapped),
    ("not", re.compile(r"(?<=[\s(])!(?=[\w(])"), lambda match: ""),
    ("integer", re.compile(r"(?<![\w.\])])\d+(?![\w.])"), _one_more),
)
_RETURN = re.compile(r"^\s*return (?!undefined;|null;)[^;]+;$")
_STATEMENT = re.compile(r"^\s*(?:await |void )?(?!super\b|console\b)[\w.?!\[\]]+\([^;]*\);$")


def typescript_sites(text: str) -> list[Site]:
    """Return what can be made wrong in a module."""
    sites: list[Site] = []
    before = ";"  # the code before a line
    earlier = ""
    for number, (line, code) in enumerate(
        zip(text.split("\n"), masked(text).split("\n"), strict=True), 1
    ):
        of_time = bool(_OF_TIME.search(line) or _OF_TIME.search(earlier))
        for kind, old, new in _of_line(line, code, of_time, before):
            sites.append(Site(number, kind, old.strip(), new.strip()))
        before = code.strip() or before
        earlier = line
    return sites


def _of_line(line: str, code: str, of_time: bool, before: str) -> list[tuple[str, str, str]]:
    found = []
    for kind, pattern, change in _PATTERNS:
        if kind == "integer" and of_time:
            continue
        for match in pattern.finditer(code):
            new = line[: match.start()] + change(match) + line[match.end() :]
            found.append((kind, line, new))
    indent = line[: len(line) - len(line.lstrip())]
    if _RETURN.match(code):
        found.append(("return", line, f"{indent}return undefined as any;"))
    if _STATEMENT.match(code) and before.endswith(_ENDS) and _is_balanced(code):
        found.append(("statement", line, f"{indent};"))
    return found


def _is_balanced(code: str) -> bool:
    return all(code.count(a) == code.count(b) for a, b in ("()", "[]", "{}"))
