"""Documents within the documentation can be read; the names in its prose are the code's."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from jupyter_gpu_containers.model.fitness.cuda import MINOR_VERSION_DRIVERS, ngc_capability
from jupyter_gpu_containers.runtime.carried import FOLDER
from tests.conftest import ROOT
from tests.docs.test_snippets import PAGES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DIRECTIVE = re.compile(r"^\{\w+\}$")
FENCE = re.compile(r"^( *)(?:```|~~~)(\S*)\n(.*?)^\1(?:```|~~~)$", re.MULTILINE | re.DOTALL)
# what a shell is given as one word that begins as JSON does
QUOTED = re.compile(r"'([{\[].*?)'", re.DOTALL)
SHELL = re.compile(r"(?:^(?: {4}|\t).*\n)+", re.MULTILINE)
NAME = re.compile(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+)+)`")
RUNTIMES = re.compile(r"gpu_containers/runtimes/v\d+")
STATUS = re.compile(r"\b[45]\d\d `([a-z_]+)`")  # 409 `queue_full`
READERS: dict[str, Callable[[str], Any]] = {
    "python": ast.parse,
    "json": json.loads,
    "yaml": yaml.safe_load,
    "toml": tomllib.loads,
}
# names of other programs' things, by page
FOREIGN = {"threats.md": {"iopub_data_rate_limit"}}  # Jupyter Server's
OPENAPI = ROOT / "jupyter_gpu_containers" / "web" / "openapi.yaml"


def documents(text: str) -> list[tuple[str, str]]:
    """Return the language and the text of each document in a page."""
    found = [(language, body) for _, language, body in FENCE.findall(text)]
    found = [one for one in found if one[0] and not DIRECTIVE.match(one[0])]
    for block in SHELL.findall(FENCE.sub("", text)):
        found += [("json", word) for word in QUOTED.findall(block)]
    return found


@pytest.fixture(scope="module")
def words_of_the_code() -> set[str]:
    """Every word with an underscore in the package's sources, its contract and its front end."""
    found: set[str] = set()
    package = ROOT / "jupyter_gpu_containers"
    folders = [(package, "*.py"), (package, "*.yaml"), (ROOT / "labextension", "*.ts*")]
    folders += [(ROOT / folder, "*.py") for folder in ("tests", "rigs", "scripts")]
    for folder, pattern in folders:
        for path in folder.rglob(pattern):
            if path != Path(__file__):
                found.update(re.findall(r"[^\W_]\w*_\w+", path.read_text("utf-8")))
    return found | {f"{name}_total" for name in found}  # what Prometheus adds to counters


@pytest.fixture(scope="module")
def codes(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The codes of errors, as the page that is made of the code has them."""
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        import reference_pages

        reference_pages.write(folder)
    page = (folder / "errors.md").read_text("utf-8")
    return set(re.findall(r"^## (\w+)$", page, re.MULTILINE))


def test_documents_can_be_read() -> None:
    for page in PAGES:
        for language, body in documents(page.read_text("utf-8")):
            assert language in READERS, f"{page.name}: nobody reads {language}"
            READERS[language](body)


def test_files_of_the_documentation_can_be_read() -> None:
    files = [path for path in (ROOT / "docs").rglob("*") if path.suffix in (".json", ".yml")]
    files = [path for path in files if not {"_build", "generated"} & set(path.parts)]
    assert len(files) >= 2
    for path in files:
        READERS["json" if path.suffix == ".json" else "yaml"](path.read_text("utf-8"))


def test_names_in_prose_are_those_of_the_code(words_of_the_code: set[str]) -> None:
    """Settings, codes of errors, fields of REST, functions: what was renamed is found here."""
    for page in PAGES:
        said = set(NAME.findall(FENCE.sub("", page.read_text("utf-8"))))
        assert said - words_of_the_code - FOREIGN.get(page.name, set()) == set(), page.name


def test_codes_beside_a_status_of_http_are_codes_of_errors(codes: set[str]) -> None:
    for page in (*PAGES, OPENAPI):
        assert set(STATUS.findall(page.read_text("utf-8"))) - codes == set(), page.name


def test_the_folder_of_carried_kernels_is_the_one_where_they_are_looked_for() -> None:
    told = {found for page in PAGES for found in RUNTIMES.findall(page.read_text("utf-8"))}
    assert told == {FOLDER.as_posix()}


def test_the_numbers_of_the_page_on_ngc_are_those_of_the_verdict() -> None:
    page = (ROOT / "docs" / "guides" / "ngc.md").read_text("utf-8")
    drivers = re.findall(r"CUDA (\d+)(?: runs)? on drivers from ([\d.]+\d)", page)
    assert {int(cuda): lowest for cuda, lowest in drivers} == {
        cuda: lowest for cuda, lowest in MINOR_VERSION_DRIVERS.items() if cuda >= 12
    }
    (last,) = re.findall(r"NGC's releases up to (\d+\.\d+)", page)
    assert ngc_capability(last) <= (7, 0) < (7, 5) == ngc_capability("25.01")


def test_enough_was_found_to_be_checked(words_of_the_code: set[str], codes: set[str]) -> None:
    """The patterns above still see what they are meant to see."""
    texts = [page.read_text("utf-8") for page in PAGES]
    found = [language for text in texts for language, _ in documents(text)]
    assert found.count("python") > 12
    assert found.count("json") > 0
    assert len({name for text in texts for name in NAME.findall(text)} & codes) > 10
    assert len(STATUS.findall(OPENAPI.read_text("utf-8"))) > 3
    assert "no_such_thing_anywhere" not in words_of_the_code
