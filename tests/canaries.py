"""Canary secrets of a run of the tests: what they look like, and the search for them.

Every server, program and kernel of a run has them around it. Whatever is collected of a run is
searched for their common marker, and for other secrets that are told to `Canaries.keep`.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import secrets
import urllib.parse
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

# Variables that people have in the shell in which they start Jupyter, and what such a value begins
# with.
VARIABLES = {
    "HF_TOKEN": "hf_",
    "AWS_SECRET_ACCESS_KEY": "",
    "NGC_API_KEY": "nvapi-",
    "WANDB_API_KEY": "",
    "PIP_INDEX_SECRET": "",
}
# Where secrets belong, readable by their owner alone: Docker's logins, and what Jupyter Server
# writes for programs of the same user, its token among it.
KEPT = ("*/docker/config.json", "*/.docker/config.json", "*/runtime/jpserver-*")
EVENTS = "events.log"  # of a server with `write_down_events`; below the folder that is given

_PAGE = re.compile(rb'data-jupyter-api-token="[^"]*"')
_WRITE_DOWN = """\
import logging

c.EventLogger.handlers = [logging.FileHandler({path!r}, delay=True)]
"""


def spellings(secret: bytes) -> dict[str, bytes]:
    """Return a secret as it is, and as programs write it.

    Of base64 what is certain, whatever stands before and after it: a third of all secrets begin
    where a group of four letters does.
    """
    text = secret.decode("latin-1")
    found = {
        "plain": secret,
        "in a URL": urllib.parse.quote(secret, safe="").encode(),
        "in JSON": json.dumps(text)[1:-1].encode(),
        "as Python writes it": repr(secret)[2:-1].encode(),
        "hexadecimal": secret.hex().encode(),
    }
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + secret)
        certain = coded[-(-8 * before // 6) : 8 * (before + len(secret)) // 6]
        found[f"base64 after {before}"] = certain
        found[f"base64 for URLs after {before}"] = certain.translate(bytes.maketrans(b"+/", b"-_"))
    distinct: dict[bytes, str] = {}
    for name, needle in found.items():
        distinct.setdefault(needle, name)
    return {name: needle for needle, name in distinct.items()}


@dataclass
class Canaries:
    """Secrets with a marker of their own, and where they were found.

    Attributes
    ----------
    environment : dict
        Variables for whoever starts programs.
    counts : Counter
        How many texts were searched, by place.
    hits : list of str
        Where a secret was, in words.
    """

    marker: str = field(default_factory=lambda: f"canary{secrets.token_hex(8)}")
    known: dict[str, bytes] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    hits: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._needles: list[tuple[str, str, bytes]] = []
        self.keep("a canary", self.marker)
        self.environment = {
            name: self.make(name.lower().replace("_", "-"), prefix)
            for name, prefix in VARIABLES.items()
        }

    def make(self, kind: str, prefix: str = "") -> str:
        """Return a new secret of some kind, which it names behind the marker."""
        return f"{prefix}{self.marker}-{kind}-{secrets.token_hex(8)}"

    def keep(self, name: str, secret: str) -> str:
        """Look for this one, too, which has no marker; return it."""
        self.known[name] = secret.encode()
        self._needles += [(name, how, it) for how, it in spellings(secret.encode()).items()]
        return secret

    def without(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return variables but those with a canary, for programs that nobody looks after."""
        return {key: value for key, value in variables.items() if self.marker not in value}

    # --- the search ---------------------------------------------------------------------------

    def search(self, text: str | bytes) -> list[str]:
        """Return which secrets are in a text, with what stands around them; none is told."""
        if isinstance(text, str):
            text = text.encode(errors="surrogateescape")
        return [
            f"{name} ({how}): {_around(text, needle)!r}"
            for name, how, needle in self._needles
            if needle in text
        ]

    def look(self, place: str, text: str | bytes, where: str = "") -> None:
        """Search a text that was found in a place, and keep the hits."""
        self.counts[place] += 1
        self.hits += [f"{where or place}: {hit}" for hit in self.search(text)]

    def look_at_answer(self, request: str, headers: Mapping[str, str], body: bytes) -> None:
        """Search what a server answered; its own pages tell the token to whoever has sent it."""
        told = json.dumps(dict(headers)).encode() + _PAGE.sub(b"", body)
        self.look("REST answers", told, f"answer to {request}")

    def look_into(self, folder: Path) -> list[str]:
        """Search all files below a folder but those that secrets belong in; return the hits."""
        found = []
        for path in folder.rglob("*"):
            if any(fnmatch(str(path), pattern) for pattern in KEPT):
                continue
            try:
                text = path.read_bytes() if path.is_file() else None
            except OSError:  # it is gone in this moment, or a test took the right to read it
                continue
            if text is not None:
                self.counts["files"] += 1
                if path.name == EVENTS:
                    self.counts["events"] += text.count(b"\n")
                name = path.relative_to(folder)
                found += [f"{hit} in {name}" for hit in self.search(text)]
        return found


def _around(text: bytes, needle: bytes) -> bytes:
    before, _, after = text.partition(needle)
    return before[-150:] + b"[...]" + after[:50].replace(needle, b"[...]")


class Emissions(logging.Handler):
    """Searches what a server in this process emits as events; for `register_handler`."""

    def __init__(self, canaries: Canaries) -> None:
        super().__init__()
        self._canaries = canaries

    def emit(self, record: logging.LogRecord) -> None:
        """Search one."""
        self._canaries.look("events", self.format(record))


def write_down_events(config: Path, folder: Path) -> None:
    """Have the servers with this configuration write all their events to a file in a folder."""
    text = _WRITE_DOWN.format(path=str(folder / EVENTS))
    (config / "jupyter_server_config.py").write_text(text)


SUITE = Canaries()  # of this process, and of all that it starts
