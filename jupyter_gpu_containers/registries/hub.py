"""Docker Hub's search, the one that ``docker search`` uses."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from jupyter_gpu_containers.model.image.image import DEFAULT_REGISTRY
from jupyter_gpu_containers.model.image.registry import SearchResult

from .documents import parse_json
from .refusals import Subject, refusal
from .transport import Transport

SEARCH = "https://index.docker.io/v1/search"
_LIMIT = 4 << 20  # bytes
_MOST = 100  # results that the server gives at once


def search(transport: Transport, address: str, query: str, limit: int) -> list[SearchResult]:
    """Ask for repositories; most stars first."""
    if not query.strip() or limit < 1:
        return []
    parameters = urlencode({"q": query.strip()[:200], "n": min(limit, _MOST)})
    response = transport.send("GET", f"{address}?{parameters}", limit=_LIMIT)
    if response.status != 200:
        raise refusal(response, Subject(DEFAULT_REGISTRY, "its search"))
    rows = parse_json(response.body, "the search").get("results")
    found = [_result(row) for row in rows or () if isinstance(row, Mapping) and row.get("name")]
    found.sort(key=lambda result: -result.stars)
    return found[:limit]


def _result(row: Mapping[str, object]) -> SearchResult:
    stars = row.get("star_count")
    return SearchResult(
        name=str(row["name"]).removeprefix("library/"),
        description=" ".join(str(row.get("description") or "").split()),
        stars=stars if isinstance(stars, int) else 0,
        official=row.get("is_official") is True,
    )
