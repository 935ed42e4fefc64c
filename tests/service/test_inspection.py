"""Images wherever they are: one answer with a verdict; the catalogue; removal with its users."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES, PYTHON_KERNEL
from jupyter_gpu_containers.catalogue import curated_entries, nvidia_matrix, own_entries
from jupyter_gpu_containers.errors import (
    ImageInUseError,
    ImageNotFoundError,
    InvalidImageReferenceError,
    RegistryUnreachableError,
    TagUnknownError,
)
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.fitness.rating import Rating
from jupyter_gpu_containers.model.image.details import CatalogueRow
from jupyter_gpu_containers.model.image.image import (
    Image,
    ImageConfig,
    ImageKernel,
    ImageProbe,
    ImageReference,
)
from jupyter_gpu_containers.model.image.registry import Layer, RemoteImage
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerSpec
from jupyter_gpu_containers.ports import Registry
from jupyter_gpu_containers.runtime.facts import FileImageFacts
from jupyter_gpu_containers.service.image.catalogue import Catalogue
from jupyter_gpu_containers.service.image.images import Images
from jupyter_gpu_containers.service.image.inspection import Inspection
from jupyter_gpu_containers.service.image.verdicts import Verdicts
from jupyter_gpu_containers.service.kernel.environments import Environments
from tests.service.job_desk import ImageRegistry

T = TypeVar("T")
TORCH = DEMO_IMAGES[0]
NAME = TORCH.references[0]
H200 = {"name": "NVIDIA H200", "memory_gib": 141, "compute_capability": "9.0"}
V100 = {"name": "Tesla V100", "memory_gib": 16, "compute_capability": "7.0", "brand": "Tesla"}
BASE = ("sha256:base", "sha256:cuda")
REMOTE = RemoteImage(
    reference="docker.io/team/model:2",
    digest="sha256:" + 64 * "a",
    id="sha256:" + 64 * "b",
    config=ImageConfig(
        env={"CUDA_VERSION": "12.4.1", "NVIDIA_VISIBLE_DEVICES": "all", "PYTHON_VERSION": "3.11"}
    ),
    layers=(
        Layer("sha256:1", 1000, BASE[0]),
        Layer("sha256:2", 200, BASE[1]),
        Layer("sha256:3", 30, "sha256:model"),
    ),
    architecture="amd64",
)


class CountingBackend(MemoryBackend):
    """An engine whose list tells no configuration, as Docker's; counts lookups and lists."""

    def __init__(self, *images: Image) -> None:
        super().__init__(images)
        self.lists = 0
        self.lookups: list[str] = []

    async def images(self) -> list[Image]:
        self.lists += 1
        found = await super().images()
        return [replace(i, config=None, architecture=None, probe=None, layers=()) for i in found]

    async def image(self, reference: str) -> Image:
        self.lookups.append(reference)
        return await super().image(reference)


class OneRegistry(ImageRegistry):
    """Knows the images that it was given; remembers what it was asked."""

    def __init__(self, *images: RemoteImage, reachable: bool = True) -> None:
        self._images = {image.reference: image for image in images}
        self._reachable = reachable
        self.asked: list[tuple[str, str]] = []

    async def image(self, reference: str, architecture: str) -> RemoteImage:
        self.asked.append((reference, architecture))
        if not self._reachable:
            raise RegistryUnreachableError("docker.io does not answer.")
        try:
            return self._images[str(ImageReference.parse(reference))]
        except KeyError:
            raise TagUnknownError(f"There is no {reference}.") from None


class House:
    """An inspection with all that it stands on."""

    def __init__(
        self,
        root: Path,
        *images: Image,
        registry: Registry | None = None,
        gpus: tuple[dict[str, Any], ...] = (H200,),
        catalogue: Catalogue | None = None,
    ) -> None:
        kernels = root / "kernels"
        manager = KernelSpecManager(kernel_dirs=[str(kernels)], ensure_native_kernel=False)
        self.backend = CountingBackend(*images)
        self.images = Images(self.backend, FileImageFacts(root / "facts"), owner="me", user="ada")
        self.environments = Environments(kernels, manager.get_all_specs)
        self.inspection = Inspection(
            self.backend,
            self.images,
            self.environments,
            registry,
            Verdicts(self.backend, FixedInventory(gpus)),
            catalogue or Catalogue(curated_entries(), nvidia_matrix()),
        )

    def rows(self) -> dict[str, CatalogueRow]:
        return {row.entry.name: row for row in run(self.inspection.catalogue())}


MakeHouse = Callable[..., House]


@pytest.fixture
def house(tmp_path: Path) -> MakeHouse:
    return lambda *images, **options: House(tmp_path, *images, **options)


def run(awaitable: Awaitable[T]) -> T:
    async def wait() -> T:
        return await awaitable

    return asyncio.run(wait())


# --- details -------------------------------------------------------------------------------------


def test_an_image_on_the_engine_is_told_without_its_registry(house: MakeHouse) -> None:
    registry = OneRegistry()
    details = run(house(TORCH, registry=registry).inspection.details(NAME))
    assert (details.reference, details.image, details.remote) == (NAME, TORCH, None)
    assert (details.on_engine, details.download) == (True, 0)
    assert details.verdict.rating is not Rating.CPU
    assert len(details.verdict.gpus) == 1
    assert registry.asked == []


@pytest.mark.parametrize(
    ("kernels", "reason"),
    [
        ((PYTHON_KERNEL,), "kernel_inside"),
        ((replace(PYTHON_KERNEL, runtime="cpython-311-glibc-amd64"),), "kernel_carried_in"),
        ((), None),  # neither: that is the image's problem, not its verdict
    ],
)
def test_a_kernel_is_inside_or_carried_in(
    house: MakeHouse, kernels: tuple[ImageKernel, ...], reason: str | None
) -> None:
    image = replace(TORCH, probe=ImageProbe("3.11.2", kernels))
    verdict = run(house(image).inspection.details(NAME)).verdict
    codes = [one.code for one in verdict.reasons if one.code.startswith("kernel_")]
    assert codes == ([reason] if reason else [])


def test_another_image_is_told_by_its_registry(house: MakeHouse) -> None:
    registry = OneRegistry(REMOTE)
    details = run(house(TORCH, registry=registry).inspection.details("team/model:2"))
    assert (details.reference, details.image, details.remote) == ("team/model:2", None, REMOTE)
    assert (details.on_engine, details.download) == (False, 1230)
    assert details.verdict.rating in (Rating.COMPATIBLE, Rating.LIKELY)
    assert [reference for reference, _ in registry.asked] == ["team/model:2"]


def test_layers_that_are_here_are_not_counted_and_looked_up_once(house: MakeHouse) -> None:
    sibling = replace(TORCH, layers=(*BASE, "sha256:other"))
    place = house(sibling, registry=OneRegistry(REMOTE))
    assert run(place.inspection.details("team/model:2")).download == 30
    asked = len(place.backend.lookups)
    assert run(place.inspection.details("team/model:2")).download == 30
    assert len(place.backend.lookups) == asked + 1  # is it here by now?


def test_what_is_nowhere_is_said(house: MakeHouse) -> None:
    inspection = house(registry=OneRegistry()).inspection
    with pytest.raises(TagUnknownError):
        run(inspection.details("team/model:3"))
    with pytest.raises(ImageNotFoundError):  # no registry can be asked for an id
        run(inspection.details("sha256:" + 64 * "0"))
    with pytest.raises(InvalidImageReferenceError):
        run(inspection.details("No Reference"))


def test_without_a_registry_only_the_engine_counts(house: MakeHouse) -> None:
    with pytest.raises(ImageNotFoundError):
        run(house().inspection.details("team/model:2"))


def test_a_registry_that_does_not_answer_is_said(house: MakeHouse) -> None:
    with pytest.raises(RegistryUnreachableError):
        run(house(registry=OneRegistry(reachable=False)).inspection.details("team/model:2"))


# --- the list ------------------------------------------------------------------------------------


def test_a_list_is_rated_and_each_image_looked_up_once_in_its_life(house: MakeHouse) -> None:
    place = house(*DEMO_IMAGES)

    async def listed() -> dict[str, Rating]:
        images = await place.images.list()
        verdicts = await place.inspection.rate(images)
        return {image.name: verdicts[image.id].rating for image in images}

    first = run(listed())
    assert len(first) == len(DEMO_IMAGES)
    assert first["quay.io/jupyter/scipy-notebook:python-3.12"] is Rating.CPU
    assert sorted(place.backend.lookups) == sorted(image.id for image in DEMO_IMAGES)
    assert run(listed()) == first
    assert len(place.backend.lookups) == len(DEMO_IMAGES)
    assert place.backend.lists == 2


async def test_the_first_list_waits_for_no_lookup_and_the_next_has_them(house: MakeHouse) -> None:
    place = house(*DEMO_IMAGES)
    images = await place.images.list()
    assert await place.inspection.rate_known(images) == {}
    assert place.backend.lookups == []
    await place.inspection.close()  # given up before it began, it is begun again
    assert await place.inspection.rate_known(images) == {}
    await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})
    assert sorted(place.backend.lookups) == sorted(image.id for image in DEMO_IMAGES)
    assert await place.inspection.rate_known(images) == await place.inspection.rate(images) != {}
    assert len(place.backend.lookups) == len(DEMO_IMAGES)


def test_an_image_that_vanishes_meanwhile_has_no_verdict(house: MakeHouse) -> None:
    gone = replace(TORCH, id="sha256:" + 64 * "9", config=None)
    assert run(house(*DEMO_IMAGES).inspection.rate([gone])) == {}


# --- the catalogue -------------------------------------------------------------------------------


def test_the_catalogue_asks_no_registry_and_knows_what_is_here(house: MakeHouse) -> None:
    registry = OneRegistry(reachable=False)
    here = replace(TORCH, references=("pytorch/pytorch:2.9.1-cuda12.8-cudnn9-devel",))
    rows = house(here, registry=registry).rows()
    assert registry.asked == []
    assert list(rows) == [entry.name for entry in curated_entries()]
    assert (rows["pytorch"].on_engine, rows["pytorch"].download) == (True, 0)
    assert (rows["ngc-pytorch"].on_engine, rows["ngc-pytorch"].download) == (False, None)
    assert all(row.verdict is not None for row in rows.values())


def test_of_an_image_that_is_not_here_the_evidence_is_told(house: MakeHouse) -> None:
    row = house().rows()["ngc-triton-vllm"]
    assert (row.cuda, row.python, row.download) == ("13.3.0", "3.12.3", 10_280_000_000)
    assert row.verdict is not None
    assert row.verdict.rating is not Rating.COMPATIBLE  # a table says so, not the image
    said = row.verdict.reasons[-1]
    assert (said.code, said.evidence) == ("registry_not_asked", "support matrix")


def test_the_newest_tag_that_runs_here_is_named(house: MakeHouse) -> None:
    # too old for the newest: no code for compute capability 7.0 since release 25.01
    row = house(gpus=(V100,)).rows()["ngc-triton-vllm"]
    assert row.verdict is not None
    assert row.verdict.rating is Rating.INCOMPATIBLE
    assert row.runs_here == "nvcr.io/nvidia/tritonserver:24.12-vllm-python-py3"


def test_on_a_machine_without_gpu_only_images_without_gpu_run(house: MakeHouse) -> None:
    rows = house(gpus=()).rows()
    assert [name for name, row in rows.items() if row.runs_here] == ["jupyter-scipy"]


def test_of_an_own_entry_nothing_is_known_until_its_registry_was_asked(house: MakeHouse) -> None:
    own = own_entries([{"name": "model", "reference": "team/model:2"}])
    place = house(registry=OneRegistry(REMOTE), catalogue=Catalogue((), own=own))
    row = place.rows()["model"]
    assert (row.verdict, row.download, row.runs_here) == (None, None, None)
    run(place.inspection.details("docker.io/team/model:2"))
    row = place.rows()["model"]
    assert row.verdict is not None
    assert (row.on_engine, row.download, row.cuda, row.python) == (False, 1230, "12.4.1", "3.11")
    assert row.runs_here == "team/model:2"


# --- removal -------------------------------------------------------------------------------------


async def _container(place: House, image: Image) -> str:
    return await place.backend.create(
        ContainerSpec(
            image=image.id,
            command=("true",),
            name="jupyter-1",
            user="1000:1000",
            working_dir="/",
            labels=labels.make_labels(
                purpose="kernel", owner="me", user="ada", notebook="course/train.ipynb"
            ),
        )
    )


def test_an_image_that_nobody_uses_goes(house: MakeHouse) -> None:
    place = house(TORCH)
    assert run(place.inspection.remove(NAME)) == [NAME, TORCH.id]
    assert run(place.images.list()) == []


def test_an_image_in_use_stays_and_its_users_are_named(house: MakeHouse) -> None:
    place = house(TORCH)
    place.environments.add(TORCH, display_name="Train")
    run(_container(place, TORCH))
    with pytest.raises(ImageInUseError) as raised:
        run(place.inspection.remove(NAME))
    assert raised.value.message == (
        f"“{NAME}” is used by the environment “Train” and the kernel of course/train.ipynb (ada)."
    )
    assert len(run(place.images.list())) == 1


def test_the_first_five_users_are_named(house: MakeHouse) -> None:
    place = house(TORCH)
    for number in range(7):
        place.environments.add(TORCH, display_name=f"Train {number}", name=f"train-{number}")
    with pytest.raises(ImageInUseError, match="“Train 4” and 2 more\\. "):
        run(place.inspection.remove(TORCH.id))


def test_by_force_an_environment_loses_its_image(house: MakeHouse) -> None:
    place = house(TORCH)
    place.environments.add(TORCH)
    assert run(place.inspection.remove(NAME, force=True)) == [NAME, TORCH.id]


def test_one_name_of_several_goes_whoever_uses_the_image(house: MakeHouse) -> None:
    place = house(replace(TORCH, references=(NAME, "mine:1")))
    place.environments.add(TORCH)
    assert run(place.inspection.remove("docker.io/library/mine:1")) == ["mine:1"]
    with pytest.raises(ImageInUseError):
        run(place.inspection.remove(NAME))


def test_what_is_not_here_cannot_be_removed(house: MakeHouse) -> None:
    with pytest.raises(ImageNotFoundError):
        run(house().inspection.remove("mine:1"))
