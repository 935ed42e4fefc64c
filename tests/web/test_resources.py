"""What each address does: every answer is held to openapi.yaml by the client that asks."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.errors import EngineUnreachableError
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.image.image import Image
from jupyter_gpu_containers.model.kernel.launch import Phase
from jupyter_gpu_containers.service.doctor import facts

from .conftest import GPUS, Api

TORCH = DEMO_IMAGES[1].references[0]
NONE = "0e0b5f1c-8b0e-4ad7-9d52-5b1d5a1c2f3e"


def unreachable(*_: object, **__: object) -> Any:
    raise EngineUnreachableError("No container engine answers.", "sudo systemctl start docker")


@pytest.fixture
def engine_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the engine does not answer."""
    for name in ("info", "images", "image", "containers", "create"):
        monkeypatch.setattr(MemoryBackend, name, unreachable)


async def test_status(api: Api) -> None:
    answer = await api("GET", "/status")
    assert answer.status == 200
    assert (answer.json["backend"], answer.json["demo"], answer.json["problem"]) == (
        "memory",
        True,
        None,
    )
    assert answer.json["engine"]["name"] == "memory"


async def test_status_tells_what_doctor_found(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer does not wait for it; pages are told to ask again."""
    problem = Problem("run_dir_not_private", "It is not private.", "chmod 700 /run/x")
    monkeypatch.setattr(facts, "run_root_problem", lambda _: problem)
    told = asyncio.Event()
    api.services.watch_changes()  # as the server does when it begins
    api.services.changes.on_change(lambda changed: told.set())
    assert (await api("GET", "/status")).json["findings"] == []
    await asyncio.wait_for(told.wait(), 30)
    (finding,) = (await api("GET", "/status")).json["findings"]
    assert finding == {
        "name": "run directory",
        "message": "It is not private.",
        "fix": "chmod 700 /run/x",
        "advice": "",
    }


async def test_status_without_an_engine(api: Api, engine_away: None) -> None:
    answer = await api("GET", "/status")
    assert answer.status == 200
    assert answer.json["engine"] is None
    assert answer.json["problem"]["code"] == "engine_unreachable"


async def test_gpus(api: Api) -> None:
    answer = await api("GET", "/gpus")
    assert [(gpu["name"], gpu["state"]) for gpu in answer.json["gpus"]] == [
        (GPUS[0]["name"], "free")
    ] * 2
    assert answer.json["gpus"][0]["memory_total"] == 141 << 30
    assert answer.json["gpus"][0]["compute_capability"] == "9.0"
    assert answer.json["driver"]["version"]


async def test_images(api: Api) -> None:
    answer = await api("GET", "/images")
    assert len(answer.json["images"]) == len(DEMO_IMAGES)
    newest = answer.json["images"][0]
    assert newest["references"] == ["nvcr.io/nvidia/pytorch:25.08-py3"]
    assert newest["framework"] == {"name": "PyTorch", "version": "25.08"}
    assert (newest["cuda"], newest["python"]) == ("13.0.1", "3.12.3")
    assert newest["created"] == "2025-08-19T00:00:00.000Z"
    assert [kernel["name"] for kernel in newest["kernels"]] == ["python3"]


@pytest.mark.parametrize("spelling", [TORCH, quote(TORCH, safe=""), DEMO_IMAGES[1].id])
async def test_an_image_by_reference_or_id(api: Api, spelling: str) -> None:
    answer = await api("GET", f"/images/{spelling}")
    assert (answer.status, answer.json["references"]) == (200, [TORCH])


async def test_images_that_are_not_there(api: Api) -> None:
    missing = await api("GET", "/images/no/such:1")
    assert (missing.status, missing.json["code"]) == (404, "tag_unknown")
    missing = await api("GET", f"/images/sha256:{'0' * 64}")  # no registry can be asked for an id
    assert (missing.status, missing.json["code"]) == (404, "image_not_found")
    nonsense = await api("GET", "/images/No%20Such")
    assert (nonsense.status, nonsense.json["code"]) == (422, "invalid_image_reference")


async def test_an_image_for_other_processors_is_shown_with_its_problem(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def image(self: MemoryBackend, reference: str) -> Image:
        return replace(DEMO_IMAGES[1], architecture="s390x", probe=None)

    monkeypatch.setattr(MemoryBackend, "image", image)
    shown = await api("GET", f"/images/{TORCH}")
    assert (shown.status, shown.json["problem"]["code"]) == (200, "wrong_architecture")
    assert shown.json["kernels"] is None
    added = await api("POST", "/environments", {"image": TORCH})
    assert (added.status, added.json["code"]) == (409, "wrong_architecture")


async def test_an_environment_comes_and_goes(api: Api, jp_data_dir: Path) -> None:
    assert (await api("GET", "/environments")).json == {"environments": []}
    added = await api("POST", "/environments", {"image": TORCH, "gpus": 1, "memory": 1 << 30})
    assert added.status == 201
    assert added.json == {
        "name": "pytorch-pytorch-2.6.0-cuda12.4-cudnn9-runtime-1gpu",
        "display_name": "PyTorch 2.6 · 1 GPU",
        "reference": TORCH,
        "image_id": DEMO_IMAGES[1].id,
        "kernel": "python3",
        "gpus": 1,
        "gpu_profile": None,
        "gpu_uuids": [],
        "memory": 1 << 30,
        "shm_size": None,
        "network": None,
        "idle_timeout": None,
        "mounts": None,
        "problem": None,
    }
    name = added.json["name"]
    assert added.headers["Location"].endswith(f"/gpu-containers/environments/{name}")
    assert (jp_data_dir / "kernels" / name / "kernel.json").exists()
    assert (await api("GET", f"/environments/{name}")).json == added.json
    assert (await api("GET", "/environments")).json == {"environments": [added.json]}
    assert (await api("DELETE", f"/environments/{name}")).status == 204
    assert (await api("GET", f"/environments/{name}")).json["code"] == "environment_not_found"
    assert (await api("DELETE", f"/environments/{name}")).status == 404


async def test_an_environment_with_names_of_its_own(api: Api) -> None:
    wanted = {"image": TORCH, "name": "mine", "display_name": "Mine", "kernel": "python3"}
    added = await api("POST", "/environments", wanted)
    assert (added.json["name"], added.json["display_name"]) == ("mine", "Mine")
    assert (await api("POST", "/environments", wanted)).json == added.json
    other = await api("POST", "/environments", {**wanted, "gpus": 2})
    assert (other.status, other.json["code"]) == (409, "environment_exists")


async def test_an_environment_whose_image_was_removed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = await api("POST", "/environments", {"image": TORCH})

    async def images(self: MemoryBackend) -> list[Image]:
        return []

    monkeypatch.setattr(MemoryBackend, "images", images)
    shown = await api("GET", f"/environments/{added.json['name']}")
    assert shown.json["problem"]["code"] == "image_not_found"
    assert shown.json["problem"]["hint"].startswith("docker pull pytorch/pytorch@sha256:")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"image": "no/such:1"}, 404, "image_not_found"),
        ({"image": TORCH, "kernel": "julia"}, 404, "kernel_not_in_image"),
        ({}, 422, "invalid_request"),
        ([], 422, "invalid_request"),
        (None, 400, "malformed_request"),
        ({"image": TORCH, "gpus": -1}, 422, "invalid_request"),
        ({"image": TORCH, "gpus": "1"}, 422, "invalid_request"),
        ({"image": TORCH, "gpus": True}, 422, "invalid_request"),
        ({"image": TORCH, "memory": 1}, 422, "invalid_request"),
        ({"image": TORCH, "name": "../x"}, 422, "invalid_request"),
        ({"image": TORCH, "privileged": True}, 422, "invalid_request"),
        ({"image": 7}, 422, "invalid_request"),
    ],
)
async def test_environments_that_are_refused(
    api: Api, body: object, status: int, code: str
) -> None:
    answer = await api("POST", "/environments", body)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert (await api("GET", "/environments")).json == {"environments": []}


async def test_a_launch_runs_and_is_ended(api: Api) -> None:
    accepted = await api("POST", "/launches", {"image": TORCH, "gpus": 1})
    assert accepted.status == 202
    launch_id = accepted.json["id"]
    assert accepted.json["phases"][0]["phase"] == "queued"
    assert accepted.headers["Location"].endswith(f"/gpu-containers/launches/{launch_id}")
    await api.until(launch_id, Phase.RUNNING)
    running = (await api("GET", f"/launches/{launch_id}")).json
    assert running["phase"] == "running"
    assert running["kernel_id"]
    assert running["display_name"] == "PyTorch 2.6 · 1 GPU"
    holders = [gpu["holder"] for gpu in (await api("GET", "/gpus")).json["gpus"]]
    (holder,) = filter(None, holders)
    assert (holder["kernel_id"], holder["mine"]) == (running["kernel_id"], True)
    assert holder["container_id"] == running["container_id"]
    assert [one["id"] for one in (await api("GET", "/launches")).json["launches"]] == [launch_id]
    assert (await api("DELETE", f"/launches/{launch_id}")).status == 204
    assert (await api("GET", f"/launches/{launch_id}")).json["phase"] == "cancelled"
    assert [gpu["state"] for gpu in (await api("GET", "/gpus")).json["gpus"]] == ["free", "free"]


async def test_a_launch_that_wants_too_many_gpus_fails_with_the_numbers(api: Api) -> None:
    accepted = await api("POST", "/launches", {"image": TORCH, "gpus": 3})
    await api.until(accepted.json["id"], Phase.FAILED)
    failed = (await api("GET", f"/launches/{accepted.json['id']}")).json
    assert failed["error"] == {
        "code": "not_enough_gpus",
        "message": "3 GPUs were asked for, but this machine has 2.",
        "hint": "Ask for at most 2.",
    }


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"environment": "none"}, 404, "environment_not_found"),
        ({}, 422, "invalid_request"),
        ({"environment": "a", "image": "b"}, 422, "invalid_request"),
        ({"image": TORCH, "replaces": "not a uuid"}, 422, "invalid_request"),
        ({"image": TORCH, "path": 1}, 422, "invalid_request"),
        ({"image": TORCH, "mounts": ["/:/host"]}, 422, "invalid_request"),
        ({"image": TORCH, "user": "0:0"}, 422, "invalid_request"),
        ({"image": TORCH, "gpus": 10**9}, 422, "invalid_request"),
        ("launch", 422, "invalid_request"),
    ],
)
async def test_launches_that_are_refused(api: Api, body: object, status: int, code: str) -> None:
    answer = await api("POST", "/launches", body)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert (await api("GET", "/launches")).json == {"launches": []}


async def test_the_refusal_says_what_is_wrong(api: Api) -> None:
    both = await api("POST", "/launches", {"environment": "a", "image": "b"})
    assert both.json["message"] == "Name either an environment or an image, and not both."
    unknown = await api("POST", "/launches", {"image": TORCH, "volumes": [], "cap_add": []})
    assert unknown.json["message"] == "Unknown field: cap_add, volumes."
    wrong = await api("POST", "/launches", {"image": TORCH, "gpus": "all"})
    assert wrong.json["message"] == "gpus: 'all' is not of type 'integer'."


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_launches_that_are_not_there(api: Api, method: str) -> None:
    answer = await api(method, f"/launches/{NONE}")
    assert (answer.status, answer.json["code"]) == (404, "launch_not_found")


@pytest.mark.parametrize("text", ["", "{", b"\xff\xfe", "[" * 60_000])
async def test_bodies_that_are_not_json(api: Api, text: str | bytes) -> None:
    response = await api.fetch("POST", "/launches", body=text)
    assert response.code == 400
    assert json.loads(response.body) == {
        "code": "malformed_request",
        "message": "The body is not JSON.",
        "hint": "",
    }


async def test_bodies_that_are_too_large(api: Api) -> None:
    body = json.dumps({"image": "x" * 65536})
    response = await api.fetch("POST", "/launches", body=body)
    assert response.code == 413
    assert json.loads(response.body)["code"] == "request_too_large"


async def test_without_an_engine(api: Api, engine_away: None) -> None:
    for path in ("/images", f"/images/{TORCH}"):
        answer = await api("GET", path)
        assert (answer.status, answer.json) == (
            503,
            {
                "code": "engine_unreachable",
                "message": "No container engine answers.",
                "hint": "sudo systemctl start docker",
            },
        )
    gpus = await api("GET", "/gpus")
    assert {gpu["state"] for gpu in gpus.json["gpus"]} == {"unavailable"}
    assert (await api("POST", "/environments", {"image": TORCH})).status == 503


async def test_a_bug_is_an_error_in_json_without_its_insides(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: MemoryBackend) -> list[Image]:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(MemoryBackend, "images", broken)
    answer = await api("GET", "/images")
    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert "secret" not in json.dumps(answer.json)
    assert "report it" in answer.json["hint"]
