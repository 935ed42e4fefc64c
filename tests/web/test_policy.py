"""Rules over REST: 403, a code, a sentence; and nothing has happened."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_gpu_containers.model.kernel.launch import Phase

from .conftest import Api

TORCH = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"
NVIDIA = "nvcr.io/nvidia/pytorch:25.08-py3"


@pytest.fixture
def jp_server_config(jp_server_config: dict[str, Any]) -> dict[str, Any]:
    jp_server_config["GpuContainers"] |= {
        "allowed_images": ["pytorch/pytorch:2.6.*", "quay.io/team/*"],
        "allowed_registries": ["docker.io", "quay.io"],
        "max_gpus_per_kernel": 1,
        "max_memory": "4g",
        "max_kernels_per_user": 1,
    }
    return jp_server_config


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/launches", {"image": TORCH, "gpus": 2}, "policy_gpus"),
        ("/launches", {"image": TORCH, "memory": 5 << 30}, "policy_memory"),
        ("/environments", {"image": NVIDIA}, "policy_registry"),
        ("/environments", {"image": TORCH, "gpus": 2}, "policy_gpus"),
        ("/images", {"source": NVIDIA, "reference": "quay.io/team/x:1"}, "policy_registry"),
        ("/images", {"source": TORCH, "reference": "mine:1"}, "policy_image"),
        ("/jobs", {"kind": "pull", "reference": NVIDIA}, "policy_registry"),
        ("/jobs", {"kind": "push", "reference": "reg.lan:5000/x:1"}, "policy_registry"),
        (
            "/jobs",
            {
                "kind": "build",
                "reference": "quay.io/team/x:1",
                "build": {"dockerfile": "FROM pytorch/pytorch:2.7"},
            },
            "policy_image",
        ),
    ],
)
async def test_what_is_not_allowed(api: Api, path: str, body: dict[str, Any], code: str) -> None:
    before = [(await api("GET", part)).json for part in ("/images", "/environments", "/jobs")]
    answer = await api("POST", path, body)
    assert (answer.status, answer.json["code"]) == (403, code)
    assert answer.json["message"].startswith("This server's configuration ")
    assert "(c.GpuContainers." in answer.json["message"]
    assert answer.json["hint"]
    after = [(await api("GET", part)).json for part in ("/images", "/environments", "/jobs")]
    assert after == before
    assert (await api("GET", "/launches")).json == {"launches": []}


async def test_a_launch_of_an_image_says_why_it_is_not_allowed(api: Api) -> None:
    for wanted in ({"image": NVIDIA}, {"image": "nvcr.io/nvidia/other:1", "pull": True}):
        launch = await api("POST", "/launches", wanted)
        assert launch.status == 202
        failed = await api.until(launch.json["id"], Phase.FAILED)
        assert failed.error is not None
        assert failed.error.code == "policy_registry"
        assert failed.container_id is None
    assert (await api("GET", "/jobs")).json == {"jobs": []}


async def test_images_and_gpus_say_what_is_allowed(api: Api) -> None:
    images = (await api("GET", "/images")).json["images"]
    problems = {image["references"][0]: image["problem"] for image in images}
    assert problems[TORCH] is None
    assert problems[NVIDIA]["code"] == "policy_registry"
    assert (await api("GET", "/gpus")).json["max_per_kernel"] == 1
    remote = (await api("GET", "/images/pytorch/pytorch:2.7.1-cuda12.8-cudnn9-runtime")).json
    assert (remote["on_engine"], remote["problem"]["code"]) == (False, "policy_image")


async def test_a_user_has_no_more_kernels_than_may(api: Api) -> None:
    first = await api("POST", "/launches", {"image": TORCH})
    await api.until(first.json["id"], Phase.RUNNING)
    second = await api("POST", "/launches", {"image": TORCH})
    failed = await api.until(second.json["id"], Phase.FAILED)
    assert failed.error is not None
    assert failed.error.code == "policy_kernels"
    # one that takes the place of the first is no second one
    third = await api("POST", "/launches", {"image": TORCH, "replaces": first.json["id"]})
    await api.until(third.json["id"], Phase.RUNNING)
    for launch in (first, third):
        await api("DELETE", f"/launches/{launch.json['id']}")
