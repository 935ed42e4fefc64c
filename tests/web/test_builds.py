"""Builds by REST: as jobs, of texts and of folders in the workspace, and of nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES

from .conftest import TIMEOUT, Api

TAG = "team/image:1"
BASE = DEMO_IMAGES[0].references[0]


async def built(api: Api, build: dict[str, str]) -> dict[str, Any]:
    accepted = await api("POST", "/jobs", {"kind": "build", "reference": TAG, "build": build})
    assert accepted.status == 202, accepted.json
    assert (accepted.json["kind"], accepted.json["reference"]) == ("build", TAG)
    await asyncio.wait_for(api.services.jobs.finished(accepted.json["id"]), TIMEOUT)
    job: dict[str, Any] = (await api("GET", f"/jobs/{accepted.json['id']}")).json
    return job


async def test_a_folder_of_the_workspace(api: Api, jp_root_dir: Path) -> None:
    (jp_root_dir / "site" / "gpu").mkdir(parents=True)
    (jp_root_dir / "site" / "gpu" / "Dockerfile").write_text(f"FROM {BASE}\nRUN make\n")
    job = await built(api, {"folder": "site", "file": "gpu/Dockerfile"})
    assert (job["state"], job["log"][-1]) == ("succeeded", "[2/2] RUN make")
    here = await api("GET", f"/images/{TAG}")
    assert (here.json["on_engine"], here.json["id"]) == (True, job["image_id"])


@pytest.mark.parametrize(
    "build",
    [
        {"dockerfile": f"FROM {BASE}\n"},
        {"requirements": "numpy\n", "base": BASE},
        {"environment": "dependencies: [numpy]\n", "base": BASE},
    ],
    ids=lambda build: next(iter(build)),
)
async def test_a_text(api: Api, build: dict[str, str]) -> None:
    assert (await built(api, build))["state"] == "succeeded"


async def test_a_failure(api: Api) -> None:
    job = await built(api, {"dockerfile": f"FROM {BASE}\nRUN false\n"})
    assert (job["state"], job["error"]["code"]) == ("failed", "build_failed")
    assert "RUN false" in job["error"]["message"]


async def test_another_build_of_the_same_name_waits(api: Api) -> None:
    wanted = {"dockerfile": f"FROM {BASE}\nRUN sleep infinity\n"}
    body: dict[str, Any] = {"kind": "build", "reference": TAG, "build": wanted}
    first = await api("POST", "/jobs", body)
    assert (await api("POST", "/jobs", body)).json["id"] == first.json["id"]
    other = await api("POST", "/jobs", {**body, "build": {"dockerfile": f"FROM {BASE}\n"}})
    assert (other.status, other.json["code"]) == (409, "build_in_progress")
    cancelled = await api("DELETE", f"/jobs/{first.json['id']}")
    assert cancelled.json["state"] == "cancelled"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"kind": "build"}, "invalid_request"),
        ({"kind": "pull", "build": {"dockerfile": "FROM x"}}, "invalid_request"),
        ({"kind": "build", "build": {}}, "invalid_request"),
        ({"kind": "build", "build": {"dockerfile": "FROM x", "folder": ""}}, "invalid_request"),
        (
            {"kind": "build", "build": {"dockerfile": "FROM x", "privileged": True}},
            "invalid_request",
        ),
        (
            {"kind": "build", "build": {"dockerfile": "FROM x", "network": "host"}},
            "invalid_request",
        ),
        ({"kind": "build", "build": {"dockerfile": "FROM x", "secrets": {}}}, "invalid_request"),
        ({"kind": "build", "build": {"folder": "../.."}}, "workspace_not_allowed"),
        ({"kind": "build", "build": {"folder": "/etc"}}, "workspace_not_allowed"),
        ({"kind": "build", "build": {"folder": "", "file": "../x"}}, "invalid_request"),
        (
            {"kind": "build", "build": {"requirements": "x", "base": "NO"}},
            "invalid_image_reference",
        ),
    ],
)
async def test_what_is_refused(api: Api, wanted: dict[str, Any], code: str) -> None:
    answer = await api("POST", "/jobs", {"reference": TAG, **wanted})
    assert (answer.status, answer.json["code"]) == (422, code)
    assert (await api("GET", "/jobs")).json["jobs"] == []
