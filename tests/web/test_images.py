"""Images on the engine and in registries, their names, and the catalogue: held to the contract."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES, host_architecture
from jupyter_gpu_containers.backends.memory.remote import MemoryRegistry
from jupyter_gpu_containers.errors import (
    ForbiddenError,
    RateLimitedError,
    RegistryUnreachableError,
    TransferStalledError,
    UnauthorizedError,
)

from .conftest import Api

TORCH = DEMO_IMAGES[1].references[0]
REMOTE = "nvcr.io/nvidia/pytorch:25.01-py3"


async def test_every_image_has_a_verdict(api: Api) -> None:
    verdicts: dict[str, Any] = {"": None}
    while not all(verdicts.values()):  # the first list has those of images that were looked up
        images = (await api("GET", "/images")).json["images"]
        verdicts = {image["references"][0]: image["verdict"] for image in images}
    assert verdicts[TORCH]["gpus"][0]["reasons"]
    assert [gpu["index"] for gpu in verdicts[TORCH]["gpus"]] == [0, 1]


async def test_details_of_an_image_on_the_engine(api: Api) -> None:
    answer = await api("GET", f"/images/{TORCH}")
    assert answer.status == 200
    assert (answer.json["on_engine"], answer.json["download"]) == (True, 0)
    assert answer.json["reference"] == TORCH
    assert answer.json["size"] == DEMO_IMAGES[1].size
    assert [kernel["name"] for kernel in answer.json["kernels"]] == ["python3"]
    assert answer.json["digests"] == list(DEMO_IMAGES[1].repo_digests)
    assert f"pytorch/pytorch@{answer.json['digest']}" in answer.json["digests"]


@pytest.mark.parametrize("spelling", [REMOTE, quote(REMOTE, safe="")])
async def test_details_of_an_image_in_a_registry(api: Api, spelling: str) -> None:
    answer = await api("GET", f"/images/{spelling}")
    assert answer.status == 200
    told = answer.json
    assert (told["on_engine"], told["references"], told["size"]) == (False, [], None)
    assert told["reference"] == REMOTE
    assert told["download"] > 1 << 29
    assert (told["digests"], told["digest"][:7]) == ([], "sha256:")
    assert told["fetch_seconds"] is None  # nothing was ever pulled
    assert told["platforms"] == [f"linux/{host_architecture()}"]
    assert told["framework"] == {"name": "PyTorch", "version": "25.01"}
    assert (told["kernels"], told["problem"]) == (None, None)
    assert told["verdict"]["verdict"]
    assert REMOTE not in str((await api("GET", "/images")).json)  # nothing was fetched


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UnauthorizedError("No login."), 403, "registry_unauthorized"),
        (ForbiddenError("No access."), 403, "registry_forbidden"),
        (RateLimitedError("Too many.", retry_after=6.5), 429, "registry_rate_limited"),
        (RateLimitedError("Too many."), 429, "registry_rate_limited"),
        (RegistryUnreachableError("No connection."), 503, "registry_unreachable"),
        (TransferStalledError("Nothing came."), 503, "transfer_stalled"),
    ],
)
async def test_what_a_registry_refuses_is_told_apart(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: Any, status: int, code: str
) -> None:
    async def refuse(*_: object) -> Any:
        raise error

    monkeypatch.setattr(MemoryRegistry, "image", refuse)
    answer = await api("GET", f"/images/{REMOTE}")
    assert (answer.status, answer.json["code"]) == (status, code)
    waits = getattr(error, "retry_after", None)
    assert answer.headers.get("Retry-After") == (None if waits is None else "7")


async def test_a_name_is_given_and_taken(api: Api) -> None:
    new = "localhost:5000/team/torch:mine"
    tagged = await api("POST", "/images", {"source": TORCH, "reference": new})
    assert tagged.status == 201
    assert tagged.json == {"source": TORCH, "reference": new}
    assert tagged.headers["Location"].endswith(f"/gpu-containers/images/{new}")
    shown = await api("GET", f"/images/{new}")
    assert shown.json["digest"] is None  # no registry has it under this name
    assert sorted(shown.json["references"]) == sorted([TORCH, new])
    removed = await api("DELETE", f"/images/{new}")
    assert (removed.status, removed.json) == (200, {"removed": [new]})
    gone = await api("DELETE", f"/images/{new}")
    assert (gone.status, gone.json["code"]) == (404, "image_not_found")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"source": "no/such:1", "reference": "a:1"}, 404, "image_not_found"),
        ({"source": TORCH, "reference": "Not One"}, 422, "invalid_image_reference"),
        ({"source": TORCH}, 422, "invalid_request"),
        ({"source": TORCH, "reference": "a:1", "force": True}, 422, "invalid_request"),
    ],
)
async def test_names_that_are_refused(api: Api, body: object, status: int, code: str) -> None:
    answer = await api("POST", "/images", body)
    assert (answer.status, answer.json["code"]) == (status, code)


async def test_an_image_that_an_environment_needs_is_removed_only_by_force(api: Api) -> None:
    added = await api("POST", "/environments", {"image": TORCH})
    refused = await api("DELETE", f"/images/{TORCH}")
    assert (refused.status, refused.json["code"]) == (409, "image_in_use")
    assert added.json["display_name"] in refused.json["message"]
    odd = await api("DELETE", f"/images/{TORCH}?force=perhaps")
    assert (odd.status, odd.json["code"]) == (422, "invalid_request")
    assert odd.json["message"] == "force: 'perhaps' is not of type 'boolean'."
    forced = await api("DELETE", f"/images/{TORCH}?force=true")
    assert (forced.status, forced.json["removed"]) == (200, [TORCH, DEMO_IMAGES[1].id])


async def test_the_catalogue_needs_no_registry(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> Any:
        raise RegistryUnreachableError("No connection.")

    for name in ("image", "tags", "search"):
        monkeypatch.setattr(MemoryRegistry, name, away)
    answer = await api("GET", "/catalogue")
    assert answer.status == 200
    entries = {entry["name"]: entry for entry in answer.json["entries"]}
    assert entries["ngc-pytorch"]["verdict"]["verdict"]
    assert all(entry["link"] and entry["licence"] for entry in entries.values())
    assert entries["ngc-pytorch"]["runs_here"] in entries["ngc-pytorch"]["tags"]
