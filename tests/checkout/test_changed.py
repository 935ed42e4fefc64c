"""scripts/changed.py: which tests a change of a small made-up checkout can break."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

FILES = {
    "jupyter_gpu_containers/__init__.py": "",
    "jupyter_gpu_containers/service/queue.py": "",
    "jupyter_gpu_containers/service/alone.py": "",
    "jupyter_gpu_containers/config.py": "from jupyter_gpu_containers.service import queue\n",
    "tests/rooms.py": "import jupyter_gpu_containers.config\n",
    "tests/service/test_queue.py": (
        "from jupyter_gpu_containers.service.queue import x\ndef test_a(): ...\n"
    ),
    "tests/service/test_other.py": "def test_b(): ...\n",
    "tests/faults/test_server.py": (
        "import pytest\nimport tests.rooms\npytestmark = pytest.mark.engine\ndef test_c(): ...\n"
    ),
    "tests/docs/test_words.py": "def test_d(): ...\n",
    "docs/faq.md": "text\n",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without changes."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *words], check=True)
    return tmp_path


def plan(checkout: Path, *words: str) -> list[str]:
    """Return the lines that ./run reads."""
    command = [sys.executable, str(ROOT / "scripts" / "changed.py"), "--changed", *words]
    ran = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    return ran.stdout.splitlines()


def test_a_change_reaches_what_imports_it_and_what_is_far_is_said(checkout: Path) -> None:
    (checkout / "jupyter_gpu_containers/service/queue.py").write_text("x = 1\n")
    changed, fast, said = plan(checkout)
    assert changed == "python jupyter_gpu_containers/service/queue.py"
    assert fast == "fast tests/service/test_queue.py"
    assert said.startswith("say 1 test file with engine or browser")


def test_nothing_imports_it(checkout: Path) -> None:
    (checkout / "jupyter_gpu_containers/service/alone.py").write_text("x = 1\n")
    assert plan(checkout) == ["python jupyter_gpu_containers/service/alone.py"]


def test_a_page_is_read_by_the_tests_of_pages(checkout: Path) -> None:
    (checkout / "docs/faq.md").write_text("other text\n")
    assert plan(checkout) == ["fast tests/docs/test_words.py"]


def test_a_changed_test_with_an_engine_runs(checkout: Path) -> None:
    path = "tests/faults/test_server.py"
    (checkout / path).write_text(FILES[path] + "x = 1\n")
    assert plan(checkout) == [f"python {path}", f"heavy {path}", "needs engine"]
