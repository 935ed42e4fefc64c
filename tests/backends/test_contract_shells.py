"""What every container backend promises of programs beside a kernel, and of logs that go on."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from contextlib import aclosing

import pytest

from jupyter_gpu_containers.errors import ContainerNotFoundError, KernelNotRunningError
from jupyter_gpu_containers.model.kernel.shell import TerminalSize
from jupyter_gpu_containers.ports import Execution
from tests.backends.conftest import EVERY_BACKEND, TIMEOUT, Bench

pytestmark = EVERY_BACKEND
SIZE = TerminalSize(33, 101)
SLEEPS = "import time; time.sleep(600)"


class Session:
    """A program, and what it has written so far."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.output = ""
        self.errors = ""

    async def _read(self) -> bool:
        is_error, data = await asyncio.wait_for(asyncio.to_thread(self.execution.read), TIMEOUT)
        text = data.decode()
        if is_error:
            self.errors += text
        else:
            self.output += text
        return bool(data)

    async def until(self, pattern: str) -> re.Match[str]:
        """Wait until something is written; what stands before it is forgotten."""
        while (found := re.search(pattern, self.output)) is None:
            assert await self._read(), self.output
        self.output = self.output[found.end() :]
        return found

    async def to_end(self) -> int | None:
        """Wait until the program has ended; return how."""
        while await self._read():
            pass
        code = await asyncio.wait_for(asyncio.to_thread(self.execution.exit_code), TIMEOUT)
        await asyncio.to_thread(self.execution.close)
        return code

    def type(self, line: str) -> None:
        self.execution.write(f"{line}\n".encode())


def is_podman(bench: Bench) -> bool:
    return bench.reference.startswith("localhost/")


async def running(bench: Bench, code: str = SLEEPS, **changes: object) -> str:
    container_id = await bench.create(code, **changes)
    await bench.backend.start(container_id)
    return container_id


async def opened(bench: Bench, container_id: str, *command: str, tty: bool = True) -> Session:
    return Session(
        await bench.backend.execute(
            container_id, command, terminal=SIZE if tty else None, term="xterm-256color"
        )
    )


# -- programs ----------------------------------------------------------------------------------


async def test_a_shell_on_a_terminal(bench: Bench) -> None:
    shell = await opened(bench, await running(bench))
    shell.type("stty size; echo $TERM; echo uid $(id -u); pwd")
    await shell.until("33 101\r\n")
    await shell.until("xterm-256color")
    uid = int((await shell.until(r"uid (\d+)\r"))[1])
    assert uid in {os.getuid(), 0}  # 0: as a rootless engine calls its user
    await shell.until("/tmp")
    shell.type("exit 7")
    assert await shell.to_end() == 7


async def test_the_terminal_changes_its_size(bench: Bench) -> None:
    shell = await opened(bench, await running(bench))
    shell.type("trap 'stty size' WINCH; echo rea''dy")
    await shell.until("ready\r\n")
    await asyncio.to_thread(shell.execution.resize, TerminalSize(50, 200))
    shell.type("stty size")
    await shell.until("50 200\r\n")
    shell.type("exit 0")
    assert await shell.to_end() == 0


async def test_keys_and_letters_of_all_kinds(bench: Bench) -> None:
    shell = await opened(bench, await running(bench), "sh", "-c", "cat; echo 'ended'; exec cat")
    shell.type("grüße, 世界, 🚀")
    await shell.until("grüße, 世界, 🚀\r\n.*grüße, 世界, 🚀\r\n")
    shell.execution.write(b"\x04")  # Ctrl-D
    await shell.until("ended\r\n")
    shell.execution.write(b"\x03")  # Ctrl-C
    assert await shell.to_end() == 128 + signal.SIGINT


async def test_a_command_without_a_terminal(bench: Bench) -> None:
    command = ("sh", "-c", 'cat; echo "$1" >&2; exit 3', "sh", "; echo $HOME")
    program = await opened(bench, await running(bench), *command, tty=False)
    large = "x" * 99 + "\n"
    sending = asyncio.to_thread(program.execution.write, (large * 20000).encode())
    _, code = await asyncio.gather(_and_end(sending, program), program.to_end())
    assert (code, program.errors) == (3, "; echo $HOME\n")
    assert program.output == large * 20000


async def _and_end(sending: object, program: Session) -> None:
    await sending  # type: ignore[misc]
    program.execution.end_input()


async def test_what_cannot_be_run(bench: Bench) -> None:
    program = await opened(bench, await running(bench), "/no/such/program", tty=False)
    assert await program.to_end() == 127
    assert "/no/such/program" in program.errors
    with pytest.raises(ContainerNotFoundError):
        await bench.backend.execute("0" * 64)
    with pytest.raises(KernelNotRunningError):
        await bench.backend.execute(await bench.create(SLEEPS))


@pytest.mark.parametrize("tty", [True, False])
async def test_closing_ends_the_program_and_what_it_started(bench: Bench, tty: bool) -> None:
    gone, pid = bench.pipe(), bench.pipe()
    # whoever has the pipe open keeps its reader waiting: the reader sees the last one go
    command = f"exec 9>{gone}; echo $$ >{pid}; sleep 600 & wait"
    container_id = await running(bench, mounts=bench.mounts)
    program = await opened(bench, container_id, "sh", "-c", command, tty=tty)
    reading = asyncio.ensure_future(gone.read())
    assert int(await pid.read()) > 0
    await asyncio.to_thread(program.execution.close)
    assert await reading == ""
    assert (await bench.listed())[0].status.value == "running"


async def test_a_program_ends_with_its_container(bench: Bench) -> None:
    container_id = await running(bench)
    shell = await opened(bench, container_id)
    shell.type("trap '' HUP; echo rea''dy")
    await shell.until("ready\r\n")
    await bench.backend.remove(container_id)
    assert await shell.to_end() in {None, 128 + signal.SIGKILL, 128 + signal.SIGHUP}


async def test_a_program_ends_with_the_run(bench: Bench) -> None:
    container_id = await running(bench)
    shell = await opened(bench, container_id)
    shell.type("echo rea''dy")
    await shell.until("ready\r\n")
    await bench.backend.signal(container_id, signal.SIGKILL)
    assert await shell.to_end() in {None, 128 + signal.SIGKILL, 128 + signal.SIGHUP}


# -- logs --------------------------------------------------------------------------------------


async def collected(bench: Bench, container_id: str, *, tail: int, follow: bool) -> str:
    async def read() -> str:
        parts = bench.backend.stream_logs(container_id, tail=tail, follow=follow)
        return "".join([part async for part in parts])

    return await asyncio.wait_for(read(), TIMEOUT)


async def test_a_log_is_followed_to_the_end_of_the_run(bench: Bench) -> None:
    begun, go = bench.pipe(), bench.pipe()
    code = (
        "import sys\n"
        "print('one\\ntwo\\n\\033[31mthree\\033[0m', flush=True)\n"
        f"open('{begun}', 'w').close(); open('{go}').read()\n"
        "print('fo\\x00ur', flush=True); sys.stdout.buffer.write(b'fi\\xff\\xfeve')\n"
    )
    container_id = await running(bench, code, mounts=bench.mounts)
    seen = await begun.read()
    while "three\n" not in await collected(bench, container_id, tail=100, follow=False):
        pass  # an engine writes down a little later what was said
    async with aclosing(bench.backend.stream_logs(container_id, tail=2, follow=True)) as log:
        async for part in log:
            seen += part
            if seen.endswith("three\n"):
                await go.write()
    if is_podman(bench):  # it counts lines in a way of its own
        seen = seen.removeprefix("one\n")
    assert seen == "two\nthree\nfour\nfi��ve"
    last = await collected(bench, container_id, tail=1, follow=True)
    assert last == "fi��ve" or (is_podman(bench) and "fi��ve" in last)
    whole = await collected(bench, container_id, tail=100, follow=False)
    if is_podman(bench):  # and ends them so, too
        whole, seen = (text.replace("\n", "") for text in (whole, seen))
    assert whole == ("one" if is_podman(bench) else "one\n") + seen
    await bench.backend.remove(container_id)
    assert await collected(bench, container_id, tail=9, follow=True) == ""


async def test_a_log_ends_with_a_removal(bench: Bench) -> None:
    container_id = await running(bench, "print('up', flush=True); import time; time.sleep(600)")
    log = bench.backend.stream_logs(container_id, tail=9, follow=True)
    assert await asyncio.wait_for(anext(log), TIMEOUT) == "up\n"
    rest = asyncio.ensure_future(anext(log, "end"))
    await bench.backend.remove(container_id)
    assert await asyncio.wait_for(rest, TIMEOUT) == "end"


async def test_a_reader_who_leaves_a_flood(bench: Bench) -> None:
    flood = "while True: print('x' * 1000)"
    container_id = await running(bench, flood)
    log = bench.backend.stream_logs(container_id, tail=1, follow=True)
    async with aclosing(log):
        size = 0
        async for part in log:
            size += len(part)
            if size > 2_000_000:
                break
    await bench.backend.remove(container_id)
    assert await bench.listed() == []
