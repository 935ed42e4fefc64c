"""A real Jupyter server: launches, kernels that start while cells wait, cancelling."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import IMAGES
from tests.provisioner.server_room import *  # noqa: F403
from tests.rooms import run_program
from tests.servers import Server

pytestmark = pytest.mark.engine


def test_launch_and_attach(server: Server) -> None:
    """The dialog's way: launch, wait, give the kernel to the notebook's session."""
    folder = server.room.workspace / "deep"
    folder.mkdir()
    launch_id = server.launch(image=IMAGES.debian12, path="deep/n.ipynb")
    launch = server.reached(launch_id, "running")
    assert [time["phase"] for time in launch["phases"]] == [
        "queued",
        "creating",
        "starting",
        "running",
    ]
    assert launch["kernel_id"] in server.kernels()
    body = {"path": "deep/n.ipynb", "name": "n.ipynb", "type": "notebook"}
    session = server.ask("POST", "/api/sessions", {**body, "kernel": {"id": launch["kernel_id"]}})
    page = server.connect(launch["kernel_id"])
    assert page.run("import os; print(os.getcwd())") == str(folder)
    page.close()
    server.request("DELETE", f"/api/sessions/{session['id']}")
    assert server.reached(launch_id, "cancelled")["error"]["code"] == "stopped_by"


def test_switch_twice(server: Server) -> None:
    """The session goes from kernel to kernel; each old one ends, with its container."""
    session = server.session("good")
    kernel_id = session["kernel"]["id"]
    for image in (IMAGES.debian13, IMAGES.debian12):
        launch_id = server.launch(image=image, path="n.ipynb", replaces=kernel_id)
        launch = server.reached(launch_id, "running")
        body = {"kernel": {"id": launch["kernel_id"]}}
        server.ask("PATCH", f"/api/sessions/{session['id']}", body)
        server.request("DELETE", f"/api/kernels/{kernel_id}")
        kernel_id = launch["kernel_id"]
        assert server.kernels() == [kernel_id]
        server.until(lambda: len(server.room.containers()) == 1)
    page = server.connect(kernel_id)
    assert page.run("import sys; print(*sys.version_info[:2])") == "3 11"
    page.close()
    server.request("DELETE", f"/api/sessions/{session['id']}")


def test_cells_sent_while_the_kernel_starts_are_answered(server: Server) -> None:
    session = server.session("good")  # answers at once, before there is a kernel
    page = server.connect(session["kernel"]["id"])
    first, second = page.send("x = 20; print('first')"), page.send("print(x + 1)")
    assert page.answer(first) == "first"
    assert page.answer(second) == "21"
    page.close()
    server.request("DELETE", f"/api/sessions/{session['id']}")


def test_a_page_that_is_reloaded_during_the_start(server: Server) -> None:
    """The new page finds the same kernel; there is one container."""
    session = server.session("good")
    page = server.connect(session["kernel"]["id"])
    page.send("x = 1")
    page.close()
    again = server.session("good")
    assert again["kernel"]["id"] == session["kernel"]["id"]
    page = server.connect(again["kernel"]["id"])
    assert page.run("print(1 + 1)") == "2"
    assert len(server.room.containers()) == 1
    page.close()
    server.request("DELETE", f"/api/sessions/{session['id']}")


def test_a_page_that_is_closed_during_the_start(server: Server) -> None:
    """Nobody took the launched kernel: it is shut down, and its launch says so."""
    launch_id = server.launch(environment="good", path="n.ipynb")
    server.reached(launch_id, "running")
    launch = server.reached(launch_id, "cancelled", "failed")
    assert launch["phase"] == "cancelled"
    server.until(lambda: (server.get_launch(launch_id)["error"] or {}).get("code"))
    error = server.get_launch(launch_id)["error"]
    assert error["code"] == "not_attached"
    assert "closed while it was being started" in error["message"]
    assert error["hint"]


def test_a_start_that_fails_tells_the_page(server: Server) -> None:
    session = server.session("exits")
    kernel_id = session["kernel"]["id"]
    page = server.connect(kernel_id)
    page.send("print('never')")
    assert page.closed() == 4000
    page.close()
    launch = server.get_launch(kernel_id)
    assert launch["phase"] == "failed"
    assert launch["error"]["code"] == "kernel_exited"
    assert "exit code 3" in launch["error"]["message"]
    assert "no licence" in launch["error"]["log"]
    server.request("DELETE", f"/api/sessions/{session['id']}")


def test_a_launch_that_fails_leaves_no_kernel(server: Server) -> None:
    launch = server.reached(server.launch(environment="exits", path="n.ipynb"), "failed")
    assert launch["error"]["code"] == "kernel_exited"
    server.until(lambda: server.kernels() == [])


@pytest.mark.parametrize("phase", ["at once", "creating", "starting"])
def test_cancel_a_launch(server: Server, phase: str) -> None:
    launch_id = server.launch(environment="silent", path="n.ipynb")
    if phase != "at once":
        server.reached(launch_id, *("creating", "starting")[phase == "starting" :])
    server.cancel(launch_id)
    assert server.room.leftovers() == []
    launch = server.get_launch(launch_id)
    assert (launch["phase"], launch["error"]) == ("cancelled", None)


def test_cancel_a_launch_that_runs(server: Server) -> None:
    launch_id = server.launch(environment="good", path="n.ipynb")
    server.reached(launch_id, "running")
    server.cancel(launch_id)
    assert server.room.leftovers() == []
    assert server.get_launch(launch_id)["phase"] == "cancelled"
    server.cancel(launch_id)  # once more is no error


@pytest.mark.parametrize("phase", ["at once", "starting"])
def test_close_a_notebook_whose_kernel_starts(server: Server, phase: str) -> None:
    """JupyterLab's own start, given up by JupyterLab's own means."""
    session = server.session("silent")
    kernel_id = session["kernel"]["id"]
    if phase == "starting":
        server.reached(kernel_id, "starting")
    server.request("DELETE", f"/api/sessions/{session['id']}")
    assert server.kernels() == []  # whoever asked is answered when it is gone
    assert server.room.leftovers() == []


@pytest.mark.parametrize("phase", ["at once", "starting"])
def test_shut_a_kernel_down_while_it_is_restarted(server: Server, phase: str) -> None:
    kernel_id = server.ask("POST", "/api/kernels", {"name": "once"})["id"]
    page = server.connect(kernel_id)
    assert page.run("print(1 + 1)") == "2"
    page.close()
    restart = f"/api/kernels/{kernel_id}/restart"
    with ThreadPoolExecutor() as threads:
        going = threads.submit(server.request, "POST", restart)
        if phase == "starting":
            server.reached(kernel_id, "starting")
        server.cancel(kernel_id)
        assert server.kernels() == []
        assert server.room.leftovers() == []
        assert going.result().status_code in (404, 500)  # it is not restarted, and says so
    assert server.get_launch(kernel_id)["phase"] == "cancelled"


@pytest.mark.parametrize("phase", ["at once", "starting"])
def test_shut_a_kernel_down_twice_while_it_starts(server: Server, phase: str) -> None:
    """A notebook that moves on: its old kernel's end is asked for by two sides at once."""
    kernel_id = server.ask("POST", "/api/kernels", {"name": "silent"})["id"]
    if phase == "starting":
        server.reached(kernel_id, "starting")
    with ThreadPoolExecutor() as threads:
        ends = list(threads.map(server.request, ["DELETE"] * 2, [f"/api/kernels/{kernel_id}"] * 2))
    assert {end.status_code for end in ends} <= {204, 404}
    assert server.kernels() == []
    assert server.room.leftovers() == []


def test_interrupt_and_restart(server: Server) -> None:
    session = server.session("good")
    kernel_id = session["kernel"]["id"]
    page = server.connect(kernel_id)
    cell = page.send("import time; print('begun', flush=True); time.sleep(60)")
    page.until_printed("begun")
    server.ask("POST", f"/api/kernels/{kernel_id}/interrupt")
    assert "KeyboardInterrupt" in page.answer(cell)
    page.run("x = 1")
    page = server.restart(page, kernel_id)
    assert page.run("x").startswith("NameError")
    page.close()
    server.request("DELETE", f"/api/sessions/{session['id']}")


def test_restart_as_soon_as_it_is_told_to_run(server: Server) -> None:
    """jupyter_client calls a kernel pending for some milliseconds more, and refuses."""
    for _ in range(3):
        kernel_id = server.ask("POST", "/api/kernels", {"name": "good"})["id"]
        while server.get_launch(kernel_id)["phase"] != "running":  # looks without a pause
            pass
        server.ask("POST", f"/api/kernels/{kernel_id}/restart")
        server.cancel(kernel_id)


def test_a_page_that_connects_again_while_a_dead_kernel_is_restarted(server: Server) -> None:
    """As JupyterLab does when it is told; the restart is a shutdown and then a start."""
    session = server.session("good")
    page = server.connect(session["kernel"]["id"])
    assert page.run("print(1 + 1)") == "2"
    for _ in range(2):  # nobody can tell in which of the two it arrives
        page.send("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
        page.until_state("restarting")
        page.close()
        page = server.connect(session["kernel"]["id"])
        assert page.run("print(1 + 1)") == "2"
    page.close()
    server.request("DELETE", f"/api/sessions/{session['id']}")


def test_a_kernel_that_keeps_dying_is_given_up_and_holds_nothing(server: Server) -> None:
    session = server.session("good")
    kernel_id = session["kernel"]["id"]
    for _ in range(3):
        page = server.connect(kernel_id)
        assert page.run("print(1 + 1)") == "2"
        page.send("import os; os._exit(3)")
        page.until_state("restarting")
        page.close()
    page = server.connect(kernel_id)
    assert page.run("print(1 + 1)") == "2"
    page.send("import os; os._exit(3)")
    page.until_state("dead")
    server.until(lambda: not server.kernels() and not server.room.leftovers())
    launch = server.get_launch(kernel_id)
    assert (launch["phase"], launch["error"]["code"]) == ("failed", "kernel_exited")
    assert "3 times in the last 10 minutes" in launch["error"]["message"]
    page.close()
    server.request("DELETE", f"/api/sessions/{session['id']}")


def test_a_kernel_stopped_by_the_command_line_is_not_started_again(server: Server) -> None:
    session = server.session("good")
    kernel_id = session["kernel"]["id"]
    server.reached(kernel_id, "running")
    command = [sys.executable, "-m", "jupyter_gpu_containers.cli", "stop", kernel_id]
    stopped = run_program(server.room, command)
    assert stopped.returncode == 0, stopped.stdout
    assert server.kernels() == []
    assert server.room.leftovers() == []
    launch = server.get_launch(kernel_id)
    assert (launch["phase"], launch["error"]["code"]) == ("cancelled", "stopped_by")
