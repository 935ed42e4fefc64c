"""What every container backend promises of images: fetched, sent, named and removed."""

from __future__ import annotations

import asyncio
import threading

import pytest

from jupyter_gpu_containers.errors import (
    ImageInUseError,
    ImageNotFoundError,
    InvalidImageReferenceError,
    RegistryUnreachableError,
)
from jupyter_gpu_containers.model import job as model
from jupyter_gpu_containers.model.job import Job, JobKind, Step
from tests.backends.conftest import TIMEOUT, Bench

# -- pull and push -----------------------------------------------------------------------------


async def test_pull_tells_its_steps_in_order_from_a_foreign_thread(
    bench: Bench, distant: str
) -> None:
    steps: list[Step] = []
    threads: set[int] = set()

    def note(step: Step) -> None:
        steps.append(step)
        threads.add(threading.get_ident())

    with pytest.raises(ImageNotFoundError):
        await bench.backend.image(distant)
    await asyncio.wait_for(bench.backend.pull(distant, progress=note), TIMEOUT)
    image = await bench.backend.image(distant)
    assert distant in image.references
    digest = image.digest_as(distant)  # this content, wherever it is pulled again
    assert digest
    assert (await bench.backend.image(f"{distant.rpartition(':')[0]}@{digest}")).id == image.id
    assert threads
    assert threading.get_ident() not in threads
    layers = {step.id for step in steps if step.id}
    assert len(layers) == len(image.layers)
    assert {step.id for step in steps if step.done and step.id} == layers
    job = model.told(Job("j", JobKind.PULL, distant), steps, 1.0)
    assert job.total
    assert job.current == job.total
    assert not job.transferring


async def test_pull_of_what_is_here_brings_nothing(bench: Bench, distant: str) -> None:
    await bench.backend.pull(distant)
    steps: list[Step] = []
    await bench.backend.pull(distant, progress=steps.append)
    assert model.told(Job("j", JobKind.PULL, distant), steps, 1.0).current == 0


async def test_no_connection_is_said_as_such(bench: Bench) -> None:
    with pytest.raises(RegistryUnreachableError, match=r"127\.0\.0\.1:1/nothing:1"):
        await bench.backend.pull("127.0.0.1:1/nothing:1")


async def test_push_of_what_is_not_here(bench: Bench) -> None:
    with pytest.raises(ImageNotFoundError, match="nothing:1"):
        await bench.backend.push("localhost:1/nothing:1")


async def test_image_has_its_layers(bench: Bench) -> None:
    image = await bench.backend.image(bench.reference)
    assert image.layers
    assert all(layer.startswith("sha256:") for layer in image.layers)


# -- names -------------------------------------------------------------------------------------


async def test_tag_and_remove(bench: Bench) -> None:
    image_id, name, other = await bench.image_id(), bench.name(), bench.name()
    await bench.backend.tag(bench.reference, name)
    await bench.backend.tag(image_id, other)
    found = await bench.backend.image(name)
    assert found.id == image_id
    assert {name, other, bench.reference} <= set(found.references)
    assert await bench.backend.remove_image(name) == [name]
    with pytest.raises(ImageNotFoundError, match=name):
        await bench.backend.remove_image(name)
    assert (await bench.backend.image(other)).id == image_id


async def test_a_name_moves_to_the_image_that_got_it_last(bench: Bench, distant: str) -> None:
    await bench.backend.pull(distant)
    name = bench.name()
    await bench.backend.tag(bench.reference, name)
    await bench.backend.tag(distant, name)
    assert (await bench.backend.image(name)).id == (await bench.backend.image(distant)).id
    assert name not in (await bench.backend.image(bench.reference)).references


async def test_names_that_cannot_be_given(bench: Bench) -> None:
    with pytest.raises(ImageNotFoundError, match="nowhere/nothing:1"):
        await bench.backend.tag("nowhere/nothing:1", bench.name())
    for name in ("Not A Name", f"some/image@sha256:{'0' * 64}"):
        with pytest.raises(InvalidImageReferenceError):
            await bench.backend.tag(bench.reference, name)


# -- removal -----------------------------------------------------------------------------------


async def test_the_last_name_takes_the_image_along(bench: Bench, distant: str) -> None:
    await bench.backend.pull(distant)
    image_id = (await bench.backend.image(distant)).id
    removed = await bench.backend.remove_image(distant)
    assert removed[0] == distant
    assert image_id in removed
    for gone in (distant, image_id):
        with pytest.raises(ImageNotFoundError):
            await bench.backend.image(gone)
    assert image_id not in [image.id for image in await bench.backend.images()]


async def test_remove_by_id(bench: Bench, distant: str) -> None:
    await bench.backend.pull(distant)
    image_id = (await bench.backend.image(distant)).id
    removed = await bench.backend.remove_image(image_id)
    assert (removed[0], image_id in removed) == (distant, True)


async def test_an_image_of_several_names_goes_by_id_only_by_force(
    bench: Bench, distant: str
) -> None:
    await bench.backend.pull(distant)
    image_id = (await bench.backend.image(distant)).id
    name = bench.name()
    await bench.backend.tag(distant, name)
    with pytest.raises(ImageInUseError, match="several names"):
        await bench.backend.remove_image(image_id)
    removed = await bench.backend.remove_image(image_id, force=True)
    assert {name, distant, image_id} <= set(removed)


async def test_an_image_that_a_container_needs(bench: Bench, distant: str) -> None:
    await bench.backend.pull(distant)
    image_id = (await bench.backend.image(distant)).id
    container_id = await bench.create(image=image_id)
    with pytest.raises(ImageInUseError, match=container_id[:12]) as caught:
        await bench.backend.remove_image(distant)
    assert "force" in caught.value.hint
    forced = await bench.backend.remove_image(distant, force=True)
    assert distant in forced
    assert [container.id for container in await bench.listed()] == [container_id]
    with pytest.raises(ImageNotFoundError):
        await bench.backend.image(distant)
    await bench.backend.remove(container_id)


async def test_a_running_container_keeps_its_image_against_all_force(bench: Bench) -> None:
    container_id = await bench.create("import time; time.sleep(60)")
    await bench.backend.start(container_id)
    name = bench.name()
    await bench.backend.tag(bench.reference, name)
    assert await bench.backend.remove_image(name) == [name]  # one name of several
    with pytest.raises(ImageInUseError):
        await bench.backend.remove_image(await bench.image_id(), force=True)
    assert (await bench.backend.image(bench.reference)).id == await bench.image_id()


async def test_what_is_not_there_is_not_removed(bench: Bench) -> None:
    for gone in ("nowhere/nothing:1", f"sha256:{'0' * 64}"):
        with pytest.raises(ImageNotFoundError):
            await bench.backend.remove_image(gone)
