"""The demonstration of binder/: its settings load, and its server says what it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from .conftest import Api

BINDER = Path(__file__).resolve().parents[2] / "binder"


@pytest.fixture
def jp_server_config(jp_config_dir: Path, run_dir: Path) -> dict[str, Any]:
    """Settings come from the file that postBuild installs, apart from the short run directory."""
    shutil.copy(BINDER / "jupyter_gpu_containers_config.py", jp_config_dir)
    extensions = {"jupyter_gpu_containers": True, "jupyter_server_terminals": False}
    return {
        "ServerApp": {"jpserver_extensions": extensions},
        "GpuContainers": {"run_dir": str(run_dir)},
    }


async def test_the_server_says_that_it_is_a_demonstration(api: Api) -> None:
    answer = await api("GET", "/status")
    assert (answer.json["demo"], answer.json["backend"], answer.json["problem"]) == (
        True,
        "memory",
        None,
    )


async def test_it_has_gpus_and_images_to_choose_from(api: Api) -> None:
    gpus = (await api("GET", "/gpus")).json["gpus"]
    assert sum(gpu["mig_profile"] is None for gpu in gpus) == 2
    assert sum(gpu["mig_profile"] is not None for gpu in gpus) == 3
    images = (await api("GET", "/images")).json["images"]
    assert images
    assert all(image["kernels"] for image in images)


def test_the_sample_notebook_is_delivered_without_outputs() -> None:
    cells = json.loads((BINDER / "demo.ipynb").read_text("utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
