"""A limited run time in a whole server: who waits is told how long, and is let in when it is up."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_gpu_containers.model.kernel.launch import Phase

from .conftest import Api

TORCH = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"


@pytest.fixture
def jp_server_config(jp_server_config: dict[str, Any]) -> dict[str, Any]:
    jp_server_config["GpuContainers"] |= {"max_run_time": 8.0, "start_timeout": 50.0}
    return jp_server_config


async def test_a_kernel_ends_and_the_next_one_starts(api: Api) -> None:
    seen: list[list[str]] = []
    first = (await api("POST", "/launches", {"image": TORCH, "gpus": 2})).json["id"]
    api.services.launches.on_change(
        lambda launch: launch.id == first and seen.append([w.code for w in launch.warnings])
    )
    await api.until(first, Phase.RUNNING)
    second = (await api("POST", "/launches", {"image": TORCH, "gpus": 1})).json["id"]
    await api.until(second, Phase.WAITING)
    place = (await api("GET", f"/launches/{second}")).json["queue"]
    assert (place["position"], place["estimate"]) == (1, 60)  # 58 seconds at most, to the minute
    await api.until(first, Phase.CANCELLED)
    ended = (await api("GET", f"/launches/{first}")).json
    assert ended["error"] == {
        "code": "policy_run_time",
        "message": "The kernel was stopped: this server's configuration allows a kernel to run for "
        "8 seconds (c.GpuContainers.max_run_time).",
        "hint": "Start it again; its variables are lost.",
    }
    assert ["run_time_ends"] in seen
    await api.until(second, Phase.RUNNING)
    assert (await api("DELETE", f"/launches/{second}")).status == 204
