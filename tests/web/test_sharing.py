"""Launches that ask for a size of MIG instances, for particular GPUs, or share one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_gpu_containers.errors import GpusBusyError
from jupyter_gpu_containers.model.gpu.device import GpuRequest
from jupyter_gpu_containers.model.kernel.launch import Phase

from .conftest import Api

IMAGE = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"
MACHINE = [
    {"name": "NVIDIA A100", "memory_gib": 80, "count": 2, "link": "NV12"},
    {"name": "NVIDIA A100", "memory_gib": 80, "mig": ["1g.10gb", "3g.40gb", "1g.10gb"]},
]


@pytest.fixture
def jp_server_config(run_dir: Path) -> dict[str, Any]:
    """Two whole GPUs, of which two kernels may share the first, and one that is split."""
    return {
        "ServerApp": {
            "jpserver_extensions": {
                "jupyter_gpu_containers": True,
                "jupyter_server_terminals": False,
            },
            "allow_unauthenticated_access": False,
        },
        "GpuContainers": {
            "backend": "memory",
            "fixed_gpus": MACHINE,
            "gpu_slots": {"0": 2},
            "run_dir": str(run_dir),
        },
    }


async def gpus(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api("GET", "/gpus")).json["gpus"]
    return found


async def run(api: Api, **wanted: object) -> tuple[str, tuple[str, ...], str]:
    """Launch and wait until the kernel answers: the launch, its GPUs, its environment."""
    answer = await api("POST", "/launches", {"image": IMAGE, **wanted})
    assert answer.status == 202, answer.json
    launch = await api.until(answer.json["id"], Phase.RUNNING)
    return launch.id, launch.gpus, launch.environment


async def test_by_profile(api: Api) -> None:
    """The environment says so, too: whoever starts its kernelspec gets such an instance."""
    sizes = {gpu["uuid"]: gpu["mig_profile"] for gpu in await gpus(api)}
    launch_id, held, name = await run(api, gpus=1, gpu_profile="3g.40gb")
    assert [sizes[uuid] for uuid in held] == ["3g.40gb"]
    environment = (await api("GET", f"/environments/{name}")).json
    assert environment["gpu_profile"] == "3g.40gb"
    assert environment["display_name"].endswith(" · 3g.40gb")
    assert (await api("DELETE", f"/launches/{launch_id}")).status == 204


async def test_a_particular_gpu(api: Api) -> None:
    """The launch's own wish: the environment is the everyday one with as many GPUs."""
    second = (await gpus(api))[1]["uuid"]
    launch_id, held, name = await run(api, gpu_uuids=[second])
    assert held == (second,)
    environment = (await api("GET", f"/environments/{name}")).json
    assert (environment["gpus"], environment["gpu_uuids"]) == (1, [])
    assert (await api("DELETE", f"/launches/{launch_id}")).status == 204


async def test_an_environment_of_particular_gpus(api: Api) -> None:
    second = (await gpus(api))[1]["uuid"]
    added = await api("POST", "/environments", {"image": IMAGE, "gpu_uuids": [second]})
    assert (added.json["gpus"], added.json["gpu_uuids"]) == (1, [second])
    answer = await api("POST", "/launches", {"environment": added.json["name"]})
    launch = await api.until(answer.json["id"], Phase.RUNNING)
    assert launch.gpus == (second,)
    assert (await api("DELETE", f"/launches/{launch.id}")).status == 204


async def test_two_kernels_share_a_gpu(api: Api) -> None:
    """Each takes a slot; there is no third; a slot is free again when its kernel is gone."""
    first = (await gpus(api))[0]["uuid"]
    one, *_ = await run(api, gpu_uuids=[first])
    assert [(gpu["state"], gpu["slots"], gpu["slots_used"]) for gpu in await gpus(api)][:2] == [
        ("shared", 2, 1),
        ("free", 1, 0),
    ]
    two, *_ = await run(api, gpu_uuids=[first])
    shared = (await gpus(api))[0]
    assert (shared["state"], shared["slots_used"]) == ("claimed", 2)
    assert {holder["kernel_id"] for holder in shared["holders"]} == {one, two}
    assert shared["holder"] == shared["holders"][0]
    with pytest.raises(GpusBusyError, match="GPU 0 was asked for, but it is not free"):
        await api.services.claims.claim(GpuRequest(uuids=(first,)), lambda gpus, name: None)
    assert (await api("DELETE", f"/launches/{one}")).status == 204
    assert [gpu["state"] for gpu in await gpus(api)][:2] == ["shared", "free"]
    assert (await api("DELETE", f"/launches/{two}")).status == 204
    assert (await gpus(api))[0]["slots_used"] == 0


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"gpu_profile": "1g.10gb"}, "no GPU was asked for"),
        ({"gpus": 3, "gpu_uuids": ["GPU-1"]}, "Particular GPUs were named, and 3 GPUs besides"),
        ({"gpu_profile": "1g.10gb", "gpu_uuids": ["MIG-1"]}, "and the MIG profile 1g.10gb"),
        ({"gpus": 1, "gpu_profile": "big"}, "gpu_profile: 'big' does not match"),
        ({"gpu_uuids": ["GPU-1", "GPU-1"]}, "non-unique"),
        ({"gpu_uuids": ["/dev/nvidia0"]}, "does not match"),
    ],
)
async def test_gpus_that_contradict_each_other(
    api: Api, wanted: dict[str, object], words: str
) -> None:
    for path in ("/launches", "/environments"):
        answer = await api("POST", path, {"image": IMAGE, **wanted})
        assert answer.status == 422
        assert words in answer.json["message"]
    assert (await api("GET", "/launches")).json == {"launches": []}
