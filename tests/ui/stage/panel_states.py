"""States of the panel."""

from __future__ import annotations

from playwright.sync_api import Locator

from . import samples as s
from .answers import problem
from .stage import Stage, state

MIG = "MIG-5f0c6a4e-0b7d-4c58-9a51-3d2e8c9b7a0"
NO_ENGINE = problem(
    "engine_unavailable",
    "No container engine answers at unix:///var/run/docker.sock.",
    "Start it: `sudo systemctl start docker`.",
)


def busy_machine() -> s.Sample:
    """Eight GPUs: of ours, of a colleague, of another program, and two that nobody uses."""
    colleague = {"owner": "jonas", "mine": False}
    return s.gpus(
        [
            s.gpu(0, 61.4, 97, holders=[s.holder("moons/train.ipynb", 61.1)]),
            s.gpu(1, 12.8, 34, holders=[s.holder("moons/features.ipynb", 12.5)]),
            s.gpu(2, 44.0, 88, holders=[s.holder("segment.ipynb", 43.6, **colleague)]),
            s.gpu(3, 44.0, 91, holders=[s.holder("segment.ipynb", 43.6, **colleague)]),
            s.gpu(4, 7.5, 0, holders=[s.holder("talk/demo.ipynb", 7.2)]),
            s.gpu(5, 20.1, 55, state="in_use"),
            s.gpu(6),
            s.gpu(7),
        ]
    )


def held(path: str, *indices: int, **changes: object) -> s.Sample:
    """A launch that has these GPUs."""
    return s.launch(path, gpus=[s.gpu_uuid(index) for index in indices], **changes)


def images() -> list[s.Sample]:
    """What a machine has after some months."""
    return [
        s.image(s.PYTORCH, 18.6),
        s.image(s.TEAM, 9.2, framework={"name": "PyTorch", "version": "2.6.0"}, cuda="12.4"),
        s.image(s.RAPIDS, 9.4, framework={"name": "RAPIDS", "version": "25.08"}, cuda="12.9"),
        s.image(
            "tensorflow/tensorflow:2.18.0-gpu",
            3.5,
            framework={"name": "TensorFlow", "version": "2.18.0"},
            cuda="12.5",
            python="3.11",
            verdict=s.verdict("likely", s.reason("No image of this kind was tried here.")),
        ),
        s.image(
            s.SCIPY,
            1.5,
            framework=None,
            cuda=None,
            verdict=s.verdict("cpu", s.reason("This image needs no GPU.", "info")),
        ),
    ]


PULL = s.job(
    "pull",
    "nvcr.io/nvidia/tensorflow:25.02-tf2-py3",
    current=int(3.1 * s.GB),
    total=int(8.9 * s.GB),
    speed=24.5e6,
    eta=237,
    steps=[
        s.step(1, "Already exists"),
        s.step(2, "Pull complete", 860, 860),
        s.step(3, "Extracting", 1420, 1420),
        s.step(4, "Downloading", 1010, 3800),
        s.step(5, "Waiting"),
    ],
)


@state("panel", "The whole panel on a busy machine", "2 of 8 free", "train.ipynb", "nvcr.io")
def panel(stage: Stage) -> Locator:
    stage.give("GET status", {**s.STATUS, "spares": {"count": 1, "memory": 62 << 20, "gpus": 0}})
    stage.give("GET gpus", busy_machine())
    stage.give("GET images", {"images": images()})
    stage.give("GET registries", {"registries": [{"host": "nvcr.io", "username": "$oauthtoken"}]})
    stage.emit("changed", {"resource": "registries"})
    stage.jobs(PULL)
    stage.launches(
        held("talk/demo.ipynb", 4, minutes=190, idle={"since": s.ago(55), "stop_at": s.ago(-5)}),
        held("moons/train.ipynb", 0, minutes=48),
        held("moons/features.ipynb", 1, minutes=31),
        s.launch("sweep.ipynb", "waiting", minutes=6, queue=s.place(2, 3, "jonas")),
    )
    return stage.panel


@state("panel-empty", "A machine without GPUs, images or kernels", "no GPU", "No kernel")
def empty(stage: Stage) -> Locator:
    stage.give("GET gpus", s.gpus([], driver=None))
    stage.give("GET images", {"images": []})
    stage.give("GET environments", {"environments": []})
    stage.refresh()
    return stage.panel


@state("panel-no-engine", "No container engine answers", "docker.sock", "systemctl start docker")
def no_engine(stage: Stage) -> Locator:
    stage.give("GET status", {**s.STATUS, "engine": None, "problem": NO_ENGINE})
    stage.give("GET gpus", s.gpus([s.gpu(0), s.gpu(1)]))
    for what in ("images", "launches"):
        stage.give(f"GET {what}", NO_ENGINE, 503)
    stage.refresh()
    return stage.panel


FINDINGS = [
    {
        "name": "disk",
        "message": "11 GB are free in /var/lib/docker; an image with CUDA and a framework needs "
        "25 GB.",
        "fix": "docker system df; docker image prune",
        "advice": "",
    },
    {
        "name": "device links",
        "message": "/dev/nvidia0 and /dev/nvidia1 have no links in /dev/char: kernels lose their "
        "GPUs when somebody runs `systemctl daemon-reload`.",
        "fix": "sudo nvidia-ctk system create-dev-char-symlinks --create-all",
        "advice": "",
    },
]


@state("panel-findings", "What doctor has found", "11 GB are free", "create-dev-char-symlinks")
def findings(stage: Stage) -> Locator:
    stage.give("GET status", {**s.STATUS, "findings": FINDINGS})
    stage.give("GET gpus", s.gpus([s.gpu(0), s.gpu(1)]))
    stage.refresh()
    stage.panel.locator(".jp-GpuContainers-findings > summary").click()
    return stage.panel


@state("panel-demo", "The demonstration, which has no engine", "Demo", "made up")
def demo(stage: Stage) -> Locator:
    stage.give("GET status", {**s.STATUS, "backend": "memory", "demo": True})
    stage.refresh()
    return stage.panel


@state("gpus-shared", "GPUs that kernels share", "slots free", "train.ipynb")
def shared(stage: Stage) -> Locator:
    two = [s.holder("moons/train.ipynb", 30.2), s.holder("moons/features.ipynb", 11.9)]
    three = [s.holder(f"course/group-{n}.ipynb", 9 + n, owner="course") for n in (1, 2, 3)]
    stage.give(
        "GET gpus",
        s.gpus(
            [
                s.gpu(0, 42.5, 71, holders=two, slots=3, state="shared"),
                s.gpu(1, 33.8, 98, holders=three, slots=3),
                s.gpu(2, slots=3),
            ]
        ),
    )
    stage.refresh()
    return stage.section("GPUs")


@state("gpus-mig", "GPUs that are divided by MIG", "1g.10gb", "3g.40gb")
def mig(stage: Stage) -> Locator:
    def instance(
        number: int, profile: str, total: float, used: float = 0, **more: object
    ) -> s.Sample:
        return s.gpu(
            number, used, total=total, uuid=f"{MIG}{number}", utilization=None,
            mig_profile=profile, parent_uuid=s.gpu_uuid(0), **more,
        )  # fmt: skip

    stage.give(
        "GET gpus",
        s.gpus(
            [
                s.gpu(0, 24.5, state="unavailable", utilization=None),
                instance(1, "3g.40gb", 39.5, 22.1, holders=[s.holder("moons/train.ipynb", 21.8)]),
                instance(2, "1g.10gb", 9.5, 2.4, holders=[s.holder("talk/demo.ipynb", 2.1)]),
                instance(3, "1g.10gb", 9.5),
                s.gpu(4, 3.0, 12, holders=[s.holder("sweep.ipynb", 2.7)]),
            ]
        ),
    )
    stage.refresh()
    return stage.section("GPUs")


@state("gpus-broken", "A GPU that has failed", "Xid 79", "reset")
def broken(stage: Stage) -> Locator:
    fallen = problem(
        "gpu_lost",
        "GPU 1 failed (Xid 79: the GPU has fallen off the bus).",
        "It is not given out until NVML says that it is well: reset it, or reboot.",
    )
    stage.give(
        "GET gpus",
        s.gpus([s.gpu(0, 12.8, 34, state="in_use"), s.gpu(1, state="unavailable", problem=fallen)]),
    )
    stage.refresh()
    return stage.section("GPUs")


@state("gpus-no-driver", "NVIDIA's driver does not answer", "driver", "nvidia-smi")
def no_driver(stage: Stage) -> Locator:
    broken = problem(
        "driver_mismatch",
        "NVIDIA's driver and its library have different versions.",
        "Reboot the machine, then check with `nvidia-smi`.",
    )
    stage.give("GET gpus", s.gpus([], driver=None, problem=broken))
    stage.refresh()
    return stage.section("GPUs")


@state("running", "Kernels that wait, start, run, idle and suffer", "2nd in line", "Keep alive")
def running(stage: Stage) -> Locator:
    stage.give("GET gpus", busy_machine())
    hurt = problem(
        "child_out_of_memory",
        "A process of this kernel was killed: out of memory.",
        "Use less memory, or an environment with more.",
    )
    stage.launches(
        held("talk/demo.ipynb", 4, minutes=190, idle={"since": s.ago(55), "stop_at": s.ago(-5)}),
        held("moons/train.ipynb", 0, minutes=48, warnings=[hurt]),
        held("moons/features.ipynb", 1, minutes=31, recovered=True),
        s.launch("new.ipynb", "starting", minutes=0.1, gpus=[s.gpu_uuid(6)]),
        s.launch("sweep.ipynb", "waiting", minutes=6, queue=s.place(2, 3, "jonas")),
    )
    return stage.section("Running")


@state("jobs", "A pull, a build, a push and what went wrong", "3.1 of 8.9", "pandas", "denied")
def jobs(stage: Stage) -> Locator:
    denied = problem(
        "forbidden",
        "The image registry.example.org/vision/train:2026.11 could not be sent: denied.",
        "Give it a name in a repository of your own first.",
    )
    stage.jobs(
        PULL,
        s.job(
            "build",
            "team/image:2",
            steps=[{**s.step(1, "RUN pip install -r requirements.txt"), "id": "3/4"}],
            log=["Collecting pandas==2.3.1", "  Downloading pandas-2.3.1 (12.0 MB)"],
        ),
        s.job("push", s.TEAM, "failed", error=denied),
        s.job("commit", "team/image:3", "queued"),
    )
    return stage.section("Jobs")


@state("images", "Images with what is known of each", "Runs here", "PyTorch")
def all_images(stage: Stage) -> Locator:
    too_new = s.reason("CUDA 14.0 needs driver >= 610; this machine has 580.95.05.", "problem")
    too_new["code"] = "driver_too_old"
    carried = {**s.image("x")["kernels"][0], "carried": True}
    stage.give(
        "GET images",
        {
            "images": [
                *images(),
                s.image(
                    "pytorch/pytorch:3.0.0-cuda14.0", 7.1, cuda="14.0",
                    framework={"name": "PyTorch", "version": "3.0.0"},
                    verdict=s.verdict("incompatible", too_new),
                ),
                s.image(
                    "python:3.13-slim", 0.12, framework=None, cuda=None, python="3.13",
                    kernels=[carried], verdict=s.verdict("cpu"),
                ),
                s.image("busybox:latest", 0.004, framework=None, cuda=None, python=None,
                        kernels=[], verdict=s.verdict("cpu"),
                        problem=problem("no_kernel", "The image has no Jupyter kernel inside.",
                                        "Install one: `RUN pip install ipykernel`.")),
            ]
        },
    )  # fmt: skip
    stage.refresh()
    return stage.section("Images")


@state("registries", "Registries that one is logged in to", "nvcr.io", "ghcr.io")
def registries(stage: Stage) -> Locator:
    logins = [
        {"host": "nvcr.io", "username": "$oauthtoken"},
        {"host": "ghcr.io", "username": "mara"},
        {"host": "registry.example.org:5000", "username": "vision-team-robot"},
    ]
    stage.give("GET registries", {"registries": logins})
    stage.emit("changed", {"resource": "registries"})
    return stage.section("Registries")
