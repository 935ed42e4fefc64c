"""``commit``: what people and programs are told, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from jupyter_gpu_containers.cli import commits
from jupyter_gpu_containers.cli.tables import Style
from jupyter_gpu_containers.model.image.changes import (
    Changes,
    CredentialFile,
    FolderChange,
    LeftOut,
    PackageChange,
)
from jupyter_gpu_containers.model.image.container_diff import ChangeKind
from jupyter_gpu_containers.web.contract import validate

from .conftest import Terminal

CHANGES = Changes(
    "torch:2",
    "sha256:1",
    3 << 20,
    5,
    1,
    0,
    (FolderChange("/opt/tool", 5, 3 << 20),),
    (PackageChange("pip", "numpy", ChangeKind.CHANGED, "1.26", "2.1"),),
    tuple(CredentialFile(f"/root/{number}/.netrc", "logins") for number in range(40)),
    (LeftOut("/home/kernel", "the kernel's own home", 4096, ("six 1.16",)),),
    "FROM torch:2\n",
    {"requirements.lock": "numpy==2.1\n"},
)


def test_what_people_read() -> None:
    text = commits._text(CHANGES, Style())
    assert text.startswith("3.1 MB more than torch:2\n5 files added, 1 changed, 0 removed.")
    one = commits._text(replace(CHANGES, added=1), Style())
    assert "\n1 file added, 1 changed, 0 removed." in one
    assert "numpy    pip  changed  1.26    2.1" in text
    assert "Whoever gets the image can read these:" in text
    assert "… and 10 more" in text
    assert "/home/kernel (4.1 kB): the kernel's own home; packages: six 1.16" in text


def test_what_cannot_be_made_an_image(terminal: Terminal) -> None:
    container_id = terminal.container()
    ended = terminal("commit", container_id[:12], "--preview")
    assert ended.status == 1
    assert "does not run: its container is created" in ended.err
    terminal.wait(terminal.backend.start(container_id))
    unnamed = terminal("commit", container_id[:12])
    assert (unnamed.status, unnamed.err.splitlines()[0]) == (1, "error: The image needs a name.")
    unknown = terminal("commit", "nothing", "a:1")
    assert (unknown.status, unknown.err.startswith("error: No kernel")) == (1, True)


def test_a_running_kernel(terminal: Terminal, tmp_path: Path) -> None:
    container_id = terminal.container(command=("sleep", "60"))
    terminal.wait(terminal.backend.start(container_id))
    name = container_id[:12]
    assert "Not in the image:" in terminal("commit", name, "--preview").out
    validate("Changes", terminal("commit", name, "--preview", "--json").json)
    assert terminal("commit", name, "--dockerfile").out.startswith("# --- Dockerfile\n")
    folder = tmp_path / "recipe"
    assert terminal("commit", name, "--dockerfile", str(folder)).status == 0
    assert "FROM " in (folder / "Dockerfile").read_text()
    again = terminal("commit", name, "--dockerfile", str(folder))
    assert (again.status, "would be overwritten" in again.err) == (1, True)
    made = terminal("commit", name, "team/mine:1", "--json")
    validate("Job", made.json)
    assert made.json["state"] == "succeeded"
    assert terminal("commit", name, "team/mine:1").out.startswith("Made team/mine:1 (")
