"""Processes told apart, and known to be dead or not."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from jupyter_gpu_containers.service.kernel.owner import Owner, is_dead

HERE = Owner.current()


def identity_of_a_child(code: str = "") -> tuple[str, subprocess.Popen[str]]:
    """Start a process that says who it is and waits for its standard input to end."""
    program = (
        "from jupyter_gpu_containers.service.kernel.owner import Owner\n"
        f"print(Owner.current(), flush=True)\n{code}\ninput()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout
    return child.stdout.readline().strip(), child


def test_there_and_back() -> None:
    assert Owner.parse(str(HERE)) == HERE
    assert HERE.pid == os.getpid()
    assert HERE.start_time.isdecimal()


@pytest.mark.parametrize(
    "text", ["", "nobody", "a/b/c/d/e", "a/b/c/1", "a/b/c/1/2/3", "a/b/c/-1/2", "a/b/c/²/2"]
)
def test_what_is_no_owner_is_never_dead(text: str) -> None:
    """Somebody else's label: their container is none of our business."""
    assert Owner.parse(text) is None
    assert not is_dead(text, running=False)


def test_we_live() -> None:
    assert not is_dead(str(HERE), running=False)
    assert not is_dead(str(HERE), running=True)


def test_alive_then_a_zombie_then_gone() -> None:
    text, child = identity_of_a_child()
    assert not is_dead(text, running=True)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and not reaped
    assert is_dead(text, running=True)
    child.communicate()
    assert is_dead(text, running=True)


def test_a_process_id_that_is_used_again() -> None:
    """The same number, another process: the first one is dead."""
    earlier = replace(HERE, start_time=str(int(HERE.start_time) - 1))
    assert is_dead(str(earlier), running=True)


def test_a_command_with_brackets_and_spaces() -> None:
    """proc(5): the second field may hold anything, also what looks like the next ones."""
    name = "from pathlib import Path; Path('/proc/self/comm').write_text(') Z 1 (x')"
    text, child = identity_of_a_child(name)
    assert not is_dead(text, running=True)
    child.communicate("")


def test_another_machine_is_not_known() -> None:
    assert not is_dead(str(replace(HERE, machine="other", pid=1 << 22)), running=False)


def test_another_pid_namespace_is_not_known() -> None:
    """A server in a container of its own cannot be seen from here."""
    assert not is_dead(str(replace(HERE, pid_namespace="1", pid=1 << 22)), running=False)


def test_before_the_last_boot() -> None:
    """Whoever ran then is gone; unless their container runs, which then is not on this machine."""
    earlier = str(replace(HERE, boot="before"))
    assert is_dead(earlier, running=False)
    assert not is_dead(earlier, running=True)


def test_a_forked_process_is_another_owner() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, str(Owner.current()).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    assert Owner.parse(text) not in (None, HERE)
    assert is_dead(text, running=False)
