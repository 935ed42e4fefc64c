"""Notebooks in real containers: switched, reloaded, closed, cancelled, refused, out of memory."""

from __future__ import annotations

import time
from collections.abc import Iterator

import docker
import docker.errors
import pytest
from docker.models.containers import Container
from playwright.sync_api import Page, expect

from jupyter_gpu_containers.model.kernel import labels

from .conftest import OpenNotebook, containers_of
from .desk import Desk
from .page import START_TIMEOUT, NotebookPage
from .server import LabServer

pytestmark = [pytest.mark.ui, pytest.mark.engine]

DEBIAN12 = "debian12 py311 · CPU"
DEBIAN13 = "debian13 py313 · CPU"
WAITS = "waits · CPU"
VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
WHERE = "import os; open('made', 'w').close(); print(os.getcwd())"


def wait_until_removed(container: Container) -> None:
    """Wait until the engine has removed a container."""
    try:
        container.wait(condition="removed")
    except docker.errors.NotFound:
        return  # it was faster


def wait_until_started(client: docker.DockerClient, notebook: NotebookPage, since: float) -> None:
    """Wait until a container of a notebook has been started."""
    filters = {"event": "start", "label": f"{labels.NOTEBOOK}={notebook.path}"}
    events = client.events(since=int(since), decode=True, filters=filters)
    next(events)
    events.close()


def let_go(notebook: NotebookPage) -> None:
    """Let the kernel of the image `waits` go on."""
    (notebook.folder / "go").touch()


def test_a_notebook_is_moved_twice(engine_desk: Desk, client: docker.DockerClient) -> None:
    notebook = engine_desk(VERSION, WHERE, "print('third')")
    notebook.run(2)
    notebook.expect_output(2, "third")

    notebook.choose("debian12 py311")
    notebook.wait_for_kernel(DEBIAN12)
    notebook.run(0)
    notebook.expect_output(0, "3.11")
    notebook.run(1)
    notebook.expect_output(1, str(notebook.folder))
    assert (notebook.folder / "made").exists()
    (old,) = containers_of(client, notebook)

    notebook.choose("debian13 py313")
    notebook.run(0)
    notebook.expect_output(0, "3.13")
    notebook.expect_environment(DEBIAN13)
    notebook.expect_output(2, "third")
    wait_until_removed(old)
    (new,) = containers_of(client, notebook)

    notebook.choose("debian12 py311")
    notebook.run(0)
    notebook.expect_output(0, "3.11")
    wait_until_removed(new)
    assert len(containers_of(client, notebook)) == 1


def test_a_cell_run_during_a_start_waits_for_the_new_kernel(engine_desk: Desk) -> None:
    notebook = engine_desk()
    notebook.run(0)
    notebook.expect_prompt(0, "[1]:")
    notebook.choose("waits")
    expect(notebook.button).to_contain_text("Starting")
    notebook.run(1)
    notebook.expect_prompt(1, "[*]:")
    let_go(notebook)
    notebook.expect_output(1, "new")
    notebook.expect_environment(WAITS)


def test_a_page_reloaded_during_a_start_takes_it_up(
    engine: OpenNotebook, client: docker.DockerClient
) -> None:
    notebook = engine()
    notebook.choose("waits")
    expect(notebook.button).to_contain_text("Starting")
    notebook.reload()
    expect(notebook.button).to_contain_text("Starting")
    notebook.run(1)
    notebook.expect_prompt(1, "[*]:")
    let_go(notebook)
    notebook.expect_output(1, "new")
    notebook.expect_environment(WAITS)
    assert len(containers_of(client, notebook)) == 1
    assert len([each for each in notebook.lab.launches() if each["phase"] == "running"]) == 1


def test_a_start_is_seen_in_two_tabs_and_holds_no_other_notebook_up(
    engine_desk: Desk, client: docker.DockerClient
) -> None:
    notebook = engine_desk()
    twin = NotebookPage(notebook.page.context.new_page(), notebook.lab, notebook.path)
    twin.open()
    twin.wait_for_kernel()
    other = NotebookPage(
        notebook.page.context.new_page(), notebook.lab, notebook.path.replace("train", "other")
    )
    other.write(["print('alive')", "print('well')"])
    other.open()
    other.wait_for_kernel()
    notebook.run(0)
    notebook.expect_prompt(0, "[1]:")

    notebook.choose("waits")
    expect(twin.button).to_contain_text("Starting")
    twin.run(1)
    twin.expect_prompt(1, "[*]:")
    other.run(0)
    other.expect_output(0, "alive")
    other.reload()  # a websocket that is opened now is not kept waiting
    other.wait_for_kernel()
    other.run(1)
    other.expect_output(1, "well")
    let_go(notebook)
    twin.expect_output(1, "new")
    notebook.expect_environment(WAITS)
    twin.expect_environment(WAITS)
    assert len(containers_of(client, notebook)) == 1
    twin.page.close()
    other.page.close()


def test_a_page_closed_during_a_start_leaves_no_container(
    engine: OpenNotebook, client: docker.DockerClient, page: Page
) -> None:
    notebook = engine()
    began = time.time()
    notebook.choose("waits")
    expect(notebook.button).to_contain_text("Starting")
    wait_until_started(client, notebook, began)
    (container,) = containers_of(client, notebook)
    page.close()
    let_go(notebook)
    wait_until_removed(container)
    (launch,) = (each for each in notebook.lab.launches() if each["path"] == notebook.path)
    assert launch["phase"] == "cancelled"


def test_a_start_is_cancelled(engine_desk: Desk, client: docker.DockerClient) -> None:
    notebook = engine_desk()
    notebook.run(0)
    notebook.expect_prompt(0, "[1]:")
    notebook.choose("waits")
    expect(notebook.button).to_contain_text("Starting")
    notebook.button.get_by_role("button").click()
    expect(notebook.dialog.get_by_role("status")).to_contain_text("Waiting for the kernel’s answer")
    notebook.dialog.get_by_role("button", name="Cancel Start").click()
    expect(notebook.button).to_have_text("Select environment")
    notebook.run(1)
    notebook.expect_output(1, "old")
    assert containers_of(client, notebook) == []


def test_a_switch_that_fails_leaves_the_old_kernel(
    engine_desk: Desk, client: docker.DockerClient
) -> None:
    notebook = engine_desk()
    notebook.choose("debian12 py311")
    notebook.wait_for_kernel(DEBIAN12)
    notebook.run(0)
    notebook.expect_prompt(0, "[1]:")
    (old,) = containers_of(client, notebook)

    notebook.choose("refuses")
    failure = notebook.notice("The kernel of train.ipynb did not start.")
    expect(failure.get_by_role("button", name="Show images that run here")).to_be_visible(
        timeout=START_TIMEOUT
    )
    report = notebook.report(failure)
    assert "Error: kernel_exited" in report
    assert "Last lines of the log\n  licence not accepted" in report
    assert "Notebook     train.ipynb" in report
    assert str(notebook.folder) not in report
    failure.get_by_role("button", name="Details").click()
    expect(notebook.dialog.get_by_role("listitem").filter(has_text="answer")).to_contain_text(
        "(failed)"
    )
    expect(notebook.dialog.get_by_role("alert")).to_contain_text("licence not accepted")
    notebook.dialog.get_by_role("button", name="Close").click()
    notebook.expect_environment(DEBIAN12)
    notebook.run(1)
    notebook.expect_output(1, "old")
    (still,) = containers_of(client, notebook)
    assert still.id == old.id


@pytest.fixture
def environments(engine_lab: LabServer) -> Iterator[None]:
    """Leave no environment of this test to the next, whose own would get another title."""
    before = names_of_environments(engine_lab)
    yield
    for name in names_of_environments(engine_lab) - before:
        engine_lab.request(f"gpu-containers/environments/{name}", "DELETE")


def names_of_environments(lab: LabServer) -> set[str]:
    """Return the names of a server's environments."""
    return {each["name"] for each in lab.request("gpu-containers/environments")["environments"]}


@pytest.mark.usefixtures("environments")
def test_a_kernel_out_of_memory_says_so(engine_desk: Desk) -> None:
    small = {"image": "jgc-test/debian12:py311", "display_name": "Small", "memory": 256 << 20}
    engine_desk.lab.request("gpu-containers/environments", "POST", small)
    notebook = engine_desk("held = bytearray(400 << 20)", "print('again')")
    notebook.page.locator(".jp-KernelName").click()
    notebook.dialog.locator("select").select_option(label="Small")
    notebook.dialog.get_by_role("button", name="Select Kernel").click()
    notebook.wait_for_kernel("Small")
    notebook.run(0)
    expect(notebook.banner).to_contain_text("out of memory, limit 256 MB", timeout=START_TIMEOUT)
    expect(notebook.banner).to_contain_text("It was restarted automatically", timeout=START_TIMEOUT)
    expect(notebook.dialog).to_have_count(0)  # JupyterLab's own has nothing to add
    notebook.run(1)
    notebook.expect_prompt(1, "[1]:")
    expect(notebook.cell(1).locator(".jp-OutputArea-output").first).to_have_text("again")
    notebook.reload()
    expect(notebook.banner).to_contain_text("The kernel died and was restarted")
    notebook.banner.get_by_role("button", name="Restart with 512 MB RAM").click()
    expect(notebook.banner).to_have_count(0, timeout=START_TIMEOUT)
    notebook.wait_for_kernel()
    expect(notebook.button).to_contain_text("debian12 py311 · CPU")  # (2), where it has another
    notebook.run(0)
    notebook.expect_prompt(0, "[1]:")
