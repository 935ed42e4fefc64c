"""Docker 26 with containerd's image store: images are made, named and kept as in Docker's own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.errors import ImageNotFoundError
from jupyter_gpu_containers.model.image.build import BuildRequest, make_plan
from tests.backends.conftest import TIMEOUT, Bench, benches
from tests.conftest import IMAGES
from tests.doubles.engine import CdiEngine
from tests.doubles.nvml import fake_driver

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, engine_host: str) -> Iterator[CdiEngine]:
    engine = CdiEngine(fake_driver(tmp_path_factory.mktemp("driver"), "dgx-a100-mig"))
    engine.config["features"]["containerd-snapshotter"] = True
    try:
        engine.start()
        engine.load(IMAGES.debian11, source=engine_host)
        yield engine
    finally:
        engine.remove()


@pytest.fixture
def bench(engine: CdiEngine, tmp_path: Path) -> Iterator[Bench]:
    yield from benches(DockerBackend(engine.host), IMAGES.debian11, tmp_path)


async def ended(bench: Bench, image: str, word: str) -> str:
    """Return the id of a container that has written a word and ended."""
    container_id = await bench.create(f"open('/mine', 'a').write({word!r})", image=image, user="0")
    end = bench.backend.watch(container_id)
    await bench.backend.start(container_id)
    assert (await asyncio.wait_for(asyncio.wrap_future(end), TIMEOUT)).exit_code == 0
    return container_id


async def kept(bench: Bench, image: str) -> str:
    code, text = await bench.backend.run(await bench.spec("cat", "/mine", image=image), timeout=30)
    assert code == 0
    return text


async def test_it_is_containerds_store(bench: Bench) -> None:
    info = await bench.backend.info()
    assert info.details["storage_driver"] == "overlayfs"


async def test_commits_one_over_another(bench: Bench) -> None:
    """Who loses its name stays: a kernel or an environment may need it."""
    base = await bench.backend.image(bench.reference)
    name = bench.name()
    container_id = await ended(bench, base.id, "one")
    first = await bench.backend.commit(container_id, name, env={"A": "1"})
    image = await bench.backend.image(name)
    assert (image.id, image.references, image.layers[:-1]) == (first, (name,), base.layers)
    assert image.config is not None
    assert base.config is not None
    assert image.config.env == {**base.config.env, "A": "1"}
    assert image.config.labels == base.config.labels

    # over the name of what the container is made of
    second = await bench.backend.commit(await ended(bench, first, "two"), name)
    assert (await bench.backend.image(name)).id == second != first
    assert [await kept(bench, image_id) for image_id in (first, second)] == ["one", "onetwo"]
    await bench.remove_containers()
    for image_id in (first, second):
        assert image_id in await bench.backend.remove_image(image_id, force=True)


async def test_names_come_and_go(bench: Bench) -> None:
    image_id, one, two = await bench.image_id(), bench.name(), bench.name()
    await bench.backend.tag(bench.reference, one)
    await bench.backend.tag(image_id, two)
    assert {one, two} <= set((await bench.backend.image(image_id)).references)
    assert await bench.backend.remove_image(one) == [one]
    with pytest.raises(ImageNotFoundError):
        await bench.backend.image(one)
    assert (await bench.backend.image(two)).id == image_id


async def test_a_build(bench: Bench) -> None:
    """By whichever builder this machine's docker CLI can speak to there."""
    name = bench.name()
    (bench.folder / "Dockerfile").write_text(f"FROM {bench.reference}\nCOPY Dockerfile /mine\n")
    plan = make_plan(BuildRequest(name, folder=""), str(bench.folder), 1 << 20)
    await asyncio.wait_for(bench.backend.build(plan), TIMEOUT)
    assert "COPY Dockerfile /mine" in await kept(bench, (await bench.backend.image(name)).id)
