"""States of a notebook: its button, notifications of starts, and banners above its cells."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from . import samples as s
from .answers import problem
from .panel_states import busy_machine, images
from .stage import NOTEBOOK, Stage, state

PULL = {
    "current": int(3.1 * s.GB),
    "total": int(8.9 * s.GB),
    "speed": int(24.5e6),
    "eta": 237,
    "job": s.identity("job"),
}
TRACEBACK = """\
Traceback (most recent call last):
  File "/usr/local/lib/python3.12/dist-packages/torch/utils/data/dataloader.py", line 1251
RuntimeError: DataLoader worker (pid 117) is killed by signal: Bus error. It is possible that \
dataloader's workers are out of shared memory."""


def start(stage: Stage, **changes: object) -> s.Sample:
    """Have the notebook's start asked for, just now."""
    stage.give("GET gpus", busy_machine())
    stage.give("GET images", {"images": images()})
    begun = stage.begin(s.launch(NOTEBOOK, "queued", minutes=0, **changes))
    # the page knows of it, before time passes there
    expect(stage.button).not_to_have_text(stage.say("Select environment"))
    return begun


def shown(stage: Stage) -> Locator:
    """The notification of a start, once it takes long enough to be told of."""
    stage.later(4)
    expect(stage.notice).to_be_visible()
    return stage.notice


@state("button", "The button of a notebook that has no container yet", "Select environment")
def no_environment(stage: Stage) -> Locator:
    return stage.toolbar


@state("button-waiting", "The button while its start waits for a GPU", "2nd in line")
def waiting(stage: Stage) -> Locator:
    stage.go_on(start(stage), "waiting", queue=s.place(2, 3, "jonas"))
    return stage.toolbar


@state("button-downloading", "The button while an image comes", "Downloading", "3.1 of 8.9 GB")
def downloading(stage: Stage) -> Locator:
    stage.go_on(start(stage), "pulling", pull=PULL)
    return stage.toolbar


@state("button-starting", "The button while the kernel starts", "Starting")
def starting(stage: Stage) -> Locator:
    stage.go_on(stage.go_on(start(stage), "creating"), "starting")
    return stage.toolbar


@state("notice-downloading", "A start, with its steps", "✓ Checked", "3.1 of 8.9 GB", "Cancel")
def notice_downloading(stage: Stage) -> Locator:
    stage.go_on(start(stage), "pulling", pull=PULL)
    return shown(stage)


@state("notice-starting", "A start, almost there", "Downloaded", "Waiting for the kernel")
def notice_starting(stage: Stage) -> Locator:
    launch = stage.go_on(start(stage), "pulling", pull=PULL)
    stage.later(251)
    launch = stage.go_on(launch, "creating")
    expect(stage.notice).to_contain_text(stage.say("Starting the container"))
    stage.later(1.2)
    stage.go_on(launch, "starting")
    return shown(stage)


@state("notice-waiting", "A start that waits for a GPU, and what can be done", "Start on CPU")
def notice_waiting(stage: Stage) -> Locator:
    stage.go_on(start(stage), "waiting", queue=s.place(2, 3, "jonas", "ines", estimate=2400))
    return shown(stage)


@state("notice-failed", "A start that failed: why, and the one thing to do", "Copy report")
def notice_failed(stage: Stage) -> Locator:
    error = problem(
        "requirement_not_met",
        "PyTorch 26.07 needs CUDA 14.0, and so driver >= 610; this machine has 580.95.05.",
        "Use an older image, or a newer driver.",
    )
    stage.go_on(start(stage), "failed", error=error)
    return shown(stage)


@state("dialog-start", "All steps of a start, with their times", "Checked", "Downloading")
def steps(stage: Stage) -> Locator:
    launch = stage.go_on(start(stage), "pulling", pull=PULL)
    stage.later(120)
    stage.start("gpu-containers:show-launch", id=launch["id"])
    return stage.dialog


def kill(stage: Stage) -> s.Sample:
    """Have the notebook's kernel die; returns its launch."""
    error = problem(
        "shared_memory_full",
        "The kernel was killed: its shared memory (2 GB) was full.",
        "Data loaders with several workers need more of it.",
        log=TRACEBACK,
    )
    [launch] = stage.launches(s.launch(NOTEBOOK, minutes=48))
    return stage.go_on({**launch, "kernel_id": stage.kernel_id}, "failed", error=error)


@state("banner-death", "Why a kernel died, in its notebook", "shared memory", "Copy report")
def death(stage: Stage) -> Locator:
    kill(stage)
    expect(stage.banner).to_be_visible()
    return stage.banner


@state("banner-remembered", "A notebook that ran elsewhere", "Last run in", s.RAPIDS)
def remembered(stage: Stage) -> Locator:
    stage.give("GET images", {"images": images()})
    stage.refresh()
    metadata = {
        "jupyter_gpu_containers": {"image": s.RAPIDS, "kernel": "python3", "gpus": 1},
        "kernelspec": {"name": "rapids-elsewhere", "display_name": "RAPIDS"},
    }
    stage.open_another("moons/elsewhere.ipynb", metadata)
    expect(stage.banner).to_be_visible()
    return stage.banner
