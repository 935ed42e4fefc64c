"""Somebody who starts programs: root, or an ordinary user."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import ROOT
from tests.rooms import ENGINE_IMAGE, Room

CHILD = Path(__file__).parent / "provisioner" / "child.py"
MAY_READ = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")


@dataclass
class Caller:
    """Somebody who starts a program, in a room of theirs."""

    uid: int
    gid: int
    name: str
    room: Room
    prefix: list[str] = field(default_factory=list)  # command that runs another one as them

    def let_them_read(self) -> None:
        """Let them look into the folder that the checkout lies in, where it is closed to others.

        Which changes nothing about what they own or may write. The prefix ends with setpriv's.
        """
        reads = [sys.executable, "-c", "import jupyter_gpu_containers.config, tests.kernels"]
        command = [*self.prefix, *reads]
        if subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode:
            self.prefix += MAY_READ

    def run(self, command: list[str], timeout: float = 90, good: Sequence[int] = (0,)) -> str:
        """Run a program to its end, which must be a good one; return its standard output."""
        done = subprocess.run(
            [*self.prefix, *command],
            cwd=self.room.workspace,
            env={**self.room.environ(), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode in good, done.stderr + done.stdout
        return done.stdout

    def cells(self, *cells: str) -> list[str]:
        """Run cells in a kernel of the everyday image."""
        answer = self.run([sys.executable, str(CHILD), ENGINE_IMAGE, *cells])
        return [str(text) for text in json.loads(answer.splitlines()[-1])]
