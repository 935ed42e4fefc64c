"""Idle kernels in a whole server: warned, kept, used, stopped, and who is let in when they are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from jupyter_gpu_containers.model.kernel.launch import Phase
from jupyter_gpu_containers.web import kernel_state

from .conftest import TIMEOUT, Api
from .idle_kernel import (
    IMAGE,
    Later,
    Opener,
    Page,
    changed,
    end_all,
    settled,
    started,
    started_in,
    warned,
)
from .terminal_page import connected

HISTORY = {"hist_access_type": "tail", "n": 1, "output": False, "raw": True}
HOUR, WARNING = 3600.0, 600.0


@pytest.fixture
def jp_server_config(jp_server_config: dict[str, Any]) -> dict[str, Any]:
    more = {"idle_timeout": HOUR, "fixed_gpus": [{"count": 1}], "start_timeout": 50.0}
    jp_server_config["GpuContainers"] |= more
    return jp_server_config


@pytest.fixture
def later(api: Api, monkeypatch: pytest.MonkeyPatch) -> Later:
    monkeypatch.setattr(kernel_state, "PATIENCE", TIMEOUT)  # a busy machine is no busy kernel
    return Later(api)


@pytest.fixture
def opened(jp_ws_fetch: Any) -> Iterator[Opener]:
    """Open a page on a kernel."""
    sockets = []

    async def open_page(kernel_id: str) -> Page:
        sockets.append(await jp_ws_fetch("api", "kernels", kernel_id, "channels"))
        return Page(sockets[-1])

    yield open_page
    for socket in sockets:
        socket.close()


def moment(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


async def test_warned_kept_and_in_the_end_stopped_with_the_numbers(api: Api, later: Later) -> None:
    """Nobody has ever connected to it; who waits gets its GPU."""
    launch = await started(api)
    await settled(api, launch.id)
    next_one = (await api("POST", "/launches", {"image": IMAGE, "gpus": 1})).json["id"]
    await api.until(next_one, Phase.WAITING)

    await later.go(HOUR - 60)
    assert (await api("GET", f"/launches/{launch.id}")).json["idle"] is None
    await later.go(90)
    idle = (await api("GET", f"/launches/{launch.id}")).json["idle"]
    assert HOUR <= moment(idle["stop_at"]) - WARNING - moment(idle["since"]) < HOUR + 60

    kept = await api("POST", f"/launches/{launch.id}/keep-alive")
    assert (kept.status, kept.json["idle"], kept.json["phase"]) == (200, None, "running")
    await later.go(HOUR - 60)
    assert (await api("GET", f"/launches/{launch.id}")).json["idle"] is None
    await later.go(90 + WARNING - 60)
    assert (await api("GET", f"/launches/{launch.id}")).json["phase"] == "running"
    await later.go(60)

    ended = await api.until(launch.id, Phase.CANCELLED)
    assert ended.idle is None
    assert ended.error is not None
    assert ended.error.code == "culled"
    assert ended.error.message == (
        "The kernel was shut down by this server: nothing ran in it for 70 minutes and its GPU was "
        "idle (at most 5 % used); this server's configuration allows 1 hour "
        "(c.GpuContainers.idle_timeout), and the warning came 10 minutes before."
    )
    await api.until(next_one, Phase.RUNNING)
    again = await api("POST", f"/launches/{launch.id}/keep-alive")
    assert (again.status, again.json["code"]) == (409, "kernel_not_running")
    assert (await api("POST", f"/launches/{'0' * 8}/keep-alive")).status == 404
    await end_all(api)


async def test_a_running_cell_is_never_stopped(
    api: Api,
    later: Later,
    opened: Opener,
    jp_serverapp: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor where a message on another channel has the server believe that it has ended."""
    monkeypatch.setattr(kernel_state, "PATIENCE", 0.5)  # it does not answer
    launch = await started(api)
    notebook = await opened(launch.id)
    go = tmp_path / "go"
    cell = await notebook.execute(
        f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)"
    )
    await notebook.until("status", cell, execution_state="busy")
    await later.go(3 * HOUR)
    assert api.services.launches.get(launch.id).idle is None

    history = await notebook.send("history_request", HISTORY, channel="control")
    await notebook.until("history_reply", history)
    kernel = jp_serverapp.kernel_manager.get_kernel(launch.id)
    await settled(api, launch.id)
    assert kernel.execution_state == "idle"  # which is wrong
    await later.go(3 * HOUR)
    running = api.services.launches.get(launch.id)
    assert (running.phase, running.idle) == (Phase.RUNNING, None)

    monkeypatch.setattr(kernel_state, "PATIENCE", TIMEOUT)
    go.touch()
    await notebook.ran(cell)
    await warned(api, later, launch.id, HOUR + 60)
    await end_all(api)


async def test_a_cell_that_waits_for_input_is_never_stopped(
    api: Api, later: Later, opened: Opener
) -> None:
    launch = await started(api)
    notebook = await opened(launch.id)
    cell = await notebook.execute("name = input('Name? ')", stdin=True)
    await notebook.until("input_request", cell)
    await later.go(3 * HOUR)
    running = api.services.launches.get(launch.id)
    assert (running.phase, running.idle) == (Phase.RUNNING, None)
    await notebook.send("input_reply", {"value": "Ada", "status": "ok"}, channel="stdin")
    await notebook.ran(cell)
    await end_all(api)


async def test_a_cell_between_warning_and_stop_cancels(
    api: Api, later: Later, opened: Opener
) -> None:
    """When the message arrives, before the kernel can have seen it; what pages ask does not."""
    launch = await started(api)
    notebook = await opened(launch.id)
    info = await notebook.send("kernel_info_request", {})
    await notebook.ran(info)
    await settled(api, launch.id)
    await later.go(HOUR + 60)
    assert api.services.launches.get(launch.id).idle is not None
    info = await notebook.send("kernel_info_request", {})
    await notebook.ran(info)
    await later.go(60)
    assert api.services.launches.get(launch.id).idle is not None

    seen: list[bool] = []
    kernel = api.services.launches.door
    assert kernel is not None
    api.services.launches.on_change(lambda _: seen.append(kernel.activity(launch.id).busy))
    cell = await notebook.execute("1 + 1")
    await changed(api, launch.id, lambda launch: launch.idle is None)
    assert seen == [False]  # the kernel itself had said nothing yet
    await notebook.ran(cell)
    await settled(api, launch.id)
    await later.go(HOUR - 60)
    running = api.services.launches.get(launch.id)
    assert (running.phase, running.idle) == (Phase.RUNNING, None)
    await end_all(api)


async def test_a_restart_begins_anew_also_in_the_middle_of_a_cell(
    api: Api, later: Later, opened: Opener, jp_fetch: Any
) -> None:
    launch = await started(api)
    notebook = await opened(launch.id)
    await settled(api, launch.id)
    await later.go(HOUR + 60)
    assert api.services.launches.get(launch.id).idle is not None
    cell = await notebook.execute("import time; time.sleep(1000)")
    await notebook.until("status", cell, execution_state="busy")
    await jp_fetch("api", "kernels", launch.id, "restart", method="POST", body="{}")
    assert api.services.launches.get(launch.id).idle is None
    await settled(api, launch.id)  # nobody has told that the cell ended
    await later.go(HOUR - 60)
    assert api.services.launches.get(launch.id).idle is None
    await later.go(120)
    assert api.services.launches.get(launch.id).idle is not None
    await settled(api, launch.id)
    await later.go(WARNING)
    if api.services.launches.get(launch.id).error is None:  # its answer looked like use, once
        await warned(api, later, launch.id, HOUR + 60)
        await settled(api, launch.id)
        await later.go(WARNING)
    assert (await api.until(launch.id, Phase.CANCELLED)).error is not None
    await end_all(api)


async def test_an_environment_has_a_time_of_its_own_also_without_gpus(
    api: Api, later: Later
) -> None:
    body = {"image": IMAGE, "gpus": 0, "idle_timeout": 120}
    added = (await api("POST", "/environments", body)).json
    assert added["idle_timeout"] == 120
    other = (await api("POST", "/environments", {"image": IMAGE, "gpus": 0})).json
    assert (other["name"] == added["name"], other["idle_timeout"]) == (False, None)
    limited, free = [await started_in(api, one["name"]) for one in (added, other)]
    await settled(api, limited)
    await settled(api, free)
    await later.go(180 + WARNING)
    ended = await api.until(limited, Phase.CANCELLED)
    assert ended.error is not None
    assert "its environment allows 2 minutes (--idle-timeout)" in ended.error.message
    assert "GPU" not in ended.error.message.replace("GpuContainers", "")
    assert api.services.launches.get(free).idle is None
    await later.go(10 * HOUR)
    assert api.services.launches.get(free).phase is Phase.RUNNING
    await end_all(api)


async def test_a_page_that_shows_the_kernels_memory_is_no_use(
    api: Api, later: Later, opened: Opener
) -> None:
    """As jupyter-resource-usage asks for it every few seconds."""
    launch = await started(api)
    notebook = await opened(launch.id)
    await settled(api, launch.id)
    for _ in range(6):
        await later.go(HOUR / 6)
        usage = await notebook.send("usage_request", {}, channel="control")
        await notebook.until("usage_reply", usage)
    await later.go(60)
    assert api.services.launches.get(launch.id).idle is not None
    await end_all(api)


async def test_a_commit_is_use(api: Api, later: Later) -> None:
    launch = await started(api)
    await settled(api, launch.id)
    await later.go(HOUR + 60)
    assert api.services.launches.get(launch.id).idle is not None
    body = {"kind": "commit", "reference": "team/kept:1", "launch": launch.id}
    assert (await api("POST", "/jobs", body)).status == 202
    assert api.services.launches.get(launch.id).idle is None
    await end_all(api)


class TestTerminals:
    """Somebody works in a terminal in the kernel's container, and runs no cell."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        jp_server_config["ServerApp"]["jpserver_extensions"]["jupyter_server_terminals"] = True
        # its handler of Jupyter's own says nothing of who may
        jp_server_config["ServerApp"]["allow_unauthenticated_access"] = True
        jp_server_config["GpuContainers"]["fixed_gpus"] = [{"count": 2}]
        return jp_server_config

    async def test_what_is_typed_there_is_use(  # type: ignore[no-untyped-def]
        self, api: Api, later: Later, jp_http_port, jp_base_url, jp_auth_header
    ) -> None:
        """Of that kernel and of no other; a terminal that is only open is no use."""
        launch, other = await started(api), await started(api)
        await settled(api, launch.id)
        await settled(api, other.id)
        name = (await api("POST", f"/launches/{launch.id}/terminals")).json["name"]
        terminal = await connected(name, jp_http_port, jp_base_url, jp_auth_header)
        await terminal.type("echo rea''dy; exec cat")  # nothing is printed any more by itself
        await terminal.until("ready\r\n")
        await later.go(HOUR + 60)
        assert api.services.launches.get(launch.id).idle is not None

        await terminal.type("one")
        await terminal.until("one\r\none\r\n")
        await later.go(30)
        assert api.services.launches.get(launch.id).idle is None
        await later.go(HOUR - 90)
        await terminal.type("two")
        await terminal.until("two\r\ntwo\r\n")
        await later.go(HOUR - 60)
        running = api.services.launches.get(launch.id)
        assert (running.phase, running.idle) == (Phase.RUNNING, None)
        assert (await api.until(other.id, Phase.CANCELLED)).error is not None
        await later.go(90)
        assert api.services.launches.get(launch.id).idle is not None
        await end_all(api)
        await terminal.to_end()
