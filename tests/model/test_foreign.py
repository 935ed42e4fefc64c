"""Which GPUs a container of somebody else has, from what the engine tells of it."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_gpu_containers.model.gpu.device import Gpu
from jupyter_gpu_containers.model.gpu.foreign import ForeignContainer, asked_devices, uuids_of

GPUS = [
    Gpu("GPU-aaaa-1", 0, "A100", minor_number=0),
    Gpu("MIG-bbbb-1", 1, "A100", minor_number=1, parent_uuid="GPU-bbbb-2", mig_profile="1g.10gb"),
    Gpu("MIG-bbbb-2", 1, "A100", minor_number=1, parent_uuid="GPU-bbbb-2", mig_profile="1g.10gb"),
    Gpu("GPU-cccc-3", 2, "A100", minor_number=7),
]
EVERY = {gpu.uuid for gpu in GPUS}
FIRST, LAST, BOTH = {"GPU-aaaa-1"}, {"GPU-cccc-3"}, {"MIG-bbbb-1", "MIG-bbbb-2"}


def has(host: dict[str, Any], *env: str) -> set[str]:
    """Return the devices of a container that was created so."""
    devices = asked_devices({"HostConfig": host, "Config": {"Env": list(env)}})
    return set(uuids_of(ForeignContainer("id", "name", devices), GPUS)) if devices else set()


def request(**fields: Any) -> dict[str, Any]:
    return {"DeviceRequests": [{"Driver": "", "Count": 0, "Capabilities": [["gpu"]], **fields}]}


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (request(Count=-1), EVERY),  # --gpus all
        (request(Count=1), FIRST),
        (request(Count=2), FIRST | BOTH),
        (request(DeviceIDs=["2"]), LAST),
        (request(DeviceIDs=["GPU-cccc-3", "0"]), FIRST | LAST),
        (request(DeviceIDs=["GPU-cc"]), LAST),
        (request(DeviceIDs=["MIG-bbbb-1"]), {"MIG-bbbb-1"}),
        (request(DeviceIDs=["GPU-bbbb-2"]), BOTH),  # the whole GPU, as its parent
        (request(DeviceIDs=["1:0"]), BOTH),  # which instance that is, nobody says
        (request(DeviceIDs=["5"]), set()),
        (request(DeviceIDs=["some name"]), EVERY),  # unknown is never free
        (request(Driver="nvidia", Capabilities=[["utility"]], Count=-1), EVERY),
        (request(Capabilities=[["tpu"]], Count=-1), set()),
        (request(Driver="cdi", Capabilities=[], DeviceIDs=["nvidia.com/gpu=all"]), EVERY),
        (request(Driver="cdi", Capabilities=[], DeviceIDs=["nvidia.com/gpu=GPU-aaaa-1"]), FIRST),
        (request(Driver="cdi", Capabilities=[], DeviceIDs=["nvidia.com/gpu=1:0"]), BOTH),
        (request(Driver="cdi", Capabilities=[], DeviceIDs=["example.com/net=all"]), set()),
        ({"Devices": [{"PathOnHost": "/dev/nvidia7"}, {"PathOnHost": "/dev/nvidiactl"}]}, LAST),
        ({"Devices": [{"PathOnHost": "/dev/sda"}]}, set()),
        ({"Privileged": True}, set()),
        ({"DeviceRequests": None, "Devices": None}, set()),
        ({}, set()),
    ],
)
def test_by_request(host: dict[str, Any], expected: set[str]) -> None:
    assert has(host) == expected


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        (["NVIDIA_VISIBLE_DEVICES=all"], EVERY),
        (["NVIDIA_VISIBLE_DEVICES=0,2"], FIRST | LAST),
        (["NVIDIA_VISIBLE_DEVICES=GPU-aaaa-1, GPU-cccc-3"], FIRST | LAST),
        (["NVIDIA_VISIBLE_DEVICES=void"], set()),
        (["NVIDIA_VISIBLE_DEVICES=none"], set()),
        (["NVIDIA_VISIBLE_DEVICES="], set()),
        (["CUDA_VERSION=12.4", "NVIDIA_VISIBLE_DEVICES=void"], set()),
        (["CUDA_VERSION=12.4"], EVERY),  # "legacy" images get all
        (["PATH=/bin"], set()),
    ],
)
def test_by_variable(env: list[str], expected: set[str]) -> None:
    """Of NVIDIA's runtime alone: to another one the variables say nothing."""
    assert has({"Runtime": "nvidia"}, *env) == expected
    assert has({"Runtime": "runc"}, *env) == set()
