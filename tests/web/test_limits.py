"""What a kernel gets by default and may have at most, and data mounts that are chosen by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_gpu_containers.model.kernel.launch import Phase
from jupyter_gpu_containers.policy_config import machine_ram

from .conftest import Api

TORCH = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"
GIB = 1 << 30


@pytest.fixture
def jp_server_config(jp_server_config: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    for name in ("faces", "scratch"):
        (tmp_path / name).mkdir()
    jp_server_config["GpuContainers"] |= {
        "memory": "4g",
        "shm_size": "1g",
        "max_memory": "8g",
        "max_gpus_per_kernel": 1,
        "networks": ["none"],
        "data_mounts": {
            "faces": str(tmp_path / "faces"),
            "scratch": f"{tmp_path / 'scratch'}:rw",
        },
    }
    return jp_server_config


async def test_limits(api: Api) -> None:
    assert (await api("GET", "/limits")).json == {
        "memory": {"default": 4 * GIB, "max": 8 * GIB},
        "shm_size": {"default": GIB, "max": 8 * GIB},
        "gpus": {"max": 1},
        "mounts": [
            {"name": "faces", "path": "/data/faces", "read_only": True, "default": True},
            {"name": "scratch", "path": "/data/scratch", "read_only": False, "default": True},
        ],
        "networks": ["none"],
        "ram": machine_ram(),
    }


@pytest.mark.parametrize("path", ["/environments", "/launches"])
@pytest.mark.parametrize("limit", ["memory", "shm_size"])
async def test_more_than_the_machine_has(
    api: Api, path: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.services.gate, "ram", 6 * GIB)
    told = (await api("GET", "/limits")).json
    assert (told["ram"], told[limit]["max"]) == (6 * GIB, 6 * GIB)
    refused = await api("POST", path, {"image": TORCH, limit: 8 * GIB})
    problem = refused.json
    if path == "/launches":
        await api.until(problem["id"], Phase.FAILED)
        problem = (await api("GET", f"/launches/{problem['id']}")).json["error"]
    else:
        assert refused.status == 422
    assert problem["code"] == "ram_exceeded"
    assert problem["message"].startswith("This machine has 6 GB RAM; 8 GB ")
    assert problem["hint"].startswith("Ask for 6 GB or less")
    fitting = await api("POST", "/environments", {"image": TORCH, limit: 6 * GIB})
    assert fitting.status == 201


async def test_an_environment_with_some_of_the_data_mounts(api: Api) -> None:
    added = await api("POST", "/environments", {"image": TORCH, "mounts": ["faces"]})
    assert (added.status, added.json["mounts"]) == (201, ["faces"])
    again = await api("POST", "/environments", {"image": TORCH, "mounts": ["faces"]})
    assert again.json == added.json
    without = await api("POST", "/environments", {"image": TORCH, "mounts": []})
    usual = await api("POST", "/environments", {"image": TORCH, "mounts": None})
    assert (without.json["mounts"], usual.json["mounts"]) == ([], None)
    names = {each.json["name"] for each in (added, without, usual)}
    assert len(names) == 3


@pytest.mark.parametrize("path", ["/environments", "/launches"])
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("nothing", "data_mount_unknown"),
        ("..", "data_mount_unknown"),
        ("/etc", "invalid_request"),
        ("../faces", "invalid_request"),
        ("", "invalid_request"),
    ],
)
async def test_a_data_mount_that_there_is_not(api: Api, path: str, name: str, code: str) -> None:
    refused = await api("POST", path, {"image": TORCH, "mounts": [name]})
    assert (refused.status, refused.json["code"]) == (422, code)
    if code == "data_mount_unknown":
        assert refused.json["hint"] == "Choose from: faces, scratch."
    assert (await api("GET", "/environments")).json == {"environments": []}


async def test_a_launch_with_data_mounts_makes_an_environment_of_them(api: Api) -> None:
    body = {"image": TORCH, "mounts": ["scratch"], "memory": GIB, "shm_size": 64 << 20}
    launch = await api("POST", "/launches", body)
    assert launch.status == 202
    running = await api.until(launch.json["id"], Phase.RUNNING)
    row = (await api("GET", f"/environments/{running.environment}")).json
    assert (row["mounts"], row["memory"], row["shm_size"]) == (["scratch"], GIB, 64 << 20)
    assert (await api("DELETE", f"/launches/{running.id}")).status == 204
