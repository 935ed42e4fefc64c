"""``GET report``: what GPUs were used for, to this moment."""

from __future__ import annotations

import time

import pytest

from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.model.kernel.launch import Phase

from .conftest import Api

TORCH = DEMO_IMAGES[1].references[0]


async def test_a_kernel_that_holds_two_gpus(api: Api) -> None:
    empty = (await api("GET", "/report")).json
    assert (empty["by"], empty["rows"], empty["total"]["held_s"]) == ("user", [], 0)
    asked = {"image": TORCH, "gpus": 2, "path": "thesis.ipynb"}
    launch_id = (await api("POST", "/launches", asked)).json["id"]
    launch = await api.until(launch_id, Phase.RUNNING)
    (row,) = (await api("GET", "/report?since=1h&by=kernel")).json["rows"]
    assert (row["kernel"], row["notebook"], row["image"], row["running"]) == (
        *(launch_id, "thesis.ipynb", TORCH),
        True,
    )
    assert row["user"] == api.services.kernels.seats.caller.name
    assert row["gpus"] == [{"uuid": uuid, "index": n} for n, uuid in enumerate(launch.gpus)]
    assert (await api("DELETE", f"/launches/{launch_id}")).status == 204
    api.services.operations.accounting.close()
    (row,) = (await api("GET", "/report?by=notebook")).json["rows"]
    assert not row["running"]
    began = next(entry.at for entry in launch.phases if entry.phase is Phase.STARTING)
    assert 0 < row["held_s"] < 2 * (time.time() - began)


@pytest.mark.parametrize(
    "query", ["since=soon", "since=2999-01-01", "by=colour", "since=", f"since={'9' * 50}d"]
)
async def test_questions_that_make_no_sense(api: Api, query: str) -> None:
    assert (await api("GET", f"/report?{query}")).status == 422
