"""A terminal in a kernel's container, and its log, in the browser: they work, and end in words."""

from __future__ import annotations

import os
from typing import Any

import docker
import pytest
from docker.models.containers import Container
from playwright.sync_api import Locator, expect

from .conftest import containers_of
from .desk import Desk
from .page import START_TIMEOUT, NotebookPage

pytestmark = [pytest.mark.ui, pytest.mark.engine]

DEBIAN12 = "debian12 py311 · CPU"
WRITE = "open('/proc/1/fd/1', 'w').write('<b>first</b> \\x1b[31mred\\x1b[0m\\n')"
# on the screen is a canvas; the text is in the terminal's buffer
_SHOWS = """text => {
  const widgets = [...window.jupyterapp.shell.widgets('main')];
  const buffer = widgets.map(({content}) => content?._term).find(term => term)?.buffer.active;
  const lines = [];
  for (let i = 0; i < (buffer?.length ?? 0); i++) {
    const line = buffer.getLine(i);
    const joint = line.isWrapped ? '' : '\\n';
    lines.push(joint + line.translateToString(true));
  }
  return lines.join('').includes(text);
}"""

_ENDED = """() => [...window.jupyterapp.shell.widgets('main')].some(
  ({content}) => content?._term && content.session.isDisposed
)"""


def execute(notebook: NotebookPage, command: str, **args: Any) -> None:
    """Execute a command of JupyterLab; does not wait for it."""
    notebook.page.evaluate(
        "([id, args]) => { void window.jupyterapp.commands.execute(id, args); }", [command, args]
    )


def expect_screen(notebook: NotebookPage, text: str) -> None:
    """Wait until the terminal shows something."""
    notebook.page.wait_for_function(_SHOWS, arg=text, timeout=START_TIMEOUT)


def open_terminal(notebook: NotebookPage, launch: dict[str, Any]) -> str:
    """Open a terminal by our command; return its name when its shell waits for a line."""
    execute(notebook, "gpu-containers:open-terminal", id=launch["id"])
    expect_screen(notebook, "@kernel:")
    (name,) = (one["name"] for one in notebook.lab.request("api/terminals"))
    assert isinstance(name, str)
    notebook.page.locator(".jp-Terminal .xterm-helper-textarea").focus()
    return name


def programs(container: Container) -> list[str]:
    """Return what runs in a container beside docker-init: kernel and keeper, and whatever else."""
    commands = [row[-1] for row in container.top()["Processes"] if "docker-init" not in row[-1]]
    return ["kernel" if "connection.json" in command else command for command in commands]


def log_of(notebook: NotebookPage) -> Locator:
    return notebook.page.get_by_role("region", name="Log of train.ipynb")


def test_terminal_and_log_of_a_kernel(engine_desk: Desk, client: docker.DockerClient) -> None:
    notebook = engine_desk(WRITE, "print('again')")
    page = notebook.page
    notebook.choose("debian12 py311")
    notebook.wait_for_kernel(DEBIAN12)
    (container,) = containers_of(client, notebook)
    (launch,) = (one for one in notebook.lab.launches() if one["path"] == notebook.path)

    # the log, by the palette's command for the current notebook; then what a cell writes
    execute(notebook, "gpu-containers:show-log", isPalette=True)
    log = log_of(notebook)
    lines = log.get_by_role("log")
    expect(log.get_by_role("status")).not_to_have_text("Loading…", timeout=START_TIMEOUT)
    notebook.run(0)
    expect(lines).to_contain_text("<b>first</b> red", timeout=START_TIMEOUT)
    log.get_by_role("searchbox").fill("FIRST")
    expect(lines).to_have_text("<b>first</b> red")
    log.get_by_role("searchbox").fill("")

    # the terminal, as an ordinary one; who left its shell has it closed
    name = open_terminal(notebook, launch)
    assert name.startswith("train_ipynb_container_")
    page.keyboard.type("echo uid-$(id -u)-in-$(hostname); pwd; tty\n")
    expect_screen(notebook, f"uid-{os.getuid()}-in-kernel")
    expect_screen(notebook, f"\n{notebook.folder}")
    expect_screen(notebook, "\n/dev/pts/0")
    page.keyboard.type("echo second > /proc/1/fd/1\n")
    page.keyboard.type("exit\n")
    expect(page.locator(".jp-Terminal")).to_have_count(0, timeout=START_TIMEOUT)
    assert set(programs(container)) == {"kernel"}
    execute(notebook, "gpu-containers:show-log", id=launch["id"])
    expect(lines).to_contain_text("second", timeout=START_TIMEOUT)

    # a restart for which the container goes on is told in the log, which goes on as well
    execute(notebook, "notebook:restart-kernel")
    notebook.dialog.get_by_role("button", name="Confirm Kernel Restart").click()
    expect(lines).to_contain_text("The kernel was restarted.", timeout=START_TIMEOUT)
    notebook.wait_for_kernel(DEBIAN12)

    # with a terminal in it the container does not, and both end with its run, and say so
    open_terminal(notebook, launch)
    execute(notebook, "notebook:restart-kernel")
    notebook.dialog.get_by_role("button", name="Confirm Kernel Restart").click()
    expect_screen(notebook, "The kernel has ended or was restarted, and this program with it.")
    page.wait_for_function(_ENDED, timeout=START_TIMEOUT)
    assert notebook.lab.request("api/terminals") == []
    expect(page.get_by_role("tab", name="train.ipynb – container ended")).to_be_visible()
    execute(notebook, "gpu-containers:show-log", id=launch["id"])
    expect(log.get_by_text("The log has ended")).to_be_visible(timeout=START_TIMEOUT)
    log.get_by_role("button", name="Follow").click()
    expect(lines).to_contain_text("second", timeout=START_TIMEOUT)
    notebook.cell(1).locator(".cm-content").click()  # what is waited for is the current tab's
    notebook.wait_for_kernel(DEBIAN12)
