"""What the documents name is there: files, links, commands, and each dependency with its reason."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from jupyter_gpu_containers.runtime.carried import FOLDER

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))]
HOMES = (ROOT, ROOT / "jupyter_gpu_containers", ROOT / "labextension" / "src")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
FILE = re.compile(r"`([\w./*-]+\.(?:py|ts|tsx|sh|yaml|toml|md))`")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
MADE_BY_PEOPLE = {"jupyter_gpu_containers_config.py"}


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    broken = [
        link
        for link in LINK.findall(document.read_text("utf-8"))
        if not (document.parent / link).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_files_that_are_named_exist(document: Path) -> None:
    named = set(FILE.findall(document.read_text("utf-8"))) - MADE_BY_PEOPLE
    absent = [name for name in named if not any(list(home.glob(name)) for home in HOMES)]
    assert absent == []


def test_pages_name_the_folder_in_which_kernels_to_carry_are_looked_for() -> None:
    """Its last part is a version, which changes."""
    pages = [ROOT / "docs" / name for name in ("administration.md", "guides/images.md")]
    for page in (*pages, ROOT / "docs" / "architecture.md"):
        named = set(re.findall(r"gpu_containers/runtimes/v\d+", page.read_text("utf-8")))
        assert named == {str(FOLDER)}, page.name


def test_the_architecture_page_gives_a_reason_for_every_dependency() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    block = pyproject.partition("\ndependencies = [")[2].partition("\nlint = [")[0]
    python = re.findall(r'"([A-Za-z][\w-]*)(?:\[\w+\])?>=', block)
    npm = json.loads((ROOT / "package.json").read_text("utf-8"))["dependencies"]
    assert {"docker", "papermill", "playwright"} <= set(python)
    short = {name.removeprefix("@jupyterlab/").partition("/")[0] for name in npm}
    unexplained = [name for name in [*python, *short] if name not in ARCHITECTURE]
    assert unexplained == []


def test_the_readme_names_only_commands_that_run_has() -> None:
    named = {
        command
        for page in PAGES
        for command in re.findall(r"\./run ([a-z]+)", page.read_text("utf-8"))
    }
    known = set(re.findall(r"^  ([a-z]+)\) ", (ROOT / "run").read_text("utf-8"), re.MULTILINE))
    assert named <= known | {"help"}
    assert {"lab", "test"} <= named
