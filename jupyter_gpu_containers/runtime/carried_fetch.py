"""Getting a kernel runtime's packages from the package index, and compiling them to bytecode."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jupyter_gpu_containers.errors import RuntimeUnavailableError
from jupyter_gpu_containers.model.kernel.runtime import (
    DEFERRED,
    KEEPER,
    LAUNCHER,
    LEAVING,
    PRELOAD,
    QUICK_START,
    START,
    TRACES,
    RuntimeTag,
)

PROGRAM = Path(__file__).with_name("carried_pip.py")
LAUNCHER_SOURCE = files(__package__).joinpath("carried_launcher.py")
# what starts an image's own ipykernel, by its name in the folder that is brought in
QUICK_SOURCES = {
    START: files(__package__).joinpath("start.py"),
    KEEPER: files(__package__).joinpath("keeper.py"),
    TRACES: files(__package__).joinpath("traces.py"),
    PRELOAD: files(__package__).joinpath("preload.py"),
    QUICK_START: files(__package__).joinpath("quick_start.py"),
    DEFERRED: files(__package__).joinpath("deferred.py"),
    LEAVING: files(__package__).joinpath("leaving.py"),
}
TABLE = "distributions.json"
LIBRARY = "lib"
TIMEOUT = 900.0  # seconds for all downloads; about 20 MB
COMPILE_TIMEOUT = 300.0  # seconds
_CONNECTION = re.compile(
    r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|SSLError|RemoteDisconnected"
)
TOLD = 400  # characters of pip's own words


@dataclass(frozen=True)
class Fetched:
    """What came of it."""

    ipykernel: str  # version
    compiled: bool


def install_launcher(folder: Path) -> None:
    """Write the programs that start the carried kernel inside a container."""
    (folder / LAUNCHER).write_bytes(LAUNCHER_SOURCE.read_bytes())
    install_quick_start(folder)


def is_present(folder: Path) -> bool:
    """Tell whether a runtime's programs are those of this version."""
    sources = {LAUNCHER: LAUNCHER_SOURCE, **QUICK_SOURCES}
    try:
        return all(
            (folder / name).read_bytes() == source.read_bytes() for name, source in sources.items()
        )
    except OSError:
        return False


def install_quick_start(folder: Path) -> None:
    """Write the programs that keep a container and start an ipykernel sooner."""
    for name, source in QUICK_SOURCES.items():
        (folder / name).write_bytes(source.read_bytes())


def compile_command(python: str, folder: str, minor: int) -> tuple[str, ...]:
    """Return the command that fills a folder with bytecode.

    The files are never changed, so nothing has to be compared when they are imported
    (``unchecked-hash``, https://peps.python.org/pep-0552/; Python 3.6 compares times).
    """
    mode = ("--invalidation-mode", "unchecked-hash") if minor >= 7 else ()
    # templates and code for Python 2 that nobody imports cannot be compiled, hence -q -q
    return (python, "-I", "-m", "compileall", "-q", "-q", *mode, folder)


class Fetcher:
    """Runs pip, and a Python that compiles, each as a process of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[str]] = set()
        self._closed = False

    def fetch(self, tag: RuntimeTag, folder: Path) -> Fetched:
        """Fill a folder with a runtime's packages; blocking.

        Raises
        ------
        RuntimeUnavailableError
            The package index does not answer, or has nothing that fits.
        """
        job = {
            "folder": str(folder),
            "python": tag.python,
            "machine": tag.machine,
            "abis": tag.abis,
            "platforms": tag.platforms,
            "requirement": tag.requirement,
            "limits": tag.limits,
        }
        status, words = self._run([sys.executable, str(PROGRAM), json.dumps(job)], TIMEOUT)
        if status != 0:
            raise unavailable(tag, _reason(words, status))
        table = json.loads((folder / TABLE).read_text("utf-8"))
        return Fetched(table["ipykernel"]["version"], self._compile(tag, folder))

    def close(self) -> None:
        """End the processes that run; no new one is started."""
        with self._lock:
            self._closed = True
            for process in self._processes:
                _kill(process)

    def _compile(self, tag: RuntimeTag, folder: Path) -> bool:
        """Compile where this machine has a Python of that version; bytecode is for any machine."""
        python = self._interpreter(tag.minor)
        if python is None:
            return False
        self._run([*compile_command(python, str(folder / LIBRARY), tag.minor)], COMPILE_TIMEOUT)
        return any((folder / LIBRARY / "ipykernel").glob("__pycache__/*.pyc"))

    def compile_quick_start(self, folder: Path, minor: int) -> None:
        """Compile programs for Python 3.``minor``, where this machine has it."""
        python = self._interpreter(minor)
        if python is not None:
            self._run([*compile_command(python, str(folder), minor)], COMPILE_TIMEOUT)

    def _interpreter(self, minor: int) -> str | None:
        ours = sys.version_info[:2] == (3, minor)
        if ours and platform.python_implementation() == "CPython":
            return sys.executable
        python = shutil.which(f"python3.{minor}")
        if python is None:
            return None
        code = "import sys; print(sys.implementation.name, *sys.version_info[:2])"
        code += "; print(sys.executable)"
        status, words = self._run([python, "-I", "-c", code], COMPILE_TIMEOUT)
        told, _, executable = words.strip().partition("\n")
        # a shim, as pyenv has it, is many processes each time
        return executable if status == 0 and told == f"cpython 3 {minor}" else None

    def _run(self, command: list[str], timeout: float) -> tuple[int, str]:
        """Run a program to its end: exit status and what it printed."""
        with self._lock:
            if self._closed:
                return 128 + signal.SIGTERM, "the program is about to end"
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PIP_NO_COLOR": "1"},
                start_new_session=True,
            )
            self._processes.add(process)
        try:
            words, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            _kill(process)
            words, _ = process.communicate()
            words += f"\nERROR: not done after {timeout:g} seconds"
        finally:
            with self._lock:
                self._processes.discard(process)
        return process.returncode, words


def _kill(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def unavailable(tag: RuntimeTag, reason: str) -> RuntimeUnavailableError:
    """Return the error for a runtime that could not be prepared."""
    options = f"--python {tag.python} --libc {tag.libc} --arch {tag.arch}"
    return RuntimeUnavailableError(
        f"The kernel for Python {tag.python} ({tag.libc}, {tag.arch}) could not be fetched: "
        f"{reason}",
        f"Try again: jupyter gpu-containers runtime prepare {options}. Without a package index, "
        "run that on a machine that has one, then `jupyter gpu-containers runtime bundle FILE` "
        "there and `jupyter gpu-containers runtime load FILE` here.",
    )


def _reason(words: str, status: int) -> str:
    """Pip's own words for the failure, without credentials of an index's address."""
    if "No module named 'pip'" in words:
        return "pip is not installed beside this program (python -m ensurepip installs it)."
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    text = " ".join(errors) or (lines[-1] if lines else f"pip ended with status {status}")
    if _CONNECTION.search(words):
        text = f"the package index did not answer. {text}"
    text = re.sub(r"(\w+://)[^/@\s]+@", r"\1***@", text)
    return text if len(text) <= TOLD else f"{text[:TOLD]}…"
