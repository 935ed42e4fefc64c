"""A server on which every name and text is hostile, or a harmless one in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import samples as s
from .answers import problem
from .stage import NOTEBOOK, Stage

Text = Callable[[], str]
FIRST = "pytorch/pytorch:2"  # the one name that is as it should be, to ask for


def reasons(text: Text) -> s.Sample:
    """A verdict whose findings are texts of others."""
    findings = [s.reason(text(), severity, text()) for severity in ("problem", "warning", "ok")]
    return {**s.verdict("likely", *findings), "reasons": [s.reason(text(), "info", text())]}


def kernel(text: Text) -> s.Sample:
    """A kernel whose name an image gives."""
    return {"name": text(), "display_name": text(), "language": text(), "carried": True}


def image(text: Text, *names: str) -> s.Sample:
    """An image whose labels and configuration are of others."""
    return s.image(
        text(),
        references=[*names, text(), text()],
        digests=[text()],
        framework={"name": text(), "version": text()},
        cuda=text(),
        python=text(),
        architecture=text(),
        kernels=[kernel(text), kernel(text)],
        verdict=reasons(text),
    )


def failure(text: Text) -> s.Sample:
    """A failure with words and a log of others."""
    return problem("kernel_exited", text(), text(), log=f"{text()}\n{text()}")


def holder(text: Text) -> s.Sample:
    """A container of somebody."""
    names = {name: text() for name in ("environment", "display_name", "owner")}
    return s.holder(text(), 3.0, mine=False, **names)


def gpus(text: Text) -> s.Sample:
    """GPUs that tell lies."""
    broken = s.gpu(9, state="unavailable", problem=failure(text), name=text())
    others = [
        s.gpu(n, 12, 40, name=text(), holders=[holder(text), holder(text)], slots=3, state="shared")
        for n in range(8)
    ]
    return s.gpus([*others, broken], driver={"version": text(), "cuda_version": text()})


def launch(text: Text, phase: str, number: int, **changes: Any) -> s.Sample:
    """A launch with names of others."""
    names = {"environment": text(), "display_name": text(), "image": text()}
    return {**s.launch(f"{text()}-{number}", phase, minutes=number), **names, **changes}


def launches(text: Text) -> list[s.Sample]:
    """Launches in several phases."""
    return [
        launch(text, "running", 9, warnings=[failure(text), failure(text)]),
        launch(text, "running", 8, idle={"since": s.ago(30), "stop_at": s.ago(-5)}),
        launch(text, "waiting", 7, queue=s.place(1, 2, text(), text())),
        launch(text, "starting", 6),
    ]


def jobs(text: Text) -> list[s.Sample]:
    """Jobs whose engine and Dockerfiles say what they like."""
    step = {**s.step(1, text(), 1, 2), "id": text()}
    return [
        s.job("pull", text(), total=100, current=10, steps=[step]),
        s.job("build", text(), log=[text() for _ in range(8)], steps=[step]),
        s.job("push", text(), "failed", error=failure(text), log=[text()]),
    ]


def entry(text: Text, link: str) -> s.Sample:
    """What the catalogue of an administrator may hold."""
    return {
        "name": text(),
        "title": text(),
        "description": text(),
        "reference": text(),
        "link": link,
        "licence": text(),
        "framework": text(),
        "vendor": text(),
        "verdict": reasons(text),
        "on_engine": False,
        "download": 10**9,
        "fetch_seconds": 60,
        "tags": [text()],
        "cuda": text(),
        "python": text(),
        "runs_here": text(),
    }


def tell(stage: Stage, text: Text) -> None:
    """Give the page all of that."""
    stage.give("GET gpus", gpus(text))
    stage.give("GET images", {"images": [image(text, FIRST), *(image(text) for _ in range(4))]})
    stage.give("GET registries", {"registries": [{"host": text(), "username": text()}]})
    links = ["javascript:hit(1)", "https://hostile.example/", text()]
    stage.give("GET catalogue", {"entries": [entry(text, link) for link in links]})
    found = [
        {"name": text(), "description": text(), "stars": 1, "official": True} for _ in range(5)
    ]
    stage.give("GET search", {"results": found})
    stage.emit("changed", {"resource": "registries"})
    stage.jobs(*jobs(text))
    stage.launches(*launches(text))


def changes(text: Text) -> s.Sample:
    """What somebody has done in a container."""
    packages = [
        {"manager": "pip", "name": text(), "kind": kind, "before": text(), "after": text()}
        for kind in ("added", "changed", "removed")
    ]
    left_out = {"path": text(), "reason": text(), "size": 1, "packages": [text(), text()]}
    return {
        "image": text(),
        "image_id": text(),
        "size": 1,
        "added": 1,
        "changed": 1,
        "removed": 1,
        "folders": [{"folder": text(), "files": 1, "size": 1}],
        "packages": packages,
        "credentials": [{"path": text(), "reason": text()}],
        "left_out": [left_out],
        "dockerfile": text(),
        "files": {text(): text()},
    }


def remembered(text: Text) -> dict[str, Any]:
    """A notebook's metadata, by whoever sent the notebook."""
    return {
        "jupyter_gpu_containers": {
            "image": text(),
            "digest": text(),
            "kernel": text(),
            "gpus": text(),
        },
        "kernelspec": {"name": text(), "display_name": text()},
    }


def death(stage: Stage, text: Text) -> None:
    """Have the notebook's kernel die, with last words."""
    [known] = stage.launches(s.launch(NOTEBOOK, minutes=48, display_name=text(), image=text()))
    stage.go_on({**known, "kernel_id": stage.kernel_id}, "failed", error=failure(text))
