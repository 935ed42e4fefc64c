"""Jobs: accepted at once, followed by events, cancelled for good; all held to the contract."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from jupyter_events.schema import EventSchema

import jupyter_gpu_containers
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.backends.memory.registry import ENDLESS, PRIVATE, TOO_LARGE
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.job import Job, JobKind, JobState, Step
from jupyter_gpu_containers.web.contract import document
from jupyter_gpu_containers.web.events import JOB_EVENT
from jupyter_gpu_containers.web.serializers import job_model

from .conftest import TIMEOUT, Api

REMOTE = "nvcr.io/nvidia/pytorch:25.01-py3"
SIBLING = "nvcr.io/nvidia/pytorch:23.10-py3"
EVENT = Path(jupyter_gpu_containers.__file__).parent / "events" / "job.v1.yaml"


async def until(api: Api, job_id: str, is_so: Callable[[Job], bool]) -> Job:
    """Wait until a job is so; fail when it ends before that."""
    reached = asyncio.Event()

    def look(job: Job) -> None:
        if job.id == job_id and (is_so(job) or job.ended is not None):
            reached.set()

    api.services.jobs.on_change(look)
    look(api.services.jobs.get(job_id))
    await asyncio.wait_for(reached.wait(), TIMEOUT)
    job = api.services.jobs.get(job_id)
    assert is_so(job), job
    return job


async def test_a_pull_is_followed_by_events_to_its_end(api: Api, jp_serverapp: Any) -> None:
    heard: list[dict[str, Any]] = []
    ended = asyncio.Event()

    async def listen(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        heard.append(data)
        if data["ended"]:
            ended.set()

    jp_serverapp.event_logger.add_listener(schema_id=JOB_EVENT, listener=listen)
    accepted = await api("POST", "/jobs", {"kind": "pull", "reference": REMOTE})
    assert accepted.status == 202
    job_id = accepted.json["id"]
    assert accepted.headers["Location"].endswith(f"/gpu-containers/jobs/{job_id}")
    again = await api("POST", "/jobs", {"kind": "pull", "reference": REMOTE})
    assert again.json["id"] == job_id  # two people, one pull
    await asyncio.wait_for(ended.wait(), TIMEOUT)
    last = (await api("GET", f"/jobs/{job_id}")).json
    assert (last["state"], last["error"]) == ("succeeded", None)
    assert last["current"] == last["total"] > 1 << 29
    assert heard[-1] == last
    assert [one["id"] for one in (await api("GET", "/jobs")).json["jobs"]] == [job_id]
    here = await api("GET", f"/images/{REMOTE}")
    assert (here.json["on_engine"], here.json["id"]) == (True, last["image_id"])
    assert here.json["fetch_seconds"] is None  # there is nothing to fetch
    other = await api("GET", f"/images/{SIBLING}")
    assert 1 <= other.json["fetch_seconds"] < TIMEOUT * other.json["download"] / last["current"]


async def test_a_cancelled_pull_leaves_no_image(api: Api) -> None:
    accepted = await api("POST", "/jobs", {"kind": "pull", "reference": ENDLESS})
    path = f"/jobs/{accepted.json['id']}"
    await until(api, accepted.json["id"], lambda job: job.current > 0)
    cancelled = await api("DELETE", path)
    assert (cancelled.status, cancelled.json["state"]) == (200, "cancelled")
    assert (await api("DELETE", path)).json == cancelled.json
    assert ENDLESS not in str((await api("GET", "/images")).json)


async def test_the_servers_end_cancels_its_jobs(api: Api, jp_serverapp: Any) -> None:
    accepted = await api("POST", "/jobs", {"kind": "pull", "reference": ENDLESS})
    await until(api, accepted.json["id"], lambda job: job.current > 0)
    await jp_serverapp.extension_manager.stop_all_extensions()
    assert api.services.jobs.get(accepted.json["id"]).state is JobState.CANCELLED


@pytest.mark.parametrize(
    ("kind", "reference", "code"),
    [
        ("pull", PRIVATE, "registry_unauthorized"),
        ("pull", "nvcr.io/nvidia/pytorch:nothing", "tag_unknown"),
        ("pull", TOO_LARGE, "disk_full"),
        ("push", "no/such:1", "image_not_found"),
        ("push", DEMO_IMAGES[1].references[0], "registry_forbidden"),
    ],
)
async def test_a_job_that_fails_says_why(api: Api, kind: str, reference: str, code: str) -> None:
    accepted = await api("POST", "/jobs", {"kind": kind, "reference": reference})
    assert accepted.status == 202
    await api.services.jobs.finished(accepted.json["id"])
    failed = (await api("GET", f"/jobs/{accepted.json['id']}")).json
    assert (failed["state"], failed["error"]["code"]) == ("failed", code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kind": "pull", "reference": "Not One"}, "invalid_image_reference"),
        ({"kind": "prune", "reference": "a"}, "invalid_request"),
        ({"kind": "pull"}, "invalid_request"),
        ({"kind": "pull", "reference": "a", "username": "me"}, "invalid_request"),
    ],
)
async def test_jobs_that_are_refused(api: Api, body: object, code: str) -> None:
    answer = await api("POST", "/jobs", body)
    assert (answer.status, answer.json["code"]) == (422, code)
    assert (await api("GET", "/jobs")).json == {"jobs": []}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_jobs_that_are_not_there(api: Api, method: str) -> None:
    answer = await api(method, "/jobs/none")
    assert (answer.status, answer.json["code"]) == (404, "job_not_found")


NEW = Job("1", JobKind.PUSH, "a/b:1", created=1_700_000_000.0)
STEPS = (Step("", "Pushing"), Step("0123456789ab", "Pushed", 5, 5, done=True), Step("a", "", 1))
RUNNING = replace(NEW, state=JobState.RUNNING, steps=STEPS, current=6, total=9, speed=0.5, eta=6.0)
FAILED = replace(
    RUNNING, state=JobState.FAILED, ended=1_700_000_001.0, error=Problem("disk_full", "Full.", "")
)


@pytest.mark.parametrize("job", [NEW, RUNNING, FAILED], ids=["new", "running", "failed"])
def test_a_job_fits_the_contract_and_the_event(job: Job) -> None:
    schema = {"$ref": "#/components/schemas/Job", "components": document()["components"]}
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(job_model(job))
    EventSchema(EVENT).validate(job_model(job))


def test_the_event_and_the_contract_promise_the_same() -> None:
    event: dict[str, Any] = yaml.safe_load(EVENT.read_text())
    contract = document()["components"]["schemas"]["Job"]
    assert event["$id"] == JOB_EVENT
    assert set(event["properties"]) == set(contract["properties"]) == set(contract["required"])
    assert sorted(event["required"]) == sorted(contract["required"])
    for name, values in (("state", JobState), ("kind", JobKind)):
        promised = contract["properties"][name]["enum"]
        assert event["properties"][name]["enum"] == promised == [one.value for one in values]
