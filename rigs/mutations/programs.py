"""A program with a time limit, ended with all that it started; what came of a run of tests."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

Kind = Literal["passed", "failed", "time-out", "did not run"]
ENDING = 15.0  # seconds to end in after an interrupt, for tests to tidy up


@dataclass(frozen=True)
class Outcome:
    """What came of a run of tests."""

    kind: Kind
    test: str | None = None  # the first that failed; None where it is not one test
    said: str = ""  # the end of what the program said


def run_limited(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    limit: float,
    output: IO[bytes],
) -> int | None:
    """Run a program in a session of its own; return its status, None where it took too long.

    Parameters
    ----------
    limit : float
        Seconds.
    output : file
        Takes what it says.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(ENDING)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tail(path: Path, lines: int = 15) -> str:
    """Return the last lines of a file."""
    return "\n".join(path.read_text("utf-8", "replace").splitlines()[-lines:])
