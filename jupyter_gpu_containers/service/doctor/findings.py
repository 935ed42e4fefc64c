"""What the checks look at, and the form of what they say."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from jupyter_gpu_containers.errors import GpuContainersError
from jupyter_gpu_containers.model.gpu.device import GpuSnapshot, Problem
from jupyter_gpu_containers.model.kernel.container import EngineInfo


class Level(str, Enum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"  # not perfect, or not known; nothing has to be done
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """The answer of one check."""

    name: str
    level: Level
    message: str
    fix: str = ""  # a command to paste; every problem has one
    advice: str = ""  # what else is to be known before that


@dataclass(frozen=True)
class Facts:
    """All that the checks look at; read once, by `doctor`."""

    engine: EngineInfo | GpuContainersError
    demo: bool = False
    gpus: GpuSnapshot = field(default_factory=GpuSnapshot)
    nvidia_devices: int = 0  # display controllers of NVIDIA on the PCI bus
    toolkit: str | None = None  # version that nvidia-ctk prints
    hook: bool = False  # nvidia-container-runtime-hook is installed
    unlinked_devices: tuple[str, ...] = ()  # nodes of NVIDIA's without a link in /dev/char
    disk_free: int | None = None  # bytes where the engine keeps images; None = not on this machine
    run_root: str = ""
    run_root_problem: Problem | None = None  # cannot be written, or is not private
    workspace: str = ""
    workspace_problem: Problem | None = None
    left_behind: tuple[str, ...] = ()  # ids of containers whose server is gone
    broken_environments: tuple[tuple[str, Problem], ...] = ()  # by name
    server_extension: bool = True  # enabled in Jupyter Server's configuration
    own_python: bool = True  # this user may change the Python environment's configuration
    lab_extension: bool | None = True  # None: its files are not installed; False: disabled


REPORT = "jupyter gpu-containers doctor --report"  # where nothing is known to help
_PROGRAMS = (
    *("sudo", "docker", "podman", "systemctl", "newgrp", "pip", "jupyter", "nvidia-smi"),
    *("nvidia-ctk", "chmod", "mkdir", "rm", "reboot", "lspci", "unset"),
)
_PLACEHOLDER = re.compile(r"(?<![$\"\w])[A-Z]{4,}(?!\w)")  # a word that the reader is to replace


def trouble(name: str, message: str, hint: str, otherwise: str = REPORT) -> Finding:
    """Return a problem whose hint was written for people: sentences, or a command.

    Parameters
    ----------
    name, message : str
    hint : str
        A command, or sentences with commands between backticks.
    otherwise : str
        The fix where the hint has no command that can be pasted as it is.
    """
    if hint.split(" ")[0] in _PROGRAMS:
        return Finding(name, Level.PROBLEM, message, hint)
    commands = [
        text
        for text in hint.split("`")[1::2]
        if text.split(" ")[0] in _PROGRAMS and " " in text and not _PLACEHOLDER.search(text)
    ]
    return Finding(name, Level.PROBLEM, message, commands[0] if commands else otherwise, hint)


def version_of(text: str) -> tuple[int, ...]:
    """The leading numbers of a version; () where there are none."""
    match = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()
