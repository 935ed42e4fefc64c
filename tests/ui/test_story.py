"""What a new user does with images, from the first login to a notebook on another machine."""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest
from playwright.sync_api import Page, expect

from tests.carried import copy_runtimes
from tests.registries.faults import BLOBS, Fault
from tests.registries.real import PASSWORD, USERNAME, RealRegistry
from tests.wheels import make_wheel

from .conftest import H100, containers_of, shut_down_kernels
from .elsewhere import other_machine
from .page import START_TIMEOUT, NotebookPage
from .server import LabServer, lab_server
from .team import CountingProxy, Team, arm_image, gpu_image, make_image

pytestmark = [pytest.mark.ui, pytest.mark.engine]

PULL = re.compile("^Pull ")
RATE = 16e6  # bytes a second; over a loopback nobody would see a bar
HEARD = "import subprocess as s; print(s.getstatusoutput('python3 -c \"import zmq\"')[0])"
INSTALL = "%pip install --quiet --no-index --find-links . greeting"
GREET = "import greeting; print(greeting.word)"

# Every snapshot of a job on Jupyter's event bus, and every value that a bar shows.
_WATCH = """() => {
  window.jobs = [];
  window.bar = [];
  window.jupyterapp.serviceManager.events.stream.connect((_, {schema_id, ...job}) => {
    if (schema_id.includes('/job/')) window.jobs.push(job);
  });
  new MutationObserver(() => {
    const bar = document.querySelector('.jp-GpuContainers-bar[value]');
    if (bar && bar.value !== window.bar.at(-1)) window.bar.push(bar.value);
  }).observe(document.body, {subtree: true, childList: true, attributes: true});
}"""


@pytest.fixture
def team(
    basic_registry: RealRegistry,
    push_image: Callable[[RealRegistry, str, str], str],
    client: docker.DockerClient,
) -> Iterator[Team]:
    """A repository with tags for this GPU, for a newer driver, for another processor, for none."""
    proxy = CountingProxy(basic_registry.host)
    team = Team(basic_registry, proxy, f"team-{uuid.uuid4().hex[:8]}/analysis")
    for tag, content in {
        "cuda12.4": gpu_image("12.4"),
        "cuda14.0": gpu_image("14.0"),
        "arm64": arm_image(),
    }.items():
        basic_registry.put(f"{team.name}:{tag}", content)
    push_image(basic_registry, make_image(client), f"{team.name}:python3.11")
    yield team
    proxy.close()
    for reference in [tag for image in client.images.list() for tag in image.tags]:
        if team.name in reference:
            client.images.remove(reference, force=True)


@pytest.fixture
def here(assets: Path, engine_host: str, team: Team, tmp_path: Path) -> Iterator[LabServer]:
    """The user's machine, which is said to have an H100."""
    config = {"engine_url": engine_host, "fixed_gpus": [H100], "network": "none"}
    with lab_server(tmp_path / "here", config={"GpuContainers": config}) as lab:
        copy_runtimes(lab.data / "gpu_containers" / "runtimes")
        yield lab
        shut_down_kernels(lab)


@pytest.fixture
def elsewhere(here: LabServer, team: Team, tmp_path: Path) -> Iterator[LabServer]:
    """Another machine with nothing on it; only root may make one, others come back to the same."""
    if os.geteuid() != 0:
        yield here
        return
    runtimes = here.data / "gpu_containers" / "runtimes"
    with other_machine(tmp_path / "elsewhere", team.host, runtimes) as lab:
        yield lab
        shut_down_kernels(lab)


@pytest.mark.timeout(600)  # half a dozen images travel; the machine may be busy
def test_from_the_first_login_to_another_machine(
    here: LabServer, elsewhere: LabServer, team: Team, page: Page, client: docker.DockerClient
) -> None:
    plain, saved = team.tag("python3.11"), team.tag("greeting")
    notebook = NotebookPage(page, here, "work/analysis.ipynb")
    notebook.write([HEARD, INSTALL, GREET])
    make_wheel(notebook.folder, "greeting", "1.2", "word = 'hello'\n")
    notebook.open()
    notebook.open_panel()
    page.evaluate(_WATCH)

    log_in(notebook, team)
    see_which_tags_run_here(notebook, team)
    pull_with_a_bar_that_tells_the_truth(notebook, team, "python3.11", client)
    cancel_another_pull(notebook, team, "cuda12.4", client)
    start(notebook, plain)
    has_never_heard_of_jupyter(notebook)
    install_a_package(notebook)
    save_as_image(notebook, saved, client)
    push(notebook, team, "greeting", client)
    remove_and_log_out(notebook, team, saved, client)

    there = NotebookPage(page.context.new_page(), elsewhere, "elsewhere/analysis.ipynb")
    there.write([GREET])
    there.open()
    there.open_panel()
    log_in_and_pull(there, team, "greeting")
    start(there, saved)
    there.run(0)
    there.expect_output(0, "hello")


def log_in(notebook: NotebookPage, team: Team) -> None:
    """A wrong password is told at once; the right one is kept where Docker finds it."""
    notebook.panel.get_by_role("button", name="Log in…").click()
    dialog = notebook.dialog
    dialog.get_by_label("Registry").fill(team.host)
    dialog.get_by_label("User name").fill(USERNAME)
    dialog.get_by_label("Password or token").fill("wrong")
    expect(dialog.get_by_role("button", name="Log In")).to_be_enabled()
    dialog.get_by_role("button", name="Log In").click()
    expect(dialog.get_by_role("alert")).to_have_text(
        f"{team.host} does not take the login of {USERNAME}: "
        "user name or secret is wrong, or has expired."
    )
    assert notebook.lab.request("gpu-containers/registries")["registries"] == []

    secret = dialog.get_by_label("Password or token")
    expect(secret).to_be_focused()
    secret.fill(PASSWORD)
    dialog.get_by_role("button", name="Log In").click()
    expect(notebook.panel.get_by_label("Registries")).to_contain_text(f"{team.host}{USERNAME}")
    kept = json.loads((notebook.lab.root.parent / "docker" / "config.json").read_text())
    assert list(kept["auths"]) == [team.host]
    assert PASSWORD not in notebook.lab.log.read_text()


def see_which_tags_run_here(notebook: NotebookPage, team: Team) -> None:
    """The answers come before a byte of a layer."""
    dialog = notebook.find_image(team.repository)
    dialog.get_by_role("button", name="Which versions run here?").click()
    versions = dialog.get_by_role("list", name="Versions").get_by_role("button")
    expect(versions).to_have_count(4)
    too_new = "CUDA 14.0.0 needs a newer driver; this machine has 580.95.05."
    for tag, verdict in {
        "cuda12.4": "Runs here$",
        "cuda14.0": f"Does not run here{re.escape(too_new)}$",
        "arm64": "Does not run here.*linux/arm64",
        "python3.11": "Needs no GPU$",
    }.items():
        row = re.compile(f"^{re.escape(tag)}{verdict}")
        expect(versions.filter(has_text=row)).to_have_count(1)
    versions.filter(has_text="python3.11").click()
    expect(dialog).to_contain_text("This image needs no GPU.")
    fetched = " ".join(team.proxy.requests(BLOBS))
    assert not [digest for digest in team.layers("python3.11") if digest in fetched]
    assert team.proxy.sent < 100_000


def pull_with_a_bar_that_tells_the_truth(
    notebook: NotebookPage, team: Team, tag: str, client: docker.DockerClient
) -> None:
    """What it shows only grows, is never more than there is, and ends with what was fetched."""
    size = sum(team.layers(tag).values())
    slow = team.proxy.add(Fault(BLOBS, rate=RATE))
    sent = team.proxy.sent
    notebook.dialog.get_by_role("button", name=PULL).click()
    jobs = notebook.panel.get_by_label("Jobs")
    expect(jobs.get_by_role("progressbar", name=f"Pull of {team.tag(tag)}")).to_be_visible()
    expect(jobs).to_contain_text(re.compile(r"[\d.]+ of [\d.]+ MB · [\d.]+ MB/s · \d+ s left"))
    expect(notebook.image(team.tag(tag))).to_be_visible(timeout=START_TIMEOUT)
    expect(jobs).to_have_count(0)
    team.proxy.faults.remove(slow)

    shown: list[float] = notebook.page.evaluate("window.bar")
    assert len(shown) > 3
    assert shown == sorted(shown)
    assert shown[-1] == 1
    told = jobs_told(notebook, "pull")
    current = [job["current"] for job in told]
    assert current == sorted(current)
    assert {job["total"] for job in told} <= {None, size}
    assert (told[-1]["state"], told[-1]["current"]) == ("succeeded", size)
    assert size <= team.proxy.sent - sent < size * 1.01  # the rest is manifest and configuration
    assert client.images.get(team.tag(tag)).id == told[-1]["image_id"]


def cancel_another_pull(
    notebook: NotebookPage, team: Team, tag: str, client: docker.DockerClient
) -> None:
    """The engine stops fetching, and keeps nothing."""
    images = {image.id for image in client.images.list(all=True)}
    sent = team.proxy.sent
    slow = team.proxy.add(Fault(BLOBS, rate=RATE / 40))
    notebook.find_image(team.tag(tag)).get_by_role("button", name=PULL).click()
    jobs = notebook.panel.get_by_label("Jobs")
    expect(jobs).to_contain_text(re.compile(r"0\.[1-9] of [56](\.\d)? MB"))
    jobs.get_by_title(f"Cancel: Pull of {team.tag(tag)}").click()
    expect(jobs).to_have_count(0)
    told = notebook.page.get_by_role("alert").filter(has_text=f"The pull of {team.tag(tag)} was")
    expect(told).to_contain_text("was cancelled")
    team.proxy.wait_until_idle()  # the engine has closed its connections
    team.proxy.faults.remove(slow)
    assert 0 < team.proxy.sent - sent < 5_000_000  # of 6 MB
    assert {image.id for image in client.images.list(all=True)} == images
    expect(notebook.image(tag)).to_have_count(0)


def start(notebook: NotebookPage, reference: str) -> None:
    """Move the notebook into the image, which is looked into for the first time."""
    notebook.button.get_by_role("button").click()
    dialog = notebook.dialog
    choice = dialog.locator(".jp-GpuContainers-choice").filter(has_text=reference)
    choice.get_by_role("radio").check()
    kernel = dialog.get_by_role("combobox", name="Kernel")
    expect(kernel).to_have_text("Python 3.11 (kernel carried in)", timeout=START_TIMEOUT)
    dialog.get_by_role("button", name="Start", exact=True).last.click()
    name = reference.rpartition("/")[2].replace(":", " ")
    notebook.wait_for_kernel(f"{name} · CPU")


def has_never_heard_of_jupyter(notebook: NotebookPage) -> None:
    """The image's own Python has nothing of it."""
    notebook.run(0)
    notebook.expect_output(0, "1")


def install_a_package(notebook: NotebookPage) -> None:
    """Without a restart, and without a warning."""
    notebook.run(1)
    notebook.expect_output(1, "Note: you may need to restart the kernel to use updated packages.")
    notebook.run(2)
    notebook.expect_output(2, "hello")


def save_as_image(notebook: NotebookPage, reference: str, client: docker.DockerClient) -> None:
    """The preview says what comes into the image and what does not."""
    notebook.act_on_kernel("analysis.ipynb", "Save Container as New Image…")
    dialog = notebook.dialog
    expect(dialog).to_contain_text("greeting1.2, by pip", timeout=START_TIMEOUT)
    expect(dialog).to_contain_text(f"{notebook.lab.root}the folder of your notebooks")
    save = dialog.get_by_role("button", name="Save", exact=True)
    save.click()
    expect(save).to_be_disabled()  # without a name
    dialog.get_by_label("Name").fill(reference)
    save.click()
    expect(notebook.image(reference)).to_be_visible(timeout=START_TIMEOUT)

    (container,) = containers_of(client, notebook)
    assert container.image
    assert container.status == "running"
    made, base = client.images.get(reference), container.image
    assert made.attrs["RootFS"]["Layers"][:-1] == base.attrs["RootFS"]["Layers"]
    assert made.attrs["Config"]["Cmd"] == base.attrs["Config"]["Cmd"]
    assert made.labels == base.labels


def push(notebook: NotebookPage, team: Team, tag: str, client: docker.DockerClient) -> None:
    """Under the name that it has; only the new layer travels."""
    reference = team.tag(tag)
    dialog = notebook.act(reference, "Push…")
    expect(dialog.get_by_label("Name")).to_have_value(reference)
    dialog.get_by_role("button", name="Push").click()
    told = notebook.page.get_by_role("alert").filter(has_text=f"{reference} was pushed.")
    expect(told).to_be_visible(timeout=START_TIMEOUT)

    manifest = team.manifest(tag)
    assert manifest["config"]["digest"] == client.images.get(reference).id
    base = team.layers("python3.11")
    assert len(team.layers(tag).keys() - base.keys()) == 1
    jobs = jobs_told(notebook, "push")
    current = [job["current"] for job in jobs]
    assert current == sorted(current)
    assert jobs[-1]["state"] == "succeeded"
    assert 0 < current[-1] == jobs[-1]["total"]


def remove_and_log_out(
    notebook: NotebookPage, team: Team, reference: str, client: docker.DockerClient
) -> None:
    """Nothing of it stays here."""
    image_id = client.images.get(reference).id
    notebook.remove_image(reference)
    with pytest.raises(docker.errors.ImageNotFound):
        client.images.get(str(image_id))
    registries = notebook.panel.get_by_label("Registries")
    registries.get_by_role("button", name=f"Log out of {team.host}").click()
    expect(registries).to_contain_text("Not logged in anywhere.")


def log_in_and_pull(notebook: NotebookPage, team: Team, tag: str) -> None:
    """Where the registry wants a login, the dialog asks for it on the way."""
    dialog = notebook.find_image(team.tag(tag))
    form = dialog.get_by_role("form", name=f"Log in to {team.host}")
    form.get_by_label("User name").fill(USERNAME)
    form.get_by_label("Password or token").fill(PASSWORD)
    form.get_by_role("button", name="Log In").click()
    dialog.get_by_role("button", name=PULL).click()
    expect(notebook.image(team.tag(tag))).to_be_visible(timeout=START_TIMEOUT)
    images = notebook.lab.request("gpu-containers/images")["images"]
    (pulled,) = (image for image in images if team.tag(tag) in image["references"])
    assert pulled["id"] == team.manifest(tag)["config"]["digest"]


def jobs_told(notebook: NotebookPage, kind: str) -> list[dict[str, Any]]:
    """Return the snapshots of the only finished job of a kind, as the page has heard them."""
    told: list[dict[str, Any]] = notebook.page.evaluate("window.jobs")
    (done,) = {job["id"] for job in told if job["kind"] == kind and job["state"] == "succeeded"}
    return [job for job in told if job["id"] == done]
