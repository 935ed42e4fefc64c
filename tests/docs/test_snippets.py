"""What the documentation tells people to type is understood by the program that they type it to."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from traitlets.config import Config

from jupyter_gpu_containers.cli.parser import parse
from jupyter_gpu_containers.settings import GpuContainers
from jupyter_gpu_containers.web.contract import document
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [page for page in PAGES if not {"generated", "_build"} & set(page.parts)]
COMMAND = re.compile(r"(?:^|`|\| )\s*(jupyter gpu-containers [a-z][^`|<>…]*)")
SETTING = re.compile(r"^c\.GpuContainers\.(\w+) = ", re.MULTILINE)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CALL = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/gpu-containers/[\w/{}-]+)")


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each command line of ours; comments left out, continued lines joined."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        for found in COMMAND.findall(line):
            words = shlex.split(found.replace("\\|", "|"), comments=True)[2:]
            yield words[: words.index(";")] if ";" in words else words


def snippets(page: Path) -> list[str]:
    return [block for block in BLOCK.findall(page.read_text("utf-8")) if SETTING.search(block)]


def test_commands_are_understood(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = []
    for page in PAGES:
        for words in commands(page):
            try:
                parse(words)
            except SystemExit as left:
                if left.code == 0:  # `completion`, which prints and leaves
                    continue
                wrong.append((page.name, words, capsys.readouterr().err))
    assert wrong == []


def test_settings_are_accepted() -> None:
    for block in (block for page in PAGES for block in snippets(page)):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Assign):
                assert ast.unparse(node.targets[0]).startswith("c.GpuContainers.")
        config = Config()
        exec(block, {"c": config})
        traits = GpuContainers()
        for name, value in config.GpuContainers.items():
            assert traits.has_trait(name), f"there is no setting {name}"
            setattr(traits, name, value)  # a TraitError where it is of the wrong kind


def test_paths_of_rest_exist() -> None:
    api = document()
    for page in PAGES:
        for method, path in CALL.findall(page.read_text("utf-8")):
            item = api["paths"].get(path.removeprefix("/gpu-containers"), {})
            assert method.lower() in item, f"{page.name}: {method} {path}"


def test_enough_was_found_to_be_checked() -> None:
    """The patterns above still see what they are meant to see."""
    assert sum(len(list(commands(page))) for page in PAGES) > 70
    assert sum(len(snippets(page)) for page in PAGES) > 12
    assert any(CALL.search(page.read_text("utf-8")) for page in PAGES)
