"""Environments: kernelspecs that Jupyter finds, made once, never half, never somebody else's."""

import json
import logging
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.errors import (
    ConflictError,
    EngineUnreachableError,
    EnvironmentExistsError,
    EnvironmentNotFoundError,
    InvalidRequestError,
    KernelNotInImageError,
)
from jupyter_gpu_containers.model.image.image import Image, ImageKernel, ImageProbe
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.service.kernel.environments import Environments, environment_problems

TORCH = DEMO_IMAGES[0]
NEWER = replace(TORCH, id="sha256:" + "e" * 64)  # the tag was moved
R = ImageKernel("ir", "R", "R", ("R", "--args", "{connection_file}"))
TWO = TORCH.with_probe(ImageProbe("3.12.3", (*TORCH.probe.kernels, R)))  # type: ignore[union-attr]


class Folders:
    """A user's and an administrator's kernelspecs, as Jupyter finds them."""

    def __init__(self, root: Path) -> None:
        self.user = root / "user" / "kernels"
        self.all = root / "all" / "kernels"
        self.manager = KernelSpecManager(
            kernel_dirs=[str(self.user), str(self.all)], ensure_native_kernel=False
        )
        self.environments = Environments(self.user, self.manager.get_all_specs)

    def install(self, folder: Path, name: str, spec: object) -> None:
        (folder / name).mkdir(parents=True)
        (folder / name / "kernel.json").write_text(json.dumps(spec))


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


@pytest.fixture
def environments(folders: Folders) -> Environments:
    return folders.environments


def test_there_are_none_at_first(environments: Environments) -> None:
    assert environments.list() == []


def test_an_environment_is_a_kernelspec_that_jupyter_finds(folders: Folders) -> None:
    added = folders.environments.add(TORCH, gpus=1, memory=8 << 30)
    assert added == Environment(
        name="nvidia-pytorch-25.08-py3-1gpu",
        display_name="PyTorch 25.08 · 1 GPU",
        reference="nvcr.io/nvidia/pytorch:25.08-py3",
        image_id=TORCH.id,
        kernel=TORCH.probe.kernels[0],  # type: ignore[union-attr]
        gpus=1,
        memory=8 << 30,
        repo_digest=TORCH.repo_digests[0],
    )
    spec = folders.manager.get_kernel_spec(added.name)
    assert spec.display_name == "PyTorch 25.08 · 1 GPU"
    assert spec.metadata["kernel_provisioner"]["provisioner_name"] == "gpu-container-provisioner"
    assert sorted(os.listdir(folders.user / added.name)) == ["kernel.json", "logo-svg.svg"]
    assert os.listdir(folders.user) == [added.name]  # nothing half-made beside it


def test_what_was_added_is_listed_and_got(environments: Environments) -> None:
    added = environments.add(TORCH, gpus=1)
    (listed,) = environments.list()
    assert listed == environments.get(added.name)
    assert (listed.name, listed.image_id, listed.gpus) == (added.name, TORCH.id, 1)


def test_the_list_is_by_display_name(environments: Environments) -> None:
    for title in ("b", "A", "c"):
        environments.add(TORCH, name=f"n-{title.lower()}", display_name=title)
    assert [environment.display_name for environment in environments.list()] == ["A", "b", "c"]


def test_adding_the_same_again_changes_nothing(folders: Folders) -> None:
    one = folders.environments.add(TORCH, gpus=1)
    before = (folders.user / one.name).stat().st_mtime_ns
    assert folders.environments.add(TORCH, gpus=1).name == one.name
    assert folders.environments.add(TORCH, gpus=1, name=one.name).name == one.name
    assert (folders.user / one.name).stat().st_mtime_ns == before
    assert len(folders.environments.list()) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"gpus": 2},
        {"gpus": 1, "memory": 1 << 30},
        {"gpus": 1, "shm_size": 1 << 30},
        {"gpus": 1, "idle_timeout": 0},
        {"gpus": 1, "idle_timeout": 60},
        {"gpus": 0},
    ],
)
def test_another_limit_is_another_environment(
    environments: Environments, other: dict[str, int]
) -> None:
    one = environments.add(TORCH, gpus=1)
    two = environments.add(TORCH, **other)  # type: ignore[arg-type]
    assert one.name != two.name
    assert one.display_name != two.display_name
    assert environments.add(TORCH, **other).name == two.name  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"memory": 8 << 30}, "8 GB RAM"),
        ({"shm_size": 2 << 30}, "2 GB shared"),
        ({"mounts": ["faces", "scratch"]}, "data: faces, scratch"),
        ({"mounts": []}, "no data"),
        ({"network": "none"}, "no network"),
        ({"idle_timeout": 0}, "never idle"),
        ({"idle_timeout": 90}, "1.5 min idle"),
        ({"gpu_uuids": ["GPU-0123456789abcdef"]}, "GPU-01234567"),
        ({"memory": 8 << 30, "network": "none"}, "8 GB RAM · no network"),
    ],
)
def test_a_title_says_what_differs(
    environments: Environments, other: dict[str, Any], said: str
) -> None:
    environments.add(TORCH, gpus=1)
    assert (
        environments.add(TORCH, gpus=1, **other).display_name == f"PyTorch 25.08 · 1 GPU · {said}"
    )


def test_what_is_usual_differs_too(environments: Environments) -> None:
    assert environments.add(TORCH, gpus=1, memory=8 << 30).display_name == "PyTorch 25.08 · 1 GPU"
    assert environments.add(TORCH, gpus=1).display_name == "PyTorch 25.08 · 1 GPU · usual RAM"


def test_a_tag_that_moved_is_another_environment_with_names_of_its_own(
    environments: Environments,
) -> None:
    old, new = environments.add(TORCH), environments.add(NEWER)
    assert (old.name, old.display_name) == ("nvidia-pytorch-25.08-py3-cpu", "PyTorch 25.08 · CPU")
    assert (new.name, new.display_name) == (
        "nvidia-pytorch-25.08-py3-cpu-2",
        "PyTorch 25.08 · CPU (2)",
    )
    assert environments.get(old.name).image_id == TORCH.id


def test_a_display_name_of_ones_own_is_another_environment(environments: Environments) -> None:
    one = environments.add(TORCH)
    two = environments.add(TORCH, display_name="Mine")
    assert two.display_name == "Mine"
    assert two.name != one.name


def test_the_kernel_is_the_first_or_the_one_that_was_named(environments: Environments) -> None:
    assert environments.add(TWO).kernel.name == "python3"
    other = environments.add(TWO, kernel="ir")
    assert (other.kernel, other.display_name) == (R, "PyTorch 25.08 R · CPU")


def test_kernels_that_the_image_does_not_have(environments: Environments) -> None:
    with pytest.raises(KernelNotInImageError, match="no kernel “julia”") as caught:
        environments.add(TWO, kernel="julia")
    assert caught.value.hint == "It has: python3, ir."
    with pytest.raises(KernelNotInImageError, match="no Jupyter kernel") as caught:
        environments.add(TORCH.with_probe(ImageProbe()))
    assert "pip install ipykernel" in caught.value.hint


def test_the_name_of_another_environment_is_taken(environments: Environments) -> None:
    environments.add(TORCH, name="torch")
    with pytest.raises(EnvironmentExistsError) as caught:
        environments.add(NEWER, name="torch")
    assert "environments remove torch" in caught.value.hint
    assert environments.get("torch").image_id == TORCH.id


def test_the_name_of_a_foreign_kernelspec_is_taken(folders: Folders) -> None:
    folders.install(folders.all, "python3", {"argv": ["x"], "display_name": "", "language": ""})
    with pytest.raises(EnvironmentExistsError):
        folders.environments.add(TORCH, name="python3")
    assert not (folders.user / "python3").exists()


@pytest.mark.parametrize("name", ["Torch", "a b", "../x", "a/b", "ä", "x\n"])
def test_names_that_jupyter_would_not_accept(environments: Environments, name: str) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be the name"):
        environments.add(TORCH, name=name)


def test_of_two_processes_that_add_at_once_one_wins(folders: Folders) -> None:
    results: list[object] = []
    both = threading.Barrier(2)

    def add(image: Image) -> None:
        environments = Environments(folders.user, _waiting(both, folders.manager.get_all_specs))
        try:
            results.append(environments.add(image, name="torch").image_id)
        except EnvironmentExistsError:
            results.append("taken")

    threads = [threading.Thread(target=add, args=(image,)) for image in (TORCH, NEWER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [result for result in results if result != "taken"]
    assert folders.environments.get("torch").image_id == winner
    assert os.listdir(folders.user) == ["torch"]


def _waiting(barrier: threading.Barrier, finder):  # type: ignore[no-untyped-def]
    """Find, then wait for the other: both have seen that the name is free."""
    calls = iter(range(10))

    def find() -> object:
        found = finder()
        if next(calls) == 1:  # the second search comes just before the writing
            barrier.wait(timeout=10)
        return found

    return find


def test_a_folder_that_cannot_be_written(folders: Folders) -> None:
    folders.user.parent.mkdir(parents=True)
    folders.user.parent.joinpath("file").write_text("")
    environments = Environments(folders.user.parent / "file" / "kernels", dict)
    with pytest.raises(InvalidRequestError, match="cannot be written"):
        environments.add(TORCH)


def test_removal(folders: Folders) -> None:
    added = folders.environments.add(TORCH)
    folders.environments.remove(added.name)
    assert folders.environments.list() == []
    assert os.listdir(folders.user) == []
    with pytest.raises(EnvironmentNotFoundError):
        folders.environments.remove(added.name)


def test_a_foreign_kernelspec_is_neither_got_nor_removed(folders: Folders) -> None:
    folders.install(folders.user, "ir", {"argv": ["R"], "display_name": "R", "language": "R"})
    for call in (folders.environments.get, folders.environments.remove):
        with pytest.raises(EnvironmentNotFoundError):
            call("ir")
    assert (folders.user / "ir" / "kernel.json").exists()


def test_an_administrators_environment_is_listed_but_not_removed(folders: Folders) -> None:
    spec = Environments(folders.all, dict).add(TORCH, name="site").to_kernelspec()
    assert folders.environments.get("site").to_kernelspec() == spec
    with pytest.raises(ConflictError, match="for everybody"):
        folders.environments.remove("site")
    assert (folders.all / "site").exists()


def test_a_damaged_environment_is_told_left_out_and_can_be_removed(
    folders: Folders, caplog: pytest.LogCaptureFixture
) -> None:
    stanza = {"provisioner_name": "gpu-container-provisioner", "config": {"gpus": "many"}}
    folders.install(
        folders.user,
        "broken",
        {
            "argv": ["x"],
            "display_name": "",
            "language": "",
            "metadata": {"kernel_provisioner": stanza},
        },
    )
    good = folders.environments.add(TORCH)
    with caplog.at_level(logging.WARNING):
        assert [environment.name for environment in folders.environments.list()] == [good.name]
    assert "environments remove broken" in caplog.text
    with pytest.raises(InvalidRequestError, match="damaged"):
        folders.environments.get("broken")
    folders.environments.remove("broken")
    assert not (folders.user / "broken").exists()


async def test_which_environments_cannot_be_started(environments: Environments) -> None:
    here, gone = environments.add(TORCH), environments.add(NEWER)
    problems = await environment_problems([here, gone], MemoryBackend())
    assert list(problems) == [gone.name]
    assert problems[gone.name].code == "image_not_found"
    assert problems[gone.name].hint == f"docker pull {TORCH.repo_digests[0]}"


async def test_without_an_engine_none_can_be_started(environments: Environments) -> None:
    class Unreachable(MemoryBackend):
        async def images(self) -> list[Image]:
            raise EngineUnreachableError(
                "No container engine answers.", "sudo systemctl start docker"
            )

    added = environments.add(TORCH)
    problems = await environment_problems([added], Unreachable())
    assert problems[added.name].code == "engine_unreachable"


def test_title_is_made_of_the_name_that_was_asked_for(environments: Environments) -> None:
    """An image may have several names; the engine's order of them means nothing."""
    image = replace(TORCH, references=("lab/one:1", "lab/two:2"), config=None, labels={})
    added = environments.add(image, gpus=0, reference="lab/two:2")
    assert added.display_name == "two 2 · CPU"


def test_of_two_names_of_an_image_each_has_its_own_environment(
    environments: Environments,
) -> None:
    image = replace(TORCH, references=("lab/one:1", "lab/two:2"), config=None, labels={})
    one = environments.add(image, reference="lab/one:1")
    two = environments.add(image, reference="lab/two:2")
    assert (one.display_name, two.display_name) == ("one 1 · CPU", "two 2 · CPU")
    for reference, expected in (("lab/one:1", one), ("docker.io/lab/two:2", two)):
        assert environments.add(image, reference=reference).name == expected.name
    assert len(environments.list()) == 2


@pytest.mark.parametrize("reference", [None, TORCH.id, "lab/one@" + TORCH.id])
def test_who_asks_for_no_name_of_the_image_gets_any_environment_of_it(
    environments: Environments, reference: str | None
) -> None:
    image = replace(TORCH, references=("lab/one:1", "lab/two:2"), config=None, labels={})
    added = environments.add(image, reference="lab/two:2")
    assert environments.add(image, reference=reference).name == added.name


def test_another_name_under_the_same_title_is_no_other_environment(
    environments: Environments,
) -> None:
    """The title is all that tells environments apart: “PyTorch 25.08 · CPU (2)” would not help."""
    image = replace(TORCH, references=(*TORCH.references, "team/torch:1"))
    added = environments.add(image)
    assert environments.add(image, reference="team/torch:1").name == added.name
    assert len(environments.list()) == 1


def test_a_name_of_its_own_keeps_an_environment_for_all_names_of_the_image(
    environments: Environments,
) -> None:
    image = replace(TORCH, references=("lab/one:1", "lab/two:2"), config=None, labels={})
    added = environments.add(image, reference="lab/one:1", name="mine")
    again = environments.add(image, reference="lab/two:2", name="mine")
    assert again.display_name == added.display_name
