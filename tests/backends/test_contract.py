"""What every container backend promises (ports.ContainerBackend), tried on each of them."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from jupyter_gpu_containers.errors import (
    ContainerNotFoundError,
    EngineError,
    GpuVanishedError,
    ImageNotFoundError,
    KernelTimeoutError,
    RegistryError,
    WorkspaceError,
)
from jupyter_gpu_containers.model.kernel.container import ContainerExit, ContainerStatus, Mount
from tests.backends.conftest import EVERY_BACKEND, TIMEOUT, Bench

pytestmark = EVERY_BACKEND
GONE = "0" * 64


def is_podman(bench: Bench) -> bool:
    return bench.reference.startswith("localhost/")


async def ended(bench: Bench, container_id: str) -> ContainerExit:
    future = bench.backend.watch(container_id)
    return await asyncio.wait_for(asyncio.wrap_future(future), TIMEOUT)


async def run_to_end(bench: Bench, container_id: str) -> ContainerExit:
    future = bench.backend.watch(container_id)
    await bench.backend.start(container_id)
    return await asyncio.wait_for(asyncio.wrap_future(future), TIMEOUT)


# -- what is there -----------------------------------------------------------------------------


async def test_info_names_the_engine_and_its_architecture(bench: Bench) -> None:
    info = await bench.backend.info()
    assert info.name
    assert info.architecture == {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


async def test_images_are_listed_by_the_references_that_find_them(bench: Bench) -> None:
    listed = {image.id: image for image in await bench.backend.images()}
    found = await bench.backend.image(bench.reference)
    assert bench.reference in listed[found.id].references
    assert listed[found.id].size == found.size > 0
    assert found.config is not None
    assert found.architecture == (await bench.backend.info()).architecture
    assert (await bench.backend.image(found.id)).id == found.id


async def test_unknown_image(bench: Bench) -> None:
    with pytest.raises(ImageNotFoundError, match="nowhere/nothing:1"):
        await bench.backend.image("nowhere/nothing:1")
    with pytest.raises(ImageNotFoundError):
        await bench.create(image=f"sha256:{GONE}")
    assert await bench.listed() == []


async def test_pull_of_what_no_registry_has(bench: Bench) -> None:
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:1/nothing:1"):
        await bench.backend.pull("127.0.0.1:1/nothing:1")


# -- a container's life ------------------------------------------------------------------------


async def test_container_is_listed_in_every_state_until_it_is_removed(bench: Bench) -> None:
    container_id = await bench.create("import time; time.sleep(60)")
    states = [(await bench.listed())[0].status]
    end = bench.backend.watch(container_id)
    await bench.backend.start(container_id)
    states.append((await bench.listed())[0].status)
    await bench.backend.signal(container_id, signal.SIGKILL)
    await asyncio.wait_for(asyncio.wrap_future(end), TIMEOUT)
    states.append((await bench.listed())[0].status)
    await bench.backend.remove(container_id)
    assert await bench.listed() == []
    assert states == [ContainerStatus.CREATED, ContainerStatus.RUNNING, ContainerStatus.EXITED]


async def test_list_shows_what_was_asked_for(bench: Bench) -> None:
    spec = await bench.python("pass")
    container_id = await bench.backend.create(spec)
    (container,) = await bench.listed()
    assert container.id == container_id
    assert container.name == spec.name
    assert container.image == spec.image
    assert container.labels.items() >= spec.labels.items()
    assert container.created > 0
    assert [c.id for c in await bench.backend.containers(bench.label.partition("=")[0])] == [
        container_id
    ]


async def test_name_in_use(bench: Bench) -> None:
    spec = await bench.python("pass")
    await bench.backend.create(spec)
    with pytest.raises(EngineError, match=spec.name):
        await bench.backend.create(spec)
    assert len(await bench.listed()) == 1


async def test_exit_code_and_log(bench: Bench) -> None:
    container_id = await bench.create(
        "import sys; print('to output'); print('\\033[31mto error\\033[0m', file=sys.stderr);"
        "sys.stdout.flush(); sys.exit(3)"
    )
    assert await run_to_end(bench, container_id) == ContainerExit(3)
    assert sorted((await bench.backend.logs(container_id)).splitlines()) == [
        "to error",
        "to output",
    ]


async def test_log_has_the_last_lines(bench: Bench) -> None:
    container_id = await bench.create("for i in range(1000): print(i)")
    await run_to_end(bench, container_id)
    assert await bench.backend.logs(container_id, tail=3) == "997\n998\n999\n"
    assert await bench.backend.logs(GONE) == ""


async def test_command_that_does_not_exist(bench: Bench) -> None:
    container_id = await bench.backend.create(await bench.spec("no-such-command"))
    assert (await run_to_end(bench, container_id)).exit_code in (127, 1)  # by the engine's init
    # Podman 4.3 leaves out of its log what init wrote in several pieces
    assert "no-such-command" in await bench.backend.logs(container_id) or is_podman(bench)


async def test_working_directory_environment_and_arguments(bench: Bench) -> None:
    spec = await bench.spec(
        "python3",
        "-c",
        "import os, sys; print(os.getcwd(), os.environ['COLOUR'], sys.argv[1:])",
        "$HOME",
        "two words",
        working_dir=str(bench.folder),
        env={"COLOUR": "deep blue=yes"},
        mounts=bench.mounts,
    )
    code, output = await bench.backend.run(spec, timeout=TIMEOUT)
    assert (code, output) == (0, f"{bench.folder} deep blue=yes ['$HOME', 'two words']\n")


async def test_mounts_are_found_at_their_target(bench: Bench) -> None:
    (bench.folder / "home").mkdir()
    spec = await bench.python(
        "import os; open(os.path.join(os.environ['HOME'], 'file'), 'w').write('x')",
        env={"HOME": "/home/kernel"},
        mounts=(Mount(str(bench.folder / "home"), "/home/kernel"),),
    )
    assert (await bench.backend.run(spec, timeout=TIMEOUT))[0] == 0
    assert (bench.folder / "home" / "file").read_text() == "x"


async def test_mount_whose_source_does_not_exist(bench: Bench) -> None:
    """Nobody makes it; some engines say so only when the container starts."""
    missing = str(bench.folder / "missing")
    with pytest.raises(WorkspaceError, match=missing):
        await bench.backend.start(await bench.create(mounts=(Mount(missing, "/data"),)))
    assert not (bench.folder / "missing").exists()
    await bench.remove_containers()


# -- how a run ends ----------------------------------------------------------------------------


async def test_watch_after_the_end_tells_the_end(bench: Bench) -> None:
    alive = bench.pipe()
    container_id = await bench.create(
        f"import sys; kept = open({str(alive)!r}, 'w'); sys.exit(5)", mounts=bench.mounts
    )
    await bench.backend.start(container_id)
    await alive.read()
    while (await bench.listed())[0].status is ContainerStatus.RUNNING:
        pass  # its process has ended; the record follows at once
    assert (await ended(bench, container_id)).exit_code == 5


async def test_watch_is_for_one_run_and_restart_is_another(bench: Bench) -> None:
    go = bench.pipe()
    container_id = await bench.create(
        f"import sys; sys.exit(int(open({str(go)!r}).read()))", mounts=bench.mounts
    )
    for code in (7, 0, 8):
        future = bench.backend.watch(container_id)
        await bench.backend.start(container_id)
        assert bench.backend.watch(container_id) is future
        assert not future.done()
        await go.write(str(code))
        exited = await asyncio.wait_for(asyncio.wrap_future(future), TIMEOUT)
        assert exited == ContainerExit(code)


async def test_start_of_what_runs_already_is_no_error(bench: Bench) -> None:
    container_id = await bench.create("import time; time.sleep(60)")
    await bench.backend.start(container_id)
    await bench.backend.start(container_id)
    assert not bench.backend.watch(container_id).done()


async def test_waiting_for_the_end_can_be_given_up(bench: Bench) -> None:
    container_id = await bench.create("import time; time.sleep(60)")
    future = bench.backend.watch(container_id)
    await bench.backend.start(container_id)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.wrap_future(future), 0.01)
    assert not future.done()  # somebody else may wait for it, too
    await bench.backend.signal(container_id, signal.SIGKILL)
    assert (await asyncio.wait_for(asyncio.wrap_future(future), TIMEOUT)).exit_code == 137


async def test_removal_ends_the_run(bench: Bench) -> None:
    container_id = await bench.create("import time; time.sleep(60)")
    future = bench.backend.watch(container_id)
    await bench.backend.start(container_id)
    await bench.backend.remove(container_id)
    exited = await asyncio.wait_for(asyncio.wrap_future(future), TIMEOUT)
    assert exited.lost or exited.exit_code == 137


async def test_removal_of_what_never_ran(bench: Bench) -> None:
    container_id = await bench.create()
    future = bench.backend.watch(container_id)
    await bench.backend.remove(container_id)
    assert (await asyncio.wait_for(asyncio.wrap_future(future), TIMEOUT)).lost


async def test_watch_of_what_is_gone(bench: Bench) -> None:
    assert (await ended(bench, GONE)).lost


async def test_futures_belong_to_no_loop(bench: Bench) -> None:
    """jupyter_client's blocking managers make a new loop at will."""
    container_id = await bench.create("import time; time.sleep(60)")
    future = bench.backend.watch(container_id)
    await bench.backend.start(container_id)

    async def elsewhere() -> int:
        await bench.backend.signal(container_id, signal.SIGKILL)
        return (await asyncio.wrap_future(future)).exit_code

    code = await asyncio.to_thread(lambda: asyncio.run(asyncio.wait_for(elsewhere(), TIMEOUT)))
    assert code == 137
    assert future.result().exit_code == 137


# -- signals -----------------------------------------------------------------------------------

PARENT_AND_CHILD = """
import signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", '''
import signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(9))
open(sys.argv[1], "w").write("child")
signal.pause()
''', sys.argv[1]])
got = []
signal.signal(signal.SIGINT, lambda *_: got.append(1))
open(sys.argv[2], "w").write("parent")
sys.exit(child.wait() + len(got))
"""


async def test_interrupt_reaches_the_process_and_its_child(bench: Bench) -> None:
    child, parent = bench.pipe(), bench.pipe()
    spec = await bench.spec(
        "python3", "-c", PARENT_AND_CHILD, str(child), str(parent), mounts=bench.mounts
    )
    container_id = await bench.backend.create(spec)
    future = bench.backend.watch(container_id)
    await bench.backend.start(container_id)
    assert await asyncio.gather(child.read(), parent.read()) == ["child", "parent"]
    await bench.backend.signal(container_id, signal.SIGINT)
    assert (await asyncio.wait_for(asyncio.wrap_future(future), TIMEOUT)).exit_code == 9 + 1


async def test_kill(bench: Bench) -> None:
    container_id = await bench.create("import time; time.sleep(60)")
    future = bench.backend.watch(container_id)
    await bench.backend.start(container_id)
    await bench.backend.signal(container_id, signal.SIGKILL)
    exited = await asyncio.wait_for(asyncio.wrap_future(future), TIMEOUT)
    assert exited == ContainerExit(137)


async def test_signal_to_what_has_ended_is_no_error(bench: Bench) -> None:
    container_id = await bench.create()
    await bench.backend.signal(container_id, signal.SIGTERM)
    await run_to_end(bench, container_id)
    await bench.backend.signal(container_id, signal.SIGTERM)
    await bench.backend.remove(container_id)
    await bench.backend.signal(container_id, signal.SIGTERM)


# -- removal -----------------------------------------------------------------------------------


async def test_remove_is_confirmed_and_may_be_repeated(bench: Bench) -> None:
    container_id = await bench.create("import time; time.sleep(60)")
    await bench.backend.start(container_id)
    await asyncio.gather(*(bench.backend.remove(container_id) for _ in range(4)))
    assert await bench.listed() == []
    await bench.backend.remove(container_id)
    with pytest.raises(ContainerNotFoundError):
        await bench.backend.start(container_id)


async def test_remove_by_name(bench: Bench) -> None:
    """For a creation whose answer was lost, the name is all that is known."""
    spec = await bench.python("pass")
    await bench.backend.create(spec)
    await bench.backend.remove(spec.name)
    assert await bench.listed() == []


# -- run to the end ----------------------------------------------------------------------------


async def test_run_returns_code_and_standard_output(bench: Bench) -> None:
    spec = await bench.python("import sys; print('answer'); print('noise', file=sys.stderr)")
    assert await bench.backend.run(spec, timeout=TIMEOUT) == (0, "answer\n")
    assert await bench.listed() == []


async def test_run_with_endless_output_keeps_its_end(bench: Bench) -> None:
    spec = await bench.python("for i in range(150_000): print(f'{i:9}')")
    code, output = await bench.backend.run(spec, timeout=TIMEOUT)
    assert code == 0
    assert output.endswith("   149999\n")
    assert len(output) <= 1024 * 1024


async def test_run_that_takes_too_long_leaves_nothing(bench: Bench) -> None:
    spec = await bench.python("import time; time.sleep(60)")
    with pytest.raises(KernelTimeoutError, match=r"0\.5 seconds"):
        await bench.backend.run(spec, timeout=0.5)
    assert await bench.listed() == []


async def test_run_that_is_cancelled_leaves_nothing(bench: Bench) -> None:
    runs = bench.pipe()
    spec = await bench.python(
        f"import time; open({str(runs)!r}, 'w').close(); time.sleep(60)", mounts=bench.mounts
    )
    task = asyncio.ensure_future(bench.backend.run(spec, timeout=TIMEOUT))
    await runs.read()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await bench.listed() == []


# -- GPUs --------------------------------------------------------------------------------------


async def test_container_without_gpus_has_none(bench: Bench) -> None:
    container_id = await bench.create("import time; time.sleep(60)")
    await bench.backend.start(container_id)
    await bench.backend.verify_gpus(container_id, ())
    with pytest.raises(GpuVanishedError):
        await bench.backend.verify_gpus(container_id, (0, 3))
