"""``exec`` and ``logs``: on a terminal of their own, with the real engine; and what they refuse."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pexpect
import pytest
from jupyter_core.paths import jupyter_data_dir

from jupyter_gpu_containers import config
from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, Network
from jupyter_gpu_containers.service.kernel.owner import Owner
from jupyter_gpu_containers.service.recovery.signing import Signer, load_key
from tests.conftest import IMAGES

from .conftest import Terminal

TIMEOUT = 60  # seconds
CLI = [sys.executable, "-m", "jupyter_gpu_containers.cli"]
WRITES = "import time; print('one\\ntwo', flush=True); time.sleep(600)"


class Kernel:
    """A container that a kernel could be in, on the real engine."""

    def __init__(self, host: str) -> None:
        self.backend = DockerBackend(host)
        self.engine = ("--engine", host)
        self.kernel_id = str(uuid.uuid4())
        self.notebook = f"deep/{self.kernel_id[:8]}.ipynb"
        self.id = asyncio.run(self._start())

    async def _start(self) -> str:
        spec = ContainerSpec(
            image=(await self.backend.image(IMAGES.debian12)).id,
            command=("python3", "-c", WRITES),
            name=f"jgc-exec-{self.kernel_id}",
            user=f"{os.getuid()}:{os.getgid()}",
            working_dir="/tmp",
            env={"HOME": "/tmp", "USER": "ada"},
            labels=labels.make_labels(
                purpose="kernel",
                owner=str(Owner.current()),
                user=config._login_name(),
                kernel_id=self.kernel_id,
                display_name="Debian",
                notebook=self.notebook,
            ),
            network=Network.NONE,
        )
        key = load_key(Path(jupyter_data_dir()) / "gpu_containers" / "key")
        container_id = await self.backend.create(Signer(key).signed(spec))
        await self.backend.start(container_id)
        return container_id

    def remove(self) -> None:
        asyncio.run(self.backend.remove(self.id))

    def programs(self) -> list[str]:
        """Return what runs in it, docker-init left out."""
        rows = self.backend._connected().top(self.id)["Processes"]
        return [row[-1] for row in rows if "docker-init" not in row[-1]]


@pytest.fixture
def kernel(terminal: Terminal, engine_host: str) -> Iterator[Kernel]:
    made = Kernel(engine_host)
    yield made
    made.remove()
    made.backend.close()


def spawn(kernel: Kernel, *words: str) -> pexpect.spawn[str]:
    """Run a command on a terminal of its own."""
    return pexpect.spawn(
        CLI[0], [*CLI[1:], *words], encoding="utf-8", timeout=TIMEOUT, dimensions=(30, 90)
    )


def run(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CLI, *words], input=text, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )


@pytest.mark.engine
def test_a_shell(kernel: Kernel) -> None:
    shell = spawn(kernel, "exec", *kernel.engine, kernel.notebook)
    shell.expect("ada@kernel:.*[$#] ")
    shell.sendline("stty size")
    shell.expect("30 90\r\n")
    shell.setwinsize(44, 120)
    shell.sendline("stty size")
    shell.expect("44 120\r\n")
    shell.sendline("echo 'gr'üß; cat")
    shell.expect("grüß\r\n")
    shell.sendline("cat reads")
    shell.expect("cat reads\r\ncat reads\r\n")
    shell.sendintr()
    shell.expect("ada@kernel:.*[$#] ")
    shell.sendline("exit 7")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 7


@pytest.mark.engine
def test_much_is_pasted(kernel: Kernel) -> None:
    shell = spawn(kernel, "exec", "-it", *kernel.engine, kernel.id[:12], "sh")
    shell.expect("[$#] ")
    # a terminal that still echoes cuts letters that do not fit into its queue
    shell.sendline("stty -echo; echo rea''dy; cat >/tmp/pasted; echo $(wc -c </tmp/pasted) bytes")
    shell.expect("ready\r\n")
    shell.delaybeforesend = None
    for _ in range(2000):
        shell.send("é" * 50 + "\n")
    shell.sendeof()
    shell.expect(f"{2000 * 101} bytes\r\n")
    shell.close(force=True)


@pytest.mark.engine
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM])
def test_no_shell_stays_behind(kernel: Kernel, how: int) -> None:
    shell = spawn(kernel, "exec", "-it", *kernel.engine, kernel.kernel_id)
    shell.expect("[$#] ")
    shell.sendline("trap '' HUP; echo rea''dy")
    shell.expect("ready\r\n")
    assert len(kernel.programs()) == 3  # the kernel, the shell, and its guard
    began = time.time()
    shell.kill(how)
    shell.expect(pexpect.EOF)
    shell.close()
    client = kernel.backend._connected()
    events = client.event_stream(began - 1, ["exec_die"], idle_timeout=TIMEOUT)
    own = (event for event in events if event["Actor"]["ID"] == kernel.id)
    assert len(list(islice(own, 2))) == 2  # that of the shell, and of its guard
    events.close()
    assert len(kernel.programs()) == 1


@pytest.mark.engine
def test_the_container_ends(kernel: Kernel) -> None:
    shell = spawn(kernel, "exec", "-it", *kernel.engine, kernel.id)
    shell.expect("[$#] ")
    log = subprocess.Popen(
        [*CLI, "logs", "-f", "--tail", "1", *kernel.engine, kernel.notebook],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert log.stdout is not None
    assert log.stdout.readline() == "two\n"
    kernel.remove()
    shell.expect("The kernel (was shut down|has ended or was restarted), and this program with it.")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 128 + signal.SIGKILL
    rest, said = log.communicate(timeout=TIMEOUT)
    assert (rest, log.returncode) == ("", 0)
    assert said == "The kernel has ended or was restarted.\n"


@pytest.mark.engine
def test_in_a_pipe(kernel: Kernel) -> None:
    ran = run("exec", "-i", *kernel.engine, kernel.id, "sh", "-c", "cat; pwd >&2; exit 4", text="é")
    assert (ran.returncode, ran.stdout, ran.stderr) == (4, "é", "/tmp\n")
    absent = run("exec", *kernel.engine, kernel.id, "/no/such")
    assert absent.returncode == 127
    assert "/no/such" in absent.stderr
    no_terminal = run("exec", "-it", *kernel.engine, kernel.id)
    assert no_terminal.stderr.startswith("error: The input is not a terminal.")
    told = run("logs", "--json", *kernel.engine, kernel.id)
    assert json.loads(told.stdout) == {"log": "one\ntwo\n"}


def test_what_is_refused(terminal: Terminal) -> None:
    container_id = terminal.container()
    nobody = terminal("logs", "nothing")
    assert nobody.err.startswith("error: No kernel and no container")
    created = terminal("logs", container_id)
    assert "does not run: its container is created" in created.err
    terminal.wait(terminal.backend.start(container_id))
    negative = terminal("logs", "nb1.ipynb", "--tail", "-1")
    assert (negative.status, "--tail" in negative.err) == (1, True)
