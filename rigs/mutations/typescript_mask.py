"""TypeScript with everything blanked that no fault may touch: texts, comments, types, imports."""

from __future__ import annotations

import re

BLANK = "\0"  # one for each sign, so that places stay the same; ends of lines are kept

_TOKEN = re.compile(
    r"""
    (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<text>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")
  | (?P<template>`(?:\\.|[^`\\])*`)
  | (?P<pattern>(?<=[(,=:\[!&|?{;\n])\s*/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+/[a-z]*)
    """,
    re.VERBOSE | re.DOTALL,
)
# as prettier writes them: what begins in a column ends in the same one
_TYPES = re.compile(
    r"""
    ^(?P<indent>[ ]*)(?:export[ ]+)?(?:declare[ ]+)?
    (?:interface\b[^\n]*\{\n.*?^(?P=indent)\} | type[ ]\w[^;]*?(?:;|\{.*?^(?P=indent)\};?))
  | ^import\b[^;]*;
  | ^export[ ](?:\*|\{)[^;]*;
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


def masked(text: str) -> str:
    """Return a text of the same length in which only signs of code are left."""
    return _TYPES.sub(_blank, _TOKEN.sub(_blank, text))


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", BLANK, match[0])
