"""What every container backend promises of builds; more of the real engine's stand beside this."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from jupyter_gpu_containers.errors import BuildFailedError, ImageNotFoundError, InvalidRequestError
from jupyter_gpu_containers.model.image.build import BuildRequest, make_plan
from jupyter_gpu_containers.model.job import Step
from tests.backends.conftest import EVERY_BACKEND, TIMEOUT, Bench

pytestmark = EVERY_BACKEND


@pytest.fixture(autouse=True)
def no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker's own configuration is this test's own, and empty."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


async def build(bench: Bench, *steps: str, limit: int = 1 << 20) -> tuple[str, list[Step]]:
    """Build a folder with a Dockerfile; return the image's name, and what was told."""
    folder = bench.folder / "site"
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text("\n".join([f"FROM {bench.reference}", *steps]))
    told: list[Step] = []
    threads: set[int] = set()

    def note(step: Step) -> None:
        told.append(step)
        threads.add(threading.get_ident())

    name = bench.name()
    plan = make_plan(BuildRequest(name, folder="site"), str(folder), limit)
    await asyncio.wait_for(bench.backend.build(plan, progress=note), TIMEOUT)
    assert threading.get_ident() not in threads
    return name, told


async def test_an_image_is_made_step_by_step(bench: Bench) -> None:
    name, told = await build(bench, "COPY . /ctx", "RUN true")
    image = await bench.backend.image(name)
    assert image.references == (name,)
    below = (await bench.backend.image(bench.reference)).layers
    assert image.layers[: len(below)] == below
    assert len(image.layers) > len(below)
    lines = [line for step in told for line in step.text]
    assert lines[0].startswith("Context: 1 file, ")
    begun = [line.partition("]")[0] for line in lines if line.startswith("[")]
    assert list(dict.fromkeys(begun)) == ["[1/3", "[2/3", "[3/3"]
    assert {"1/3", "2/3"} <= {step.id for step in told if step.done}


async def test_a_name_moves_to_what_was_built_last(bench: Bench) -> None:
    name, _ = await build(bench, "COPY . /one")
    first = (await bench.backend.image(name)).id
    folder = str(bench.folder / "site")
    plan = make_plan(BuildRequest(name, folder="site"), folder, 1 << 20)
    (bench.folder / "site" / "more").write_text("x")
    await asyncio.wait_for(bench.backend.build(plan), TIMEOUT)
    assert (await bench.backend.image(name)).id != first
    await bench.backend.remove_image(first)


async def test_a_step_that_fails_makes_no_image(bench: Bench) -> None:
    with pytest.raises(BuildFailedError, match=r"Step \[2/3\] RUN exit 7 failed: .* code 7"):
        await build(bench, "RUN exit 7", "RUN true")
    with pytest.raises(ImageNotFoundError):
        await bench.backend.image(bench.names[-1])


async def test_what_is_no_context_is_not_sent(bench: Bench) -> None:
    with pytest.raises(InvalidRequestError, match="more than 10 B"):
        await build(bench, "RUN true", limit=10)
    plan = make_plan(BuildRequest(bench.name(), folder="x"), str(bench.folder), 1 << 20)
    with pytest.raises(InvalidRequestError, match="has no Dockerfile"):
        await bench.backend.build(plan)
