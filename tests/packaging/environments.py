"""Fresh Python environments, and the wheel and source distribution that go into them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import uv

from tests.conftest import ROOT
from tests.kept import key_of

MINORS = (10, 11, 12, 13)  # of Python 3: those that we promise
LABEXTENSION = "jupyter_gpu_containers/labextension"
NOT_OF_THE_PACKAGE = (
    *("tests/", "rigs/", "docs/", "scripts/", ".ci/", "run", "CHANGELOG.md", "CONTRIBUTING.md"),
    *("labextension/src/__tests__/", "labextension/jest.config.js"),
)
COLOURS = re.compile(r"\x1b\[\d+m")


def run(
    *command: str | Path, cwd: Path, env: Mapping[str, str] | None = None, status: int | None = 0
) -> str:
    """Run a program; return what it said, without colours.

    Parameters
    ----------
    status : int | None
        What it has to end with; None: anything.
    """
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    said = COLOURS.sub("", done.stdout.decode())
    assert status is None or done.returncode == status, f"{' '.join(words)}\n{said}"
    return said


def uv_run(*arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run uv with this process's cache and settings; `env` replaces its variables.

    It takes the Pythons that there are: it would fetch one where it finds none by itself.
    """
    variables = {**(os.environ if env is None else env), "UV_PYTHON_DOWNLOADS": "never"}
    return run(uv.find_uv_bin(), *arguments, "--quiet", cwd=cwd, env=variables)


def interpreters() -> dict[int, Path]:
    """Return the CPythons 3.10 to 3.13 of this machine, by their minor version."""
    own = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found = {}
    for minor in MINORS:
        kept = sorted(own.glob(f"3.{minor}.*/bin/python3.{minor}"))
        candidates = [*map(str, kept), shutil.which(f"python3.{minor}")]
        for candidate in filter(None, candidates):
            # a shim of pyenv may stand for a version that is not chosen
            probe = [candidate, "-c", "import ensurepip, sys; print(sys.version_info[1])"]
            said = subprocess.run(probe, capture_output=True, text=True, check=False).stdout
            if said.strip() == str(minor):
                found[minor] = Path(candidate)
                break
    return found


def sources() -> list[str]:
    """Return the names of the files that git has or would take, without the pictures."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout
    return [
        name
        for name in names.decode().split("\0")
        if name and not name.startswith("docs/images/") and (ROOT / name).is_file()
    ]


def key_of_checkout(*more: str | Path, without: tuple[str, ...] = ()) -> str:
    """Return a key of what `checkout` copies, without what begins with these names."""
    names = [name for name in sources() if not name.startswith(without)]
    named = [part for name in names for part in (name, ROOT / name)]
    return key_of(*named, ROOT / LABEXTENSION, *more)


def key_of_package(*more: str | Path) -> str:
    """Return a key of what the package is made of: not of its tests and its documentation."""
    return key_of_checkout(*more, without=NOT_OF_THE_PACKAGE)


def checkout(target: Path, *, version: str | None = None) -> Path:
    """Copy what git has or would take, and the built JupyterLab extension; no node_modules.

    Parameters
    ----------
    version : str | None
        Of the copy, instead of the checkout's.
    """
    for name in sources():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    built = ROOT / LABEXTENSION
    assert (built / "static" / "style.js").is_file(), "not built; `./run test` builds it"
    shutil.copytree(built, target / LABEXTENSION)
    if version is not None:
        package = target / "package.json"
        package.write_text(
            json.dumps(json.loads(package.read_text("utf-8")) | {"version": version})
        )
    return target


@dataclass
class Environment:
    """A Python environment of its own, with a home of its own, and nothing else on the PATH."""

    folder: Path
    python: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def prefix(self) -> Path:
        """Where it lies."""
        return self.folder / "environment"

    @property
    def home(self) -> Path:
        """HOME, and the folder in which programs are started."""
        return self.folder / "home"

    @property
    def path(self) -> str:
        """PATH: its own programs alone, so no Node."""
        return str(self.prefix / "bin")

    def environ(self) -> dict[str, str]:
        """Return the variables that its programs see: this process's, but for Jupyter's."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JUPYTER", "PYTHON", "VIRTUAL_ENV", "XDG_"))
        }
        return inherited | {"HOME": str(self.home), "PATH": self.path} | self.variables

    def create(self) -> None:
        """Make it, with pip."""
        self.home.mkdir(parents=True)
        uv_run("venv", "--seed", "--python", self.python, self.prefix, cwd=self.home)

    def add(self, *requirements: str) -> None:
        """Install packages of the index, by uv: pip takes half a minute for JupyterLab."""
        python = self.prefix / "bin" / "python"
        uv_run("pip", "install", "--python", python, *requirements, cwd=self.home)

    def __call__(self, program: str, *arguments: str | Path, status: int | None = 0) -> str:
        """Run one of its programs; return what it said."""
        path = self.prefix / "bin" / program
        return run(path, *arguments, cwd=self.home, env=self.environ(), status=status)

    def pip(self, *arguments: str | Path) -> str:
        """Run its pip, which asks no index: what is missing stays missing."""
        index = () if arguments[0] != "install" else ("--no-index",)
        return self("python", "-m", "pip", arguments[0], *index, *arguments[1:])
