"""States of places of ours beside the notebook: log viewer, launcher, settings."""

from __future__ import annotations

from functools import partial

from playwright.sync_api import Locator, expect

from . import samples as s
from .notebook_states import TRACEBACK
from .stage import NOTEBOOK, Stage, state

LOG = f"""\
[IPKernelApp] WARNING | Kernel is running over TCP without encryption.
Downloading: "https://download.example.org/models/resnet50-11ad3fa6.pth" to /home/mara/.cache
epoch 1: loss 0.767, accuracy 0.71
epoch 2: loss 0.412, accuracy 0.83
{TRACEBACK}
"""


def log(stage: Stage) -> Locator:
    """Open the log of a kernel that runs."""
    [launch] = stage.launches(s.launch(NOTEBOOK, minutes=48, container_id="c" * 64))
    stage.answers.give_text(f"GET launches/{launch['id']}/log", LOG)
    stage.execute("gpu-containers:show-log", id=launch["id"])
    viewer = stage.page.locator(".jp-GpuContainers-logViewer")
    stage.close_afterwards(".jp-GpuContainers-logViewer")
    expect(viewer.get_by_role("log")).to_contain_text("Bus error")
    return viewer


@state("log", "What a kernel writes outside of its notebook", "epoch 2", "Follow")
def whole_log(stage: Stage) -> Locator:
    return log(stage)


@state("log-narrow", "The same in little room", "epoch 2", "Follow", fits=True)
def narrow_log(stage: Stage) -> Locator:
    stage.main_width(320)
    return log(stage)


@state("launcher", "Environments among the launcher's cards", "PyTorch 25.08 · 1 GPU")
def launcher(stage: Stage) -> Locator:
    environments = "gpu-containers/environments"
    for image in (s.PYTORCH, s.RAPIDS):
        added = stage.lab.request(environments, "POST", {"image": image, "gpus": 1})
        path = f"{environments}/{added['name']}"
        stage.afterwards(partial(stage.lab.request, path, "DELETE"))
    stage.start("launcher:create")
    stage.close_afterwards(".jp-Launcher")
    cards = stage.page.locator(".jp-Launcher-section").first
    expect(cards).to_contain_text("RAPIDS 25.08 · 1 GPU")
    return cards


@state("settings", "What can be set", "Remember the environment in notebooks")
def settings(stage: Stage) -> Locator:
    stage.execute("settingeditor:open", query=stage.say("GPU Containers"))
    stage.close_afterwards(".jp-SettingsPanel")
    return stage.page.locator(".jp-SettingsPanel")
