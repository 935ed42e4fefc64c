"""The queue for GPUs by REST, on a real Jupyter server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from tests.web.conftest import TIMEOUT, Api

IMAGE = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"


@pytest.fixture
def jp_server_config(jp_server_config: dict[str, Any]) -> dict[str, Any]:
    jp_server_config["GpuContainers"] |= {"fixed_gpus": [{"count": 1}], "max_queue": 2}
    return jp_server_config


async def launch(api: Api, **more: object) -> str:
    """Ask for a GPU; return the launch's id."""
    answer = await api("POST", "/launches", {"image": IMAGE, "gpus": 1, **more})
    assert answer.status == 202
    return str(answer.json["id"])


async def placed(api: Api, launch_id: str, position: int) -> dict[str, Any]:
    """Wait for an event that gives a launch this place; return the launch by REST."""
    there = asyncio.Event()

    def look(changed: object) -> None:
        place = api.services.launches.get(launch_id).queue
        if place is not None and place.position == position:
            there.set()

    api.services.launches.on_change(look)
    look(None)
    await asyncio.wait_for(there.wait(), TIMEOUT)
    return dict((await api("GET", f"/launches/{launch_id}")).json)


async def test_the_whole_way_through_the_queue(api: Api) -> None:
    """Two wait; the first leaves it for the CPU, and the second gets the GPU when it is free."""
    holder = await launch(api)
    await api.until(holder, Phase.RUNNING)
    first, second = await launch(api), None
    waiting = await placed(api, first, 1)
    assert waiting["phase"] == "waiting"
    assert waiting["queue"]["holders"]
    second = await launch(api)
    assert (await placed(api, second, 2))["queue"]["length"] == 2
    full = await api("POST", "/launches", {"image": IMAGE, "gpus": 1})
    assert (full.status, full.json["code"]) == (409, "queue_full")

    started = await api("PATCH", f"/launches/{first}", {"gpus": 0})
    assert (started.status, started.json["queue"]) == (200, None)
    on_cpu = await api.until(first, Phase.RUNNING)
    assert on_cpu.gpus == ()
    assert api.services.environments.get(on_cpu.environment).gpus == 0
    await placed(api, second, 1)
    refused = await api("PATCH", f"/launches/{first}", {"gpus": 0})
    assert (refused.status, refused.json["code"]) == (409, "not_waiting")

    assert (await api("DELETE", f"/launches/{holder}")).status == 204
    running = await api.until(second, Phase.RUNNING)
    assert len(running.gpus) == 1
    for each in (first, second):
        assert (await api("DELETE", f"/launches/{each}")).status == 204


async def test_leaving_the_queue(api: Api) -> None:
    holder = await launch(api)
    await api.until(holder, Phase.RUNNING)
    waiting = await launch(api)
    await placed(api, waiting, 1)
    assert (await api("DELETE", f"/launches/{waiting}")).status == 204
    left = await api("GET", f"/launches/{waiting}")
    assert (left.json["phase"], left.json["queue"], left.json["error"]) == ("cancelled", None, None)
    assert len(api.services.kernels.seats.taken) == 1  # no folder, no kernel, no container
    await api("DELETE", f"/launches/{holder}")


async def test_not_waiting_on_request(api: Api) -> None:
    holder = await launch(api)
    await api.until(holder, Phase.RUNNING)
    refused = await launch(api, wait=False)
    await api.until(refused, Phase.FAILED)
    answer = await api("GET", f"/launches/{refused}")
    assert answer.json["error"]["code"] == "gpus_busy"
    await api("DELETE", f"/launches/{holder}")


@pytest.mark.parametrize("body", [{}, {"gpus": 1}, {"gpus": 0, "more": 1}])
async def test_nothing_else_can_be_changed(api: Api, body: dict[str, int]) -> None:
    holder = await launch(api)
    assert (await api("PATCH", f"/launches/{holder}", body)).status == 422
    missing = "/launches/00000000-0000-4000-8000-000000000000"
    assert (await api("PATCH", missing, {"gpus": 0})).status == 404
    await api("DELETE", f"/launches/{holder}")


async def test_browsers_of_one_person_are_one_user(api: Api) -> None:
    """Jupyter's own identity provider calls every request with a token somebody new."""
    holder = await launch(api)
    await api.until(holder, Phase.RUNNING)
    waiting = await launch(api)
    await placed(api, waiting, 1)
    (ticket,) = api.services.launches._room._queue.waiting()
    assert ticket.user == api.services.kernels.seats.caller.name
    for each in (waiting, holder):
        await api("DELETE", f"/launches/{each}")


async def test_many_requests_at_once_leave_turns_to_others(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is worked on in a turn of the event loop of its own, in which others run, too."""
    turn = 0
    worked: list[int] = []
    run_once, every = asyncio.BaseEventLoop._run_once, api.services.launches.list  # type: ignore[attr-defined]

    def counted(loop: asyncio.BaseEventLoop) -> None:
        nonlocal turn
        turn += 1
        run_once(loop)

    def noted() -> list[Launch]:
        worked.append(turn)
        return every()

    monkeypatch.setattr(asyncio.BaseEventLoop, "_run_once", counted)
    monkeypatch.setattr(api.services.launches, "list", noted)
    answers = await asyncio.gather(*(api("GET", "/launches") for _ in range(10)))
    assert [answer.status for answer in answers] == [200] * 10
    assert len(set(worked)) == len(worked) == 10
