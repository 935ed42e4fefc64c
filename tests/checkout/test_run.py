"""./run itself, as far as it can be tried without changing this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Type `./run ...` in some folder."""
    command = [str(ROOT / "run"), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def sourced(script: str, *, path: str = "/usr/bin:/bin") -> subprocess.CompletedProcess[str]:
    """Run lines of bash that use the functions of scripts/machine.sh."""
    lines = f'set -euo pipefail; . "{ROOT}/scripts/machine.sh"; {script}'
    command = ["/bin/bash", "-c", lines]
    return subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=False)


def test_help_names_every_command_from_any_folder(tmp_path: Path) -> None:
    shown = run("help", cwd=tmp_path)
    assert shown.returncode == 0
    for command in ("lab", "test", "lint", "bench", "docs", "build", "help"):
        assert f"./run {command}" in shown.stdout


def test_unknown_command(tmp_path: Path) -> None:
    refused = run("fly", cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.endswith("==> There is no command 'fly'\n")


def program(folder: Path, name: str, script: str) -> None:
    """Put a program into a folder of the PATH."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_an_environment_that_is_activated_and_of_another_folder_is_made_anew(
    tmp_path: Path,
) -> None:
    """The Python that makes it is not the one that goes with it."""
    old = tmp_path / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", old], check=True)
    python = f"{sys.base_prefix}/bin/python3"  # pip, which is left out, takes it four seconds
    words = f'[ "$2" != venv ] || exec {python} -m venv --without-pip "$3"; exec {python} "$@"'
    program(tmp_path, "python3", words)
    made = sourced(
        f'. "{ROOT}/scripts/install.sh"; VENV={old} LOGS={tmp_path}; need_venv; command -v python',
        path=f"{old}/bin:{tmp_path}:/usr/bin:/bin",
    )
    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines()[-1] == f"{old}/bin/python"  # still activated
    assert (old / ".stamp-venv").read_text() == f"{old}\n"


def test_missing_packages_are_named_to_who_may_not_install(tmp_path: Path) -> None:
    """An ordinary user without sudo reads the command to type; nothing is tried."""
    program(tmp_path, "dpkg-query", "exit 1")
    program(tmp_path, "id", "echo 1000")
    program(tmp_path, "sudo", "exit 1")
    program(tmp_path, "apt-get", f"touch {tmp_path}/tried")
    asked = sourced("need_packages 'a purpose' one two", path=f"{tmp_path}:/usr/bin:/bin")
    assert asked.returncode == 1
    assert asked.stderr == "==> For a purpose, type: sudo apt-get install one two\n"
    assert not (tmp_path / "tried").exists()


def test_a_package_with_a_service_is_unpacked_not_installed(tmp_path: Path) -> None:
    """Nothing of it runs: no maintainer's script, no service; the second time nothing is done."""
    program(tmp_path, "id", "echo 1000")
    program(tmp_path, "sudo", "exit 1")
    program(tmp_path, "apt-get", f'echo "$*" >>{tmp_path}/tried; touch some_1_all.deb')
    program(
        tmp_path, "dpkg-deb", "mkdir -p usr/bin; touch usr/bin/server; chmod 755 usr/bin/server"
    )
    script = f"LOGS={tmp_path}/logs; mkdir -p $LOGS; need_unpacked server 'a purpose' some"
    for said in ("==> Unpacking some into .run/some, for a purpose\n", ""):
        asked = sourced(script, path=f"{tmp_path}:/usr/bin:/bin")
        assert (asked.returncode, asked.stdout, asked.stderr) == (0, said, "")
    assert (tmp_path / "tried").read_text() == "download some\n"
