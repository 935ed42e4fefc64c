"""Images on the memory backend: found, judged, pulled with a bar, cancelled, logged in, removed."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .desk import Desk

pytestmark = pytest.mark.ui

R = "quay.io/jupyter/r-notebook:2026-10-06"
ENDLESS = "quay.io/jupyter/endless:1"
PRIVATE = "nvcr.io/nvidia/private:1"
TOO_NEW = "pytorch/pytorch:3.0.0-cuda14.0"  # for the driver of the demonstration
SECRET = "nvapi-Zm9v"
WRONG = "wrong"  # the one secret that the demonstration's registries do not take

# What the bar shows, from its first appearance to its last.
_WATCH = """() => {
  window.seen = [];
  window.watch = new MutationObserver(() => {
    const bar = document.querySelector('.jp-GpuContainers-bar[value]');
    if (bar && bar.value !== window.seen.at(-1)) window.seen.push(bar.value);
  });
  window.watch.observe(document.body, {subtree: true, childList: true, attributes: true});
}"""


def test_an_image_is_found_pulled_and_removed(demo_desk: Desk) -> None:
    notebook = demo_desk()
    panel = notebook.open_panel()
    dialog = notebook.find_image(R)
    expect(dialog).to_contain_text("linux/amd64")
    expect(dialog).to_contain_text("This image needs no GPU.")
    notebook.page.evaluate(_WATCH)
    dialog.get_by_role("button", name=re.compile(r"^Pull [\d.]+ [GM]B$")).click()

    expect(notebook.image(R)).to_contain_text("Needs no GPU")
    expect(panel.get_by_label("Jobs")).to_have_count(0)
    told = notebook.page.get_by_role("alert").filter(has_text=f"{R} was pulled.")
    expect(told.get_by_role("button", name="Start")).to_be_visible()
    notebook.page.evaluate("window.watch.disconnect()")
    seen = notebook.page.evaluate("window.seen")
    assert len(seen) > 2
    assert seen == sorted(seen)
    assert seen[-1] <= 1

    notebook.act(R, "Details…")
    expect(notebook.dialog).to_contain_text("none: it is on this machine")
    notebook.dialog.get_by_role("button", name="Close").click()
    notebook.remove_image(R)


def test_a_pull_is_cancelled(demo_desk: Desk) -> None:
    notebook = demo_desk()
    before = {job["id"] for job in notebook.lab.request("gpu-containers/jobs")["jobs"]}
    panel = notebook.open_panel()
    notebook.find_image(ENDLESS).get_by_role("button", name=re.compile("^Pull ")).click()
    jobs = panel.get_by_label("Jobs")
    expect(jobs).to_contain_text(re.compile(r"[\d.]+ of [\d.]+ GB"))
    bar = jobs.get_by_role("progressbar", name=f"Pull of {ENDLESS}")
    expect(bar).to_be_visible()
    notebook.reload()  # a page that comes later knows of it, too
    notebook.open_panel()
    expect(bar).to_be_visible()
    jobs.get_by_title(f"Cancel: Pull of {ENDLESS}").click()
    expect(jobs).to_have_count(0)
    jobs = notebook.lab.request("gpu-containers/jobs")["jobs"]
    (job,) = [job for job in jobs if job["id"] not in before]
    assert (job["reference"], job["state"]) == (ENDLESS, "cancelled")
    expect(notebook.image("endless")).to_have_count(0)


def test_a_private_image_asks_for_the_api_key(demo_desk: Desk) -> None:
    notebook = demo_desk()
    panel = notebook.open_panel()
    dialog = notebook.find_image(PRIVATE)
    form = dialog.get_by_role("form", name="Log in to nvcr.io")
    expect(form.get_by_label("User name")).to_have_count(0)
    form.get_by_label("API key").fill(WRONG)
    form.get_by_role("button", name="Log In").click()
    expect(form.get_by_role("alert")).to_contain_text("nvcr.io does not take")
    form.get_by_label("API key").fill(SECRET)
    notebook.page.keyboard.press("Enter")
    expect(form).to_have_count(0)
    dialog.get_by_role("button", name=re.compile("^Pull ")).click()
    expect(notebook.image("private")).to_be_visible()
    registries = panel.get_by_label("Registries")
    expect(registries).to_contain_text("nvcr.io$oauthtoken")
    registries.get_by_role("button", name="Log out of nvcr.io").click()
    expect(registries).to_contain_text("Not logged in anywhere.")
    assert SECRET not in notebook.lab.log.read_text()
    notebook.remove_image("private")


def test_an_image_that_will_not_run_is_started_only_after_a_warning(demo_desk: Desk) -> None:
    notebook = demo_desk()
    notebook.open_panel()
    notebook.find_image(TOO_NEW).get_by_role("button", name=re.compile("^Pull ")).click()
    expect(notebook.dialog).to_contain_text("will probably not work here")
    notebook.dialog.get_by_role("button", name="Pull Anyway").click()
    chip = notebook.image(TOO_NEW).locator("[data-rating=incompatible]")
    expect(chip).to_have_text(re.compile("^(Needs driver|Needs a newer driver|Does not run)"))
    expect(chip).to_have_attribute("title", re.compile("does not run on this machine"))

    notebook.button.get_by_role("button").click()
    notebook.dialog.get_by_role("radio", name=TOO_NEW).check()
    expect(notebook.dialog.get_by_role("alert")).to_contain_text("does not run on this machine")
    expect(notebook.dialog.get_by_role("button", name="Start Anyway")).to_be_enabled()
    notebook.dialog.get_by_role("button", name="Cancel").click()
    expect(notebook.button).to_have_text("Select environment")
    notebook.remove_image(TOO_NEW)


def test_rows_of_recommended_images_ask_and_tell(demo_desk: Desk) -> None:
    notebook = demo_desk()
    panel = notebook.open_panel()
    dialog = notebook.find_image("nvcr.io/nvidia/pytorch:26.07-py3")
    expect(dialog.get_by_text("The image of this name")).to_have_count(0)  # it is recommended
    dialog.get_by_role("button", name="Which versions run here?").click()
    versions = dialog.get_by_role("list", name="Versions").get_by_role("button")
    expect(versions.first).to_be_focused()
    notebook.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    panel.get_by_role("button", name=re.compile("^Recommended ")).click()
    row = notebook.image("nvcr.io/nvidia/pytorch")
    row.get_by_title(re.compile("^Pull PyTorch by NVIDIA")).click()
    expect(notebook.dialog).to_contain_text("Pull PyTorch by NVIDIA?")
    expect(notebook.dialog).to_contain_text("are downloaded")
    notebook.dialog.get_by_role("button", name="Cancel").click()
    expect(panel.get_by_label("Jobs")).to_have_count(0)

    notebook.act("quay.io/jupyter/pytorch-notebook", "Details…")
    expect(notebook.dialog.locator(".jp-Dialog-header")).to_have_text("Jupyter with PyTorch")
    expect(notebook.dialog.locator("code").first).to_contain_text("quay.io/jupyter/pytorch-")
    notebook.page.keyboard.press("Escape")
    expect(notebook.dialog).to_have_count(0)
    panel.get_by_role("button", name="On this machine").click()  # as it was
