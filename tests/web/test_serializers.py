"""Values as JSON: launches as both the contract and the event schema want them, times in UTC."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker
from jupyter_events.schema import EventSchema

import jupyter_gpu_containers
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.kernel.idle import Idleness
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase, PullProgress
from jupyter_gpu_containers.model.queue import QueuePlace
from jupyter_gpu_containers.web.contract import document
from jupyter_gpu_containers.web.serializers import launch_model, time_text

EVENT = Path(jupyter_gpu_containers.__file__).parent / "events" / "launch.v1.yaml"
ID = "0e0b5f1c-8b0e-4ad7-9d52-5b1d5a1c2f3e"
NEW = Launch(ID, image="pytorch/pytorch:2.6.0")
RUNNING = (
    Launch(ID, "torch", "PyTorch 2.6 · 1 GPU", "pytorch/pytorch:2.6.0", "a.ipynb")
    .advance(Phase.QUEUED, 1_700_000_000.0)
    .advance(Phase.RUNNING, 1_700_000_001.25, kernel_id=ID, container_id="c1", gpus=("GPU-1",))
)
FAILED = RUNNING.advance(
    Phase.FAILED, 1_700_000_002.0, error=Problem("out_of_memory", "Killed.", "Use less.")
)


@pytest.mark.parametrize("launch", [NEW, RUNNING, FAILED], ids=["new", "running", "failed"])
def test_a_launch_fits_the_contract_and_the_event(launch: Launch) -> None:
    schema = {"$ref": "#/components/schemas/Launch", "components": document()["components"]}
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(launch_model(launch))
    EventSchema(EVENT).validate(launch_model(launch))
    Draft7Validator(yaml.safe_load(EVENT.read_text())).validate(launch_model(launch))


def test_the_event_and_the_contract_promise_the_same() -> None:
    event: dict[str, Any] = yaml.safe_load(EVENT.read_text())
    contract = document()["components"]["schemas"]["Launch"]
    assert set(event["properties"]) == set(contract["properties"]) == set(contract["required"])
    assert event["required"] == contract["required"]
    assert event["properties"]["phase"]["enum"] == contract["properties"]["phase"]["enum"]
    assert contract["properties"]["phase"]["enum"] == [phase.value for phase in Phase]


def test_a_launch_in_full() -> None:
    assert launch_model(FAILED) == {
        "id": ID,
        "environment": "torch",
        "display_name": "PyTorch 2.6 · 1 GPU",
        "image": "pytorch/pytorch:2.6.0",
        "path": "a.ipynb",
        "kernel_id": ID,
        "container_id": "c1",
        "gpus": ["GPU-1"],
        "phase": "failed",
        "phases": [
            {"phase": "queued", "at": "2023-11-14T22:13:20.000Z"},
            {"phase": "running", "at": "2023-11-14T22:13:21.250Z"},
            {"phase": "failed", "at": "2023-11-14T22:13:22.000Z"},
        ],
        "error": {"code": "out_of_memory", "message": "Killed.", "hint": "Use less."},
        "recovered": False,
        "queue": None,
        "pull": None,
        "warnings": [],
        "idle": None,
    }


def test_the_last_lines_of_a_log() -> None:
    problem = Problem("kernel_exited", "It ended.", "Look.", "no licence\n")
    failed = replace(FAILED, error=problem)
    assert launch_model(failed)["error"] == {
        "code": "kernel_exited",
        "message": "It ended.",
        "hint": "Look.",
        "log": "no licence\n",
    }
    test_a_launch_fits_the_contract_and_the_event(failed)


def test_a_pull() -> None:
    pull = PullProgress(ID, 3_100_000_000, 8_900_000_000, 24_166_666.7, 240.4)
    fetching = replace(NEW.advance(Phase.PULLING, 1_700_000_000.0), pull=pull)
    assert launch_model(fetching)["pull"] == {
        "job": ID,
        "current": 3_100_000_000,
        "total": 8_900_000_000,
        "speed": 24_166_667,
        "eta": 240,
    }
    test_a_launch_fits_the_contract_and_the_event(fetching)
    begun = replace(fetching, pull=PullProgress(ID))
    test_a_launch_fits_the_contract_and_the_event(begun)


def test_warnings() -> None:
    warned = replace(FAILED, warnings=(Problem("gpu_lost", "GPU 3 failed.", "Save."),))
    assert launch_model(warned)["warnings"] == [
        {"code": "gpu_lost", "message": "GPU 3 failed.", "hint": "Save."}
    ]


def test_a_place_in_the_queue() -> None:
    place = QueuePlace(2, 5, 4, 1_700_000_000.0, 90.4, ("train.ipynb (ada)",))
    assert launch_model(replace(FAILED, queue=place))["queue"] == {
        "position": 2,
        "length": 5,
        "gpus": 4,
        "since": "2023-11-14T22:13:20.000Z",
        "estimate": 90,
        "holders": ["train.ipynb (ada)"],
    }


def test_an_idle_kernel() -> None:
    idle = replace(RUNNING, idle=Idleness(since=1_700_000_000.0, stop_at=1_700_000_600.5))
    assert launch_model(idle)["idle"] == {
        "since": "2023-11-14T22:13:20.000Z",
        "stop_at": "2023-11-14T22:23:20.500Z",
    }
    test_a_launch_fits_the_contract_and_the_event(idle)


def test_times_do_not_depend_on_this_machines_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    assert time_text(0) == "1970-01-01T00:00:00.000Z"
