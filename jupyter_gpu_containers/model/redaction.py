"""Text for strangers: without what looks like a secret, and without folders.

The same rules, in the same order, as ``labextension/src/model/report.ts``; both are held to the
pairs of ``labextension/src/__tests__/redaction.json``.
"""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "[hidden]"
SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    # PEM blocks; only the lines between tell something
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
        ),
        HIDDEN,
    ),
    # a login in an address
    (re.compile(r"\b([a-z][a-z0-9+.-]*://)[^\s/@]+@", re.I | re.A), rf"\1{HIDDEN}@"),
    (
        re.compile(r"\b(authorization\s*[:=]\s*)(?:(?:bearer|basic|token)\s+)?\S+", re.I | re.A),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\b(bearer|basic)\s+[\w+/.~-]{8,}=*", re.I | re.A), rf"\1 {HIDDEN}"),
    # NAME_TOKEN=…, "password": "…", ?token=…
    (
        re.compile(
            r"((?:token|secret|passw(?:or)?d|api[_-]?key|access[_-]?key|credential|cookie)\w*[\"']?"
            r"\s*[:=]\s*)(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s\"'&,;]+)",
            re.I | re.A,
        ),
        rf"\1{HIDDEN}",
    ),
    # tokens by their looks: GitHub, Hugging Face, NVIDIA, GitLab, Slack, OpenAI, AWS, JWT
    (
        re.compile(r"\b(?:gh[opsu]_|github_pat_|hf_|nvapi-|glpat-|xox[abprs]-|sk-)[\w-]{8,}", re.A),
        HIDDEN,
    ),
    (re.compile(r"\bA(?:KIA|SIA)[A-Z0-9]{16}\b", re.A), HIDDEN),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*", re.A), HIDDEN),
    # anything long and random that is no digest, and no UUID of a GPU, launch or container
    (
        re.compile(
            r"(?<![\w:-])(?=[\w+/-]*\d)(?=[\w+/-]*[a-z])(?=[\w+/-]*[A-Z])[\w+-]{32,}={0,2}", re.A
        ),
        HIDDEN,
    ),
)
# not in an address or an image reference, whose slashes follow a host
_PATH = re.compile(r"(?<![\w./~…-])(?!//)(?:~|\.{1,2})?(?:/[^\s/:?=&\"'`<>()\[\],;|]+)+/?", re.A)
_DEVICES = re.compile(r"/(?:dev|proc|sys)/")  # what is there tells nothing of anybody
_FILE = re.compile(r"\b(file://)\S+", re.I | re.A)
_SECRET_NAME = re.compile(r"token|secret|passw(or)?d|api_?key|credential|cookie", re.I)


def redacted(text: str) -> str:
    """Return a text without what looks like a secret, and with the last part alone of every path.

    >>> redacted("token=abc in /home/ada/x.py")
    'token=[hidden] in …/x.py'
    """
    for pattern, instead in SECRETS:
        text = pattern.sub(instead, text)
    return _FILE.sub(r"\1…", _PATH.sub(_shortened, text))


def _shortened(match: re.Match[str]) -> str:
    path = match[0]
    if _DEVICES.match(path):
        return path
    parts = [part for part in path.split("/") if part]
    return f"…/{parts[-1] if len(parts) > 1 else ''}"


def redacted_data(value: Any, names: dict[str, str]) -> Any:
    """Return JSON's data with every text redacted.

    Parameters
    ----------
    value : object
        What JSON knows: texts, numbers, lists, objects.
    names : dict
        Of people and machines, with what is put in their places.
    """
    if isinstance(value, dict):
        return {
            str(key): HIDDEN
            if _SECRET_NAME.search(str(key)) and isinstance(one, str) and one
            else redacted_data(one, names)
            for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted_data(one, names) for one in value]
    if not isinstance(value, str):
        return value
    text = redacted(value)
    for name, instead in names.items():
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", instead, text)
    return text
