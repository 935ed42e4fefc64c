"""A fake ``libnvidia-ml.so.1`` and the machines that it shows (``machines/*.ini``).

The library is loaded in the ordinary way, through ``LD_LIBRARY_PATH``, which counts only when it
is set before a process starts: tests run their NVML in processes of their own.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.doubles import CACHE

HERE = Path(__file__).resolve().parent
MACHINES = HERE / "machines"
SOURCES = tuple(sorted((*HERE.glob("*.h"), *HERE.glob("*.c"))))
FLAGS = ("-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fPIC", "-fvisibility=hidden", "-shared")


def build_library(*, r470: bool = False) -> Path:
    """Return the path of ``libnvidia-ml.so.1``, compiled when its source changed.

    With ``r470`` it lacks the functions that a driver of the 470 series lacks.
    """
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in SOURCES)).hexdigest()[:16]
    library = CACHE / f"nvml{'-r470' if r470 else ''}-{digest}" / "libnvidia-ml.so.1"
    if library.exists():
        return library
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        built = Path(scratch) / library.name
        defines = ["-DR470"] if r470 else []
        sources = [str(source) for source in SOURCES if source.suffix == ".c"]
        command = [os.environ.get("CC", "cc"), *FLAGS, *defines, f"-Wl,-soname,{library.name}"]
        subprocess.run([*command, "-o", str(built), *sources, "-lpthread"], check=True)
        os.replace(built, library)
    return library


def read_machine(path: Path) -> configparser.ConfigParser:
    """Parse a machine file."""
    machine = configparser.ConfigParser(interpolation=None)
    machine.read(path)
    return machine


def uuid_of(machine: str, gpu: str, mig: int | None = None) -> str:
    """Return the UUID of ``gpuN`` in one of our machines, or of one of its MIG devices."""
    section = read_machine(MACHINES / f"{machine}.ini")[gpu]
    return section["uuid"] if mig is None else section[f"mig{mig}"].split(",")[0]


@dataclass(frozen=True)
class Gate:
    """Holds a driver up: it is shut while its file exists."""

    path: Path

    def shut(self) -> None:
        self.path.touch()

    def open(self) -> None:
        self.path.unlink()

    @property
    def is_shut(self) -> bool:
        return self.path.exists()


@dataclass(frozen=True)
class FakeDriver:
    """A driver library with its machine file, which may be edited while it is in use."""

    library: Path | None  # None: no driver is installed
    machine: Path
    log: Path

    @property
    def env(self) -> dict[str, str]:
        """What to put into the environment of a process that is to see this driver."""
        return {
            "LD_LIBRARY_PATH": str(self.library.parent) if self.library else "",
            "FAKE_NVML_MACHINE": str(self.machine),
            "FAKE_NVML_LOG": str(self.log),
            "FAKE_NVML_EVENTS": str(self.events),
        }

    @property
    def events(self) -> Path:
        """The script of events; see README.md."""
        return self.machine.with_suffix(".events")

    def report(self, line: str) -> None:
        """Let an event happen: "gpu0 8 79", "unknown 8 79", "error 15"."""
        with self.events.open("a") as file:
            file.write(f"{line}\n")  # in one piece, since it is short

    def edit(self, section: str, **values: str | None) -> None:
        """Change keys of a section (None removes one); processes see it with their next call."""
        machine = read_machine(self.machine)
        for key, value in values.items():
            if value is None:
                machine.remove_option(section, key)
            else:
                machine[section][key] = value
        changed = self.machine.with_suffix(".new")
        with changed.open("w") as file:
            machine.write(file)
        os.replace(changed, self.machine)  # a new file, by which the library knows the change

    def reset(self, name: str) -> None:
        """Make the machine again what ``machines/NAME.ini`` says."""
        changed = self.machine.with_suffix(".new")
        shutil.copy(MACHINES / f"{name}.ini", changed)
        os.replace(changed, self.machine)

    def hang(self, gate: Gate) -> None:
        """Let every call of the library wait while the gate is shut."""
        self.edit("system", hang_while=str(gate.path))

    def calls(self) -> Counter[str]:
        """Count the NVML calls so far by function name."""
        return Counter(self.log.read_text().split() if self.log.exists() else [])

    def wait_for_call(self, function: str, times: int = 1) -> None:
        """Return once the library was called; blocking, for a thread beside an event loop."""
        while self.calls()[function] < times:
            time.sleep(0.001)  # a file cannot be awaited


def fake_driver(folder: Path, machine: str | None, *, r470: bool = False) -> FakeDriver:
    """Make a driver whose machine file is a copy, in ``folder``, of one in ``machines``.

    Without a machine there is no library: a host on which no driver is installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "machine.ini"
    if machine is None:
        return FakeDriver(None, path, folder / "nvml.log")
    shutil.copy(MACHINES / f"{machine}.ini", path)
    return FakeDriver(build_library(r470=r470), path, folder / "nvml.log")
