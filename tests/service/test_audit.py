"""The audit trail: a record for each start and end, with image, digest and GPUs, and no secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.image.image import ImageKernel
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.service.operations.audit import Audit, held_since
from jupyter_gpu_containers.service.operations.trail import Trail

ENVIRONMENT = Environment(
    name="torch",
    display_name="Torch",
    reference="nvcr.io/nvidia/pytorch:25.08-py3",
    image_id="sha256:" + "a" * 64,
    kernel=ImageKernel("python3", "Python 3", "python", ("python", "-m", "ipykernel")),
    repo_digest="nvcr.io/nvidia/pytorch@sha256:" + "b" * 64,
)
ASKED = Launch("k1", image=ENVIRONMENT.reference, environment="torch", path="a/b.ipynb")


class Book:
    """An audit trail on disk, and what stands in it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "audit.jsonl"
        self.now = 1000.0
        self.audit = self.begin()

    def begin(self) -> Audit:
        """Return the trail of a process of its own."""
        trail = Trail(self.path, size=1 << 20, kept=1)
        environment: Callable[[str], Environment | None] = {"k1": ENVIRONMENT}.get
        return Audit(trail, "ada", environment, clock=lambda: self.now)

    def tell(self, launch: Launch, *phases: Phase, **changes: Any) -> Launch:
        """Take a launch through phases, a second each."""
        for phase in phases:
            self.now += 1
            launch = launch.advance(phase, self.now, **changes)
            self.audit.follow(launch)
        return launch

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    @property
    def events(self) -> list[tuple[str, str | None]]:
        return [(each["event"], each.get("outcome")) for each in self.records]


def test_who_started_what_with_which_gpus_and_how_it_ended(tmp_path: Path) -> None:
    book = Book(tmp_path)
    launch = book.tell(ASKED, Phase.QUEUED, Phase.CREATING)
    assert not book.path.exists()  # nothing was started yet
    launch = book.tell(launch, Phase.STARTING, gpus=("GPU-1", "GPU-2"), container_id="c1")
    launch = book.tell(launch, Phase.RUNNING)
    book.audit.follow(replace(launch, warnings=(Problem("w", "…"),)))
    error = Problem("out_of_memory", "words", "hint", "log with a password")
    ended = book.tell(launch, Phase.FAILED, error=error)
    book.audit.follow(replace(ended, error=Problem("kernel_died", "more is known")))
    started, end = book.records
    common = {
        "launch": "k1",
        "user": "ada",
        "image": "nvcr.io/nvidia/pytorch:25.08-py3",
        "digest": "sha256:" + "b" * 64,
        "image_id": "sha256:" + "a" * 64,
        "gpus": ["GPU-1", "GPU-2"],
        "environment": "torch",
        "notebook": "a/b.ipynb",
        "container": "c1",
    }
    assert started == {"at": "1970-01-01T00:16:43.000Z", "event": "started", **common}
    assert end == {
        "at": "1970-01-01T00:16:45.000Z",
        "event": "ended",
        **common,
        "outcome": "failed",
        "code": "out_of_memory",
        "seconds": 2.0,
    }


def test_a_name_makes_no_line_of_its_own(tmp_path: Path) -> None:
    book = Book(tmp_path)
    name = 'a.ipynb\n{"event":"ended","user":"bob"}\r\x1b[2J\u2028.ipynb'
    starts = {"gpus": ("GPU-1",), "container_id": "c1"}
    book.tell(replace(ASKED, path=name), Phase.QUEUED, Phase.STARTING, **starts)
    text = book.path.read_text("utf-8")
    assert text.count("\n") == 1
    assert "\x1b" not in text
    assert json.loads(text)["notebook"] == name


def test_what_never_got_a_container_is_told_too(tmp_path: Path) -> None:
    book = Book(tmp_path)
    refused = Problem("policy_gpus", "too many")
    book.tell(ASKED, Phase.QUEUED, Phase.WAITING, Phase.FAILED, error=refused)
    (record,) = book.records
    assert (record["event"], record["code"], record["seconds"]) == ("ended", "policy_gpus", None)


def test_a_restart_keeps_the_container_and_its_time(tmp_path: Path) -> None:
    book = Book(tmp_path)
    begun = book.tell(ASKED, Phase.QUEUED, Phase.STARTING, Phase.RUNNING)
    book.tell(begun, Phase.STARTING, Phase.RUNNING, Phase.CANCELLED)
    assert book.events == [("started", None), ("restarted", None), ("ended", "cancelled")]
    assert book.records[-1]["seconds"] == 4.0


def test_jupyter_starts_a_kernel_anew_under_its_id(tmp_path: Path) -> None:
    book = Book(tmp_path)
    first = book.tell(ASKED, Phase.QUEUED, Phase.STARTING, Phase.RUNNING, Phase.FAILED)
    assert held_since(first) == 1002.0
    again = book.tell(first, Phase.CREATING, Phase.STARTING, Phase.RUNNING)
    assert held_since(again) == 1006.0
    book.tell(again, Phase.CANCELLED)
    events = [("started", None), ("ended", "failed"), ("started", None), ("ended", "cancelled")]
    assert book.events == events


def test_a_server_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    book = Book(tmp_path)
    launch = book.tell(ASKED, Phase.QUEUED, Phase.STARTING, Phase.RUNNING)
    book.audit = book.begin()  # of the next server: nobody closed the first one
    book.now += 100
    book.audit.follow(replace(launch, recovered=True))
    book.audit.follow(replace(launch, recovered=True, warnings=(Problem("w", "…"),)))
    book.tell(replace(launch, recovered=True), Phase.CANCELLED)
    assert book.events == [("started", None), ("recovered", None), ("ended", "cancelled")]
    assert book.records[-1]["seconds"] == 102.0


def test_what_the_next_server_cannot_take_over_has_an_end(tmp_path: Path) -> None:
    book = Book(tmp_path)
    launch = book.tell(ASKED, Phase.QUEUED, Phase.STARTING, Phase.RUNNING)
    book.audit = book.begin()
    book.tell(launch, Phase.FAILED, error=Problem("not_recovered", "…"))
    assert book.events == [("started", None), ("ended", "failed")]


def test_kernels_of_a_program_end_with_it(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.tell(ASKED, Phase.QUEUED, Phase.STARTING, Phase.RUNNING)
    book.audit.close()
    book.audit.close()
    assert book.events == [("started", None), ("ended", "process_ended")]


def test_it_can_be_switched_off() -> None:
    audit = Audit(None, "ada", lambda launch_id: None)
    audit.follow(ASKED.advance(Phase.QUEUED, 1.0).advance(Phase.STARTING, 2.0))
    audit.close()
