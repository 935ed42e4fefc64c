"""Commits by REST, on the memory backend, where nothing of a container can change."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from jupyter_gpu_containers.model.image.changes import (
    Changes,
    CredentialFile,
    FolderChange,
    LeftOut,
    PackageChange,
)
from jupyter_gpu_containers.model.image.container_diff import ChangeKind
from jupyter_gpu_containers.model.kernel.launch import Phase
from jupyter_gpu_containers.web.change_serializers import changes_model
from jupyter_gpu_containers.web.contract import document

from .conftest import Api

TORCH = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"
NAME = "team/mine:1"


async def test_a_kernel_becomes_an_image_that_starts(api: Api) -> None:
    accepted = await api("POST", "/launches", {"image": TORCH})
    launch_id = accepted.json["id"]
    early = await api("GET", f"/launches/{launch_id}/changes")
    assert (early.status, early.json["code"]) == (409, "kernel_not_running")
    await api.until(launch_id, Phase.RUNNING)
    preview = (await api("GET", f"/launches/{launch_id}/changes")).json
    assert (preview["image"], preview["size"], preview["packages"]) == (TORCH, 0, [])
    assert "demonstration" in preview["left_out"][0]["reason"]
    assert preview["dockerfile"].splitlines()[-1].startswith("FROM pytorch/pytorch@sha256:")

    body = {"kind": "commit", "reference": NAME, "launch": launch_id}
    job = (await api("POST", "/jobs", body)).json
    await api.services.jobs.finished(job["id"])
    made = (await api("GET", f"/jobs/{job['id']}")).json
    assert (made["state"], made["error"], made["kind"]) == ("succeeded", None, "commit")
    image = (await api("GET", f"/images/{NAME}")).json
    assert image["id"] == made["image_id"]
    assert [kernel["name"] for kernel in image["kernels"]] == ["python3"]
    assert (await api("DELETE", f"/launches/{launch_id}")).status == 204
    late = await api("GET", f"/launches/{launch_id}/changes")
    assert (late.status, late.json["code"]) == (409, "kernel_not_running")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"kind": "commit", "reference": NAME}, 422, "invalid_request"),
        ({"kind": "pull", "reference": NAME, "launch": str(uuid.UUID(int=1))}, 422, None),
        ({"kind": "commit", "reference": NAME, "launch": "x"}, 422, "invalid_request"),
        (
            {"kind": "commit", "reference": NAME, "launch": str(uuid.UUID(int=1))},
            404,
            "launch_not_found",
        ),
    ],
)
async def test_commits_that_are_refused(
    api: Api, body: dict[str, Any], status: int, code: str | None
) -> None:
    answer = await api("POST", "/jobs", body)
    assert (answer.status, answer.json["code"]) == (status, code or "invalid_request")
    assert (await api("GET", "/jobs")).json == {"jobs": []}


async def test_changes_of_no_launch(api: Api) -> None:
    answer = await api("GET", f"/launches/{uuid.UUID(int=1)}/changes")
    assert (answer.status, answer.json["code"]) == (404, "launch_not_found")


def test_changes_fit_the_contract() -> None:
    changes = Changes(
        "a:1",
        "sha256:1",
        None,
        1,
        2,
        3,
        (FolderChange("/x", 1, 2),),
        (PackageChange("pip", "a", ChangeKind.ADDED, None, "1"),),
        (CredentialFile("/k", "why"),),
        (LeftOut("/home/kernel", "why", 1, ("six 1.16",)),),
        "FROM a:1\n",
        {"requirements.lock": "a==1\n"},
    )
    schema = {"$ref": "#/components/schemas/Changes", "components": document()["components"]}
    Draft202012Validator(schema).validate(changes_model(changes))
