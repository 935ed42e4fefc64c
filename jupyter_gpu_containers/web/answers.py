"""Answers that pages ask for again and again: told shortly where they have them, and compressed."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from typing import Any

WORTH = 1400  # bytes; a shorter answer goes in one packet anyway
LEVEL = 1  # of gzip: a list of images is an eighth of itself then, and hardly less with any other
_WEIGHT = re.compile(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*", re.I)


def encoded(model: dict[str, Any]) -> bytes:
    """Return JSON, in UTF-8, as tornado's `write` makes it."""
    return json.dumps(model).replace("</", "<\\/").encode()


def etag(body: bytes) -> str:
    """Return an entity tag (RFC 9110, section 8.8.3): weak, since it may be sent compressed."""
    return f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'


def takes_gzip(accept_encoding: str) -> bool:
    """Tell whether a client says that it does (RFC 9110, section 12.5.3)."""
    weights: dict[str, float] = {}
    for part in accept_encoding.split(","):
        coding, _, parameter = part.partition(";")
        match = _WEIGHT.fullmatch(parameter)
        weight = float(match[1]) if match else 0.0  # what is no weight allows nothing
        weights[coding.strip().lower()] = weight if parameter.strip() else 1.0
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def compressed(body: bytes) -> bytes:
    """Return it compressed; the same bytes each time."""
    return gzip.compress(body, LEVEL, mtime=0)
