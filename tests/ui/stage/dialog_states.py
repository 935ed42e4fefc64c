"""States of the dialogs."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, expect

from . import samples as s
from .answers import problem
from .panel_states import NO_ENGINE, busy_machine, images
from .stage import NOTEBOOK, Stage, state

LOST = {
    "image": s.PYTORCH,
    "image_id": f"sha256:{'5f' * 32}",
    "size": int(0.41 * s.GB),
    "added": 1204,
    "changed": 3,
    "removed": 0,
    "folders": [
        {"folder": "/opt/jupyter-gpu-containers/packages", "files": 1180, "size": int(3.9e8)},
        {"folder": "/etc", "files": 27, "size": 41_000},
    ],
    "packages": [
        {"manager": "pip", "name": "lightning", "kind": "added", "before": None, "after": "2.5.2"},
        {"manager": "pip", "name": "torchmetrics", "kind": "added", "before": None,
         "after": "1.7.3"},
        {"manager": "pip", "name": "numpy", "kind": "changed", "before": "1.26.4",
         "after": "2.3.1"},
        {"manager": "apt", "name": "graphviz", "kind": "added", "before": None, "after": "2.42.2"},
    ],
    "credentials": [{"path": "/root/.netrc", "reason": "logins of programs"}],
    "left_out": [
        {"path": "/home/mara", "reason": "the kernel's home", "size": 12_000_000, "packages": []},
        {"path": "/srv/work", "reason": "the workspace", "size": None, "packages": []},
    ],
    "dockerfile": f"FROM {s.PYTORCH}\nCOPY requirements.txt .\nRUN pip install -r requirements.txt",
    "files": {"requirements.txt": "lightning==2.5.2\ntorchmetrics==1.7.3\nnumpy==2.3.1\n"},
}  # fmt: skip
RUNNING = "moons/features.ipynb"


def open_choice(stage: Stage, gpus: s.Sample | None = None, **args: Any) -> Locator:
    """Open the dialog that chooses an environment for the notebook."""
    stage.give("GET gpus", gpus or busy_machine())
    stage.give("GET images", {"images": images()})
    stage.refresh()
    stage.start("gpu-containers:select-environment", path=NOTEBOOK, **args)
    expect(stage.dialog).to_contain_text("PyTorch 25.08")
    return stage.dialog


@state("dialog", "One screen for a notebook's environment", "2 of 8 free", "Runs here", "Start")
def choice(stage: Stage) -> Locator:
    return open_choice(stage)


@state("dialog-search", "Images here, of the catalogue, and those of a registry", "to download")
def search(stage: Stage) -> Locator:
    found = [
        {"name": "tensorflow/tensorflow", "description": "Official Docker images",
         "stars": 2610, "official": False},
        {"name": "intel/intel-optimized-tensorflow", "description": "For Intel processors",
         "stars": 24, "official": False},
    ]  # fmt: skip
    stage.give("GET search", {"results": found})
    dialog = open_choice(stage)
    dialog.get_by_role("searchbox").fill("tensorflow")
    expect(dialog).to_contain_text("Intel processors")
    return dialog


@state("dialog-nothing-found", "Nothing of that name", "Nothing of this name")
def nothing_found(stage: Stage) -> Locator:
    stage.give("GET search", {"results": []})
    dialog = open_choice(stage)
    dialog.get_by_role("searchbox").fill("qwertz")
    return dialog


@state("dialog-busy", "All GPUs are taken: the start will wait", "0 of 2 free")
def busy(stage: Stage) -> Locator:
    taken = [
        s.gpu(0, 61.4, 97, holders=[s.holder("segment.ipynb", 61.1, owner="jonas", mine=False)]),
        s.gpu(1, 44.0, 88, holders=[s.holder("sweep.ipynb", 43.6, owner="ines", mine=False)]),
    ]
    return open_choice(stage, s.gpus(taken))


@state("dialog-advanced", "Memory, shared memory, data, and a particular GPU", "Shared memory")
def advanced(stage: Stage) -> Locator:
    dialog = open_choice(stage)
    dialog.locator("details summary").filter(has_text=stage.say("Advanced")).click()
    return dialog


@state("dialog-no-engine", "There is no engine to choose images of", "systemctl start docker")
def no_engine(stage: Stage) -> Locator:
    stage.give("GET status", {**s.STATUS, "engine": None, "problem": NO_ENGINE})
    stage.give("GET images", {"images": []})
    stage.refresh()
    stage.start("gpu-containers:select-environment", path=NOTEBOOK)
    return stage.dialog


@state("dialog-add-image", "The catalogue, before anything is downloaded", "Recommended")
def add_image(stage: Stage) -> Locator:
    stage.start("gpu-containers:add-image")
    return stage.dialog


@state("dialog-image-found", "An image of a registry: what it is, and whether it runs", "Pull")
def image_found(stage: Stage) -> Locator:
    stage.start("gpu-containers:add-image", reference="quay.io/jupyter/r-notebook:2026-10-06")
    expect(stage.dialog).to_contain_text("linux/amd64")
    return stage.dialog


@state("dialog-image-private", "An image that wants a login", "API key")
def image_private(stage: Stage) -> Locator:
    stage.start("gpu-containers:add-image", reference="nvcr.io/nvidia/private:1")
    return stage.dialog


@state("dialog-image-details", "All that is known of an image", "PyTorch")
def image_details(stage: Stage) -> Locator:
    stage.start("gpu-containers:show-image", image=s.PYTORCH)
    expect(stage.dialog).to_contain_text(stage.say("On disk"))
    return stage.dialog


@state("dialog-build", "An image from a Dockerfile, a folder, or a list of packages", "Dockerfile")
def build(stage: Stage) -> Locator:
    stage.start("gpu-containers:build")
    return stage.dialog


@state("dialog-save", "What was installed in a kernel, kept as an image", "lightning", "Packages")
def save(stage: Stage) -> Locator:
    launch = s.launch(RUNNING, minutes=31)
    [known] = stage.launches(launch)
    stage.give(f"GET launches/{known['id']}/changes", LOST)
    stage.start("gpu-containers:save-image", id=known["id"])
    expect(stage.dialog).to_contain_text(stage.say("Compared with %1:"))
    for details in stage.dialog.locator("details").all()[:1]:
        details.locator("summary").click()
    return stage.dialog


@state("dialog-login", "A login to a registry", "Registry", "User name")
def login(stage: Stage) -> Locator:
    stage.start("gpu-containers:login")
    return stage.dialog


@state("dialog-remove", "An image is removed", "deleted from this machine")
def remove(stage: Stage) -> Locator:
    stage.give("GET images", {"images": images()})
    stage.refresh()
    stage.start("gpu-containers:remove-image", image=s.RAPIDS)
    return stage.dialog


@state("dialog-push", "An image gets the name to push it under", "registry")
def push(stage: Stage) -> Locator:
    stage.give("GET images", {"images": images()})
    stage.refresh()
    stage.start("gpu-containers:push", image=s.TEAM)
    return stage.dialog


@state("dialog-problem", "What cannot be done is said with the reason", "in use")
def refused(stage: Stage) -> Locator:
    in_use = problem(
        "image_in_use",
        f"The image {s.PYTORCH} is in use by the kernel of train.ipynb.",
        "Shut the kernel down first, or remove the image all the same.",
    )
    stage.give("GET images", {"images": images()})
    stage.give(f"DELETE images/{s.PYTORCH}", in_use, 409)
    stage.refresh()
    stage.start("gpu-containers:remove-image", image=s.PYTORCH)
    remove = stage.say("Remove")
    expect(stage.dialog.get_by_role("button", name=remove, exact=True)).to_be_enabled()
    stage.dialog.get_by_role("button", name=remove, exact=True).click()
    return stage.dialog
