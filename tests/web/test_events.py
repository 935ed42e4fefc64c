"""What goes out on the event bus, held to the schemas; jobs have tests of their own."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from jupyter_events.schema import EventSchema

from jupyter_gpu_containers.model.gpu.load import GpuLoad, HolderLoad
from jupyter_gpu_containers.web.contract import document
from jupyter_gpu_containers.web.events import EVENTS, SCHEMAS
from jupyter_gpu_containers.web.serializers import gpu_load_model

GIB = 1 << 30
LOADS = (
    GpuLoad("GPU-1", 9 * GIB, 40, (HolderLoad("c1", GIB), HolderLoad("c2", None))),
    GpuLoad("MIG-1", 0, None),
)


def schema(name: str) -> dict[str, Any]:
    text: dict[str, Any] = yaml.safe_load((EVENTS / name).read_text("utf-8"))
    return text


def test_every_schema_is_registered_under_its_file_name() -> None:
    assert sorted(SCHEMAS) == sorted(file.name for file in EVENTS.iterdir())
    for name in SCHEMAS:
        kind, version, _ = name.split(".")
        assert schema(name)["$id"].endswith(f"/{kind}/{version}")


def test_a_load_in_full() -> None:
    data = gpu_load_model(LOADS, 1_700_000_000.25)
    EventSchema(EVENTS / "gpu-load.v1.yaml").validate(data)
    Draft7Validator(schema("gpu-load.v1.yaml")).validate(data)
    assert data == {
        "at": "2023-11-14T22:13:20.250Z",
        "gpus": [
            {
                "uuid": "GPU-1",
                "memory_used": 9 * GIB,
                "utilization": 40,
                "holders": [
                    {"container_id": "c1", "memory_used": GIB},
                    {"container_id": "c2", "memory_used": None},
                ],
            },
            {"uuid": "MIG-1", "memory_used": 0, "utilization": None, "holders": []},
        ],
    }


@pytest.mark.parametrize("resource", ["kernels", "", None])
def test_only_resources_change(resource: object) -> None:
    validator = Draft7Validator(schema("changed.v1.yaml"))
    assert not validator.is_valid({"resource": resource})
    for known in schema("changed.v1.yaml")["properties"]["resource"]["enum"]:
        assert validator.is_valid({"resource": known})
        assert known == "status" or f"/{known}" in document()["paths"]


def test_a_load_says_what_the_contract_says() -> None:
    """Field by field: the page puts it in the place of what `GET gpus` told it."""
    load = schema("gpu-load.v1.yaml")["properties"]["gpus"]["items"]
    holder = load["properties"]["holders"]["items"]
    contract = document()["components"]["schemas"]
    assert set(load["required"]) == set(load["properties"]) <= set(contract["Gpu"]["properties"])
    assert set(holder["required"]) <= set(contract["Holder"]["properties"])
