"""R's kernel in an image without Python: found, shown, started, interrupted, restarted."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import docker
import pytest

from jupyter_gpu_containers.model.image.image import ImageKernel, ImageProbe
from tests.kernels import running
from tests.rooms import Room, run_program

pytestmark = pytest.mark.engine

MAIN = ("--slave", "-e", "IRkernel::main()", "--args", "{connection_file}")


@pytest.fixture
def without_kernelspec(
    engine_room: Room, images: SimpleNamespace, engine_host: str
) -> Iterator[str]:
    """The name of an image in which nobody has called IRkernel::installspec()."""
    client = docker.DockerClient(base_url=engine_host)
    tag = f"jgc-test/no-kernelspec:{engine_room.base.name}"
    container = client.containers.create(images.r, ["rm", "-r", "/usr/share/jupyter"])
    try:
        container.start()
        assert container.wait()["StatusCode"] == 0
        container.commit(*tag.split(":"))
        container.remove()
        yield tag
        client.images.remove(tag, force=True)
    finally:
        client.close()


async def test_what_the_look_inside_finds(engine_room: Room, images: SimpleNamespace) -> None:
    image = await engine_room.services.images.get(images.r)
    assert image.probe == ImageProbe(kernels=(ImageKernel("ir", "R", "R", ("R", *MAIN)),))
    command = [sys.executable, "-m", "jupyter_gpu_containers.cli", "inspect", images.r]
    shown = await asyncio.to_thread(run_program, engine_room, command)
    assert "\nkernels    ir (R)\n" in shown.stdout
    model = await asyncio.to_thread(run_program, engine_room, [*command, "--json"])
    assert json.loads(model.stdout)["kernels"] == [
        {"name": "ir", "display_name": "R", "language": "R", "carried": False}
    ]


async def test_r_answers(engine_room: Room, images: SimpleNamespace) -> None:
    folder = engine_room.workspace / "analyses"
    folder.mkdir()
    environment = await engine_room.environment(images.r)
    spec = json.loads((engine_room.data / "kernels" / environment.name / "kernel.json").read_text())
    assert spec["language"] == "R"
    async with running(environment.name, cwd=str(folder)) as kernel:
        info = await kernel.client.kernel_info(reply=True)
        assert info["content"]["language_info"]["name"] == "R"
        assert await kernel.run("cat(R.version.string)") == info["content"]["banner"]
        assert await kernel.run("cat(1 + 1)") == "2"
        assert await kernel.run("cat(getwd())") == str(folder)
        assert await kernel.run("writeLines('kept', 'made.txt')") == ""
        made = folder / "made.txt"
        assert made.read_text() == "kept\n"
        assert (made.stat().st_uid, made.stat().st_gid) == (os.getuid(), os.getgid())
        assert "no such thing" in await kernel.run("stop('no such thing')")


async def test_r_is_interrupted_and_restarted(engine_room: Room, images: SimpleNamespace) -> None:
    environment = await engine_room.environment(images.r)
    async with running(environment.name, cwd=str(engine_room.workspace)) as kernel:
        assert await kernel.run("mine <- 6") == ""
        cell = await kernel.begin("cat('begun\\n')\nSys.sleep(60)\ncat('slept')")
        await kernel.manager.interrupt_kernel()
        assert "slept" not in await cell
        assert await kernel.run("cat(mine * 7)") == "42"
        await kernel.manager.restart_kernel()
        await kernel.answers_again()
        assert await kernel.run("cat(exists('mine'))") == "FALSE"


async def test_r_without_a_kernelspec(engine_room: Room, without_kernelspec: str) -> None:
    """As `install.packages("IRkernel")` leaves an image."""
    environment = await engine_room.environment(without_kernelspec)
    assert environment.kernel == ImageKernel("ir", "R", "R", ("/usr/lib/R/bin/R", *MAIN))
    async with running(environment.name) as kernel:
        assert await kernel.run("cat(R.home())") == "/usr/lib/R"
