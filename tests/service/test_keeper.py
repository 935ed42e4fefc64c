"""What keeps a container, alone: real processes in a process namespace of their own."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_gpu_containers.runtime import keeper, keeper_link, start, traces
from jupyter_gpu_containers.runtime.keeper_link import (
    KeeperLink,
    NotKeptError,
    make_pipes,
    pass_signal,
)
from tests.waiting import wait_until

# the first process of a container: a fresh /dev/shm, one child, and everybody's end with it
INIT = """
import os, subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/dev/shm"], check=True)
assert os.getpid() == 1 and os.listdir("/dev/shm") == []
child = os.fork()
if not child:
    os.setpgid(0, 0)
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
while True:
    pid, status = os.wait()
    if pid == child:
        os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
"""
# stands for quick_start.py: a kernel that tells what happens, and leaves processes and files
KERNEL = """
import os, signal, subprocess, sys, time
def say(*words):
    with open(os.path.join(FOLDER, "told"), "a") as file:
        print(*words, file=file)
def main(ready):
    say("imported", os.getpid())
    ready()
    signal.signal(signal.SIGUSR1, lambda *a: say("told"))
    signal.signal(signal.SIGUSR2, lambda *a: os._exit(3))
    say("runs", os.getpid(), os.getpgid(0) == os.getpid(), len(os.listdir("/dev/shm")),
        sum(name.isdigit() for name in os.listdir("/proc")), os.getcwd(), os.environ.get("LEFT"))
    open("/dev/shm/left", "w").close()
    os.chdir("/"); os.environ["LEFT"] = "1"
    subprocess.Popen(["sleep", "1000"], start_new_session=True)
    subprocess.Popen(["sh", "-c", "trap '' TERM INT; while :; do sleep 0.1; done"])
    while True:
        signal.pause()
"""
TIMEOUT = 20.0  # seconds


def until(true: Callable[[], object]) -> None:
    assert wait_until(true, TIMEOUT)


def stop(process: int) -> None:
    """Stop a process, and wait until it has stopped: it may be running on another processor."""
    os.kill(process, signal.SIGSTOP)
    until(lambda: Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "T")


def copy_keeper(folder: Path) -> None:
    for module in (start, keeper, traces):
        shutil.copy(module.__file__, folder)


class Kept:
    """A container, as far as its processes go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_pipes(str(folder), (os.getuid(), os.getgid()))
        (folder / "quick_start.py").write_text(f"FOLDER = {str(folder)!r}\n{KERNEL}")
        copy_keeper(folder)
        command = [str(folder / "start.py"), "-f", str(folder / keeper.CONNECTION_FILE)]
        own = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
        self.process = subprocess.Popen(
            [*own, sys.executable, "-c", INIT, *command], cwd=folder, stderr=subprocess.PIPE
        )

    def told(self, word: str) -> list[list[str]]:
        path = self.folder / "told"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split()[1:] for line in lines if line.split()[0] == word]

    def kernels(self, count: int) -> list[list[str]]:
        """Wait until so many have run; return what each found."""
        until(lambda: len(self.told("runs")) >= count)
        return self.told("runs")

    def signal(self, signum: int) -> None:
        """Signal the container as an init does: the group of its one child."""
        os.killpg(self.keeper, signum)

    def signal_kernel(self, signum: int) -> None:
        """Signal the kernel itself, the first child of its keeper that leads a group."""
        os.kill(self.kernel, signum)

    def is_pending(self, signum: int) -> bool:
        """Tell whether a signal was sent to the kernel, which has not taken it yet."""
        status = Path(f"/proc/{self.kernel}/status").read_text()
        pending = re.search(r"^ShdPnd:\s*(\w+)$", status, re.MULTILINE)
        assert pending is not None
        return bool(int(pending[1], 16) >> (signum - 1) & 1)

    @property
    def keeper(self) -> int:
        """Process of the keeper."""
        return self._child(self._child(self.process.pid))

    @property
    def kernel(self) -> int:
        """Process of the kernel."""
        return self._child(self.keeper)

    @staticmethod
    def _child(process: int) -> int:
        text = Path(f"/proc/{process}/task/{process}/children").read_text()
        return int(text.split()[0])

    def ended(self) -> int:
        return self.process.wait(TIMEOUT)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    container = Kept(tmp_path)
    yield container
    container.process.kill()
    _, errors = container.process.communicate()
    assert errors == b""


def ordered(kept: Kept, *, ahead: bool = True) -> KeeperLink:
    link = KeeperLink(str(kept.folder))
    link.restart(ahead=ahead)
    return link


@pytest.mark.root
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGUSR2, 3), (signal.SIGKILL, 137)])
def test_it_ends_as_its_kernel_does(kept: Kept, signum: int, code: int) -> None:
    kept.kernels(1)
    kept.signal_kernel(signum)
    assert kept.ended() == code


@pytest.mark.root
@pytest.mark.parametrize("ahead", [True, False])
def test_the_next_kernel_finds_what_the_first_found(kept: Kept, ahead: bool) -> None:
    kept.kernels(1)
    for count in (2, 3):
        link = ordered(kept, ahead=ahead)
        if ahead:
            until(lambda count=count: len(kept.told("imported")) == count)
        kept.signal(signal.SIGUSR1)  # reaches the kernel that runs, and it alone
        until(lambda count=count: len(kept.told("told")) == count - 1)
        kept.signal(signal.SIGUSR2)
        assert link.ended.result(TIMEOUT) == 3
        assert link.exit_code == 3
        link.go().result(TIMEOUT)
        link.close()
        kept.kernels(count)
    first, *others = kept.told("runs")
    assert first[1:] == ["True", "0", "3", str(kept.folder), "None"]  # init, keeper, kernel
    assert [other[1:] for other in others] == [first[1:]] * 2
    assert len({one[0] for one in kept.told("runs")}) == 3


@pytest.mark.root
def test_signals_come_by_the_pipe_as_well(kept: Kept) -> None:
    """In any order with orders, and after each other; nobody's order ends with them."""
    kept.kernels(1)
    for count in range(1, 51):
        assert asyncio.run(pass_signal(str(kept.folder), signal.SIGUSR1))
        until(lambda count=count: len(kept.told("told")) == count)
    link = ordered(kept)
    assert asyncio.run(pass_signal(str(kept.folder), signal.SIGUSR2))
    assert link.ended.result(TIMEOUT) == 3
    link.go().result(TIMEOUT)
    link.close()
    kept.kernels(2)
    assert asyncio.run(pass_signal(str(kept.folder), signal.SIGUSR2))
    assert kept.ended() == 3
    assert not asyncio.run(pass_signal(str(kept.folder), signal.SIGUSR2))


@pytest.mark.root
async def test_a_signal_has_been_sent_when_its_order_was_given(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell that is run next is not what an interrupt meets; who never listens holds nobody up."""
    kept.kernels(1)
    stop(kept.kernel)
    for _ in range(20):
        assert not kept.is_pending(signal.SIGUSR1)
        assert await pass_signal(str(kept.folder), signal.SIGUSR1)
        assert kept.is_pending(signal.SIGUSR1)
        count = len(kept.told("told"))
        kept.signal_kernel(signal.SIGCONT)
        until(lambda count=count: len(kept.told("told")) > count)
        stop(kept.kernel)

    monkeypatch.setattr(keeper_link, "HEARD", 0.05)
    stop(kept.keeper)
    assert await asyncio.wait_for(pass_signal(str(kept.folder), signal.SIGUSR1), TIMEOUT)
    assert not kept.is_pending(signal.SIGUSR1)
    count = len(kept.told("told"))
    kept.signal(signal.SIGCONT)  # the kernel is given it as well
    until(lambda: len(kept.told("told")) > count)


@pytest.mark.root
def test_what_is_no_order_is_passed_over(kept: Kept) -> None:
    kept.kernels(1)
    with (kept.folder / keeper.ORDERS_FILE).open("w") as orders:
        orders.write("signal\nsignal x\nsignal 99999\nsignal -1\nstop\n\n")
    assert asyncio.run(pass_signal(str(kept.folder), signal.SIGUSR1))
    until(lambda: kept.told("told"))


@pytest.mark.root
def test_one_that_does_not_end_is_killed(kept: Kept) -> None:
    kept.kernels(1)
    link = ordered(kept)
    link.kill()
    assert link.ended.result(TIMEOUT) == 137
    link.close()
    assert kept.ended() == 137  # nobody wants another


@pytest.mark.root
def test_an_order_ends_with_who_gave_it(kept: Kept) -> None:
    """The kernel runs on, and the container ends with it."""
    kept.kernels(1)
    link = ordered(kept)
    until(lambda: len(kept.told("imported")) == 2)
    link.close()
    with pytest.raises(NotKeptError):
        link.ended.result(TIMEOUT)
    assert link.exit_code is None
    kept.signal(signal.SIGUSR1)
    until(lambda: kept.told("told"))
    again = ordered(kept)  # somebody else may give one
    kept.signal(signal.SIGUSR2)
    assert again.ended.result(TIMEOUT) == 3
    again.go().result(TIMEOUT)
    again.close()
    assert [one[2:4] for one in kept.kernels(2)] == [["0", "3"]] * 2
    kept.signal(signal.SIGUSR2)
    assert kept.ended() == 3


@pytest.mark.root
def test_in_between_it_can_be_stopped(kept: Kept) -> None:
    kept.kernels(1)
    link = ordered(kept)
    kept.signal(signal.SIGUSR2)
    link.ended.result(TIMEOUT)
    kept.signal(signal.SIGTERM)
    assert kept.ended() == 3
    with pytest.raises(NotKeptError):
        link.go().result(TIMEOUT)
    link.close()


@pytest.mark.parametrize("pipes", [True, False])
def test_nobody_is_kept_elsewhere(tmp_path: Path, pipes: bool) -> None:
    """Among other processes it kills none: the kernel is this very process."""
    if pipes:
        make_pipes(str(tmp_path), (os.getuid(), os.getgid()))
    copy_keeper(tmp_path)
    (tmp_path / "quick_start.py").write_text(
        "import os\ndef main(ready):\n    ready()\n    print(os.getpid())\n"
    )
    command = [sys.executable, "start.py", "-f", str(tmp_path / keeper.CONNECTION_FILE)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        said, _ = process.communicate(timeout=TIMEOUT)
    assert int(said) == process.pid
    with pytest.raises(NotKeptError):
        KeeperLink(str(tmp_path))


def test_only_pipes_are_opened(tmp_path: Path) -> None:
    (tmp_path / keeper.ANSWERS_FILE).write_text("")
    (tmp_path / keeper.ORDERS_FILE).symlink_to("/dev/null")
    with pytest.raises(NotKeptError, match="no pipe"):
        KeeperLink(str(tmp_path))


def test_a_connection_file_is_recognized() -> None:
    assert keeper.run_folder(["-f", "/run/x/connection.json"]) == "/run/x"
    assert keeper.run_folder(["--f=/run/x/connection.json", "--debug"]) == "/run/x"
    assert keeper.run_folder(["-f", "/run/x/other.json"]) == ""


def test_it_is_small() -> None:
    """It lies in memory beside each kernel: nothing is imported that Python itself has not."""
    code = (
        "import sys; before = set(sys.modules); sys.argv = ['']; names = {}\n"
        f"exec(compile(open({keeper.__file__!r}).read(), 'keeper', 'exec'), names)\n"
        f"names['load']({str(Path(traces.__file__).parent)!r}, 'traces').processes()\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    small = {"collections", "enum", "functools", "itertools", "keyword", "math", "operator"}
    small |= {"reprlib", "select", "signal", "types", "importlib", "importlib.machinery"}
    small |= {"importlib._bootstrap", "importlib._bootstrap_external", "warnings"}
    assert {name for name in ran.stdout.split() if not re.match("_", name)} <= small
