"""The reference pages that ./run docs makes of the code leave nothing out."""

from __future__ import annotations

import re

import pytest

from jupyter_gpu_containers import errors
from jupyter_gpu_containers.settings import GpuContainers
from jupyter_gpu_containers.web.contract import document
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The text of each page, by its name."""
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        import reference_pages

        reference_pages.write(folder)
    return {path.stem: path.read_text("utf-8") for path in folder.iterdir()}


def test_every_setting_has_a_row(pages: dict[str, str]) -> None:
    for name in GpuContainers.class_trait_names(config=True):
        assert f"| [`{name}`](../configuration.md#{name}) |" in pages["settings"]


def test_every_error_of_errors_py_has_its_code_and_meaning(pages: dict[str, str]) -> None:
    tree = [errors.GpuContainersError]
    for of in tree:
        tree += of.__subclasses__()
        if of.__module__ == errors.__name__:
            assert f"\n## {of.code}\n" in pages["errors"]


def test_a_code_that_only_a_raise_names_has_its_sentence_and_hint(pages: dict[str, str]) -> None:
    section = pages["errors"].split("\n## build_in_progress\n")[1].split("\n## ")[0]
    assert re.fullmatch(r"- `.+ … .+`<br>`.+`", section.strip())


def test_commands_within_commands_have_their_help(pages: dict[str, str]) -> None:
    for name in ("pull", "environments add", "runtime bundle"):
        section = pages["commands"].split(f"\n## jupyter gpu-containers {name}\n")[1]
        assert section.lstrip().startswith(f"```text\nusage: jupyter gpu-containers {name} ")


def test_every_path_and_object_of_rest_is_there(pages: dict[str, str]) -> None:
    api = document()
    for path, item in api["paths"].items():
        for method in set(item) & {"get", "post", "put", "patch", "delete"}:
            assert f"\n## {method.upper()} {path}\n".replace("{", "\\{") in pages["rest"]
    for name in api["components"]["schemas"]:
        assert f"\n### {name}\n" in pages["rest"]
