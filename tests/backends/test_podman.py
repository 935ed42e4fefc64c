"""What Podman does otherwise, and how that is made up for; the rest is in test_contract.py."""

from __future__ import annotations

import asyncio
import signal

import pytest

from jupyter_gpu_containers.errors import ImageInUseError, ImageNotFoundError
from jupyter_gpu_containers.model.kernel.container import ContainerStatus
from tests.backends.conftest import Bench
from tests.podman import CATATONIT, TINI, PrivatePodman

pytestmark = [pytest.mark.engine, pytest.mark.root]

PARENT_AND_CHILD = """
import signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", '''
import signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(9))
open(sys.argv[1], "w").write("child")
open(sys.argv[2]).read()
''', sys.argv[1], sys.argv[2]])
signal.signal(signal.SIGINT, lambda *_: open(sys.argv[3], "w").close())
sys.exit(child.wait())
"""


async def test_an_image_is_not_forced_away_from_its_containers(podman: Bench) -> None:
    """Podman itself would kill and remove them: a kernel, and with it a GPU's claim."""
    running, created = await podman.create("import time; time.sleep(60)"), await podman.create()
    await podman.backend.start(running)
    for name in (podman.reference, await podman.image_id()):
        with pytest.raises(ImageInUseError, match=r"the container [0-9a-f]{12} uses it") as caught:
            await podman.backend.remove_image(name, force=True)
        assert caught.value.hint == "Remove the container first."
    assert {c.id: c.status for c in await podman.listed()} == {
        running: ContainerStatus.RUNNING,
        created: ContainerStatus.CREATED,
    }
    assert (await podman.backend.image(podman.reference)).id == await podman.image_id()


async def test_a_name_that_others_share_may_go(podman: Bench) -> None:
    running = await podman.create("import time; time.sleep(60)")
    await podman.backend.start(running)
    name = podman.name()
    await podman.backend.tag(podman.reference, name)
    assert await podman.backend.remove_image(name, force=True) == [name]
    assert [c.status for c in await podman.listed()] == [ContainerStatus.RUNNING]


async def test_push_of_what_is_not_here(podman: Bench) -> None:
    with pytest.raises(ImageNotFoundError):
        await podman.backend.push("localhost:1/nothing:1")


async def test_what_it_leaves_out_is_told(podman: Bench) -> None:
    """`doctor` puts it into words."""
    info = await podman.backend.info()
    assert info.name == "Podman Engine"
    assert info.details["degraded"] == "group_signals,log_size,device_requests,forced_removal"
    assert info.cdi_devices is None


async def test_limits_that_it_would_raise_by_itself(podman: Bench) -> None:
    """It sets 1048576 open files and processes, also where it may not raise them."""
    code, output = await podman.backend.run(
        await podman.python(
            "import resource as r\n"
            "print(*r.getrlimit(r.RLIMIT_NOFILE), *r.getrlimit(r.RLIMIT_CORE))"
        ),
        timeout=30,
    )
    assert code == 0
    soft, hard, *core = map(int, output.split())
    assert core == [0, 0]
    told = (await podman.backend.info()).details
    if "nofile" in told.get("limits_left_out", ""):
        assert told["own_limits"].startswith(f"nofile={hard},nproc=")
    else:
        assert (soft, hard) == (65536, 65536)


async def test_its_own_init_interrupts_the_kernel_alone(
    podman: Bench, podman_engine: PrivatePodman
) -> None:
    """What ``group_signals`` says; with tini, as in the other tests, the child is interrupted."""
    podman_engine.init = CATATONIT
    await asyncio.to_thread(podman_engine.restart)
    try:
        child, go, parent = podman.pipe(), podman.pipe(), podman.pipe()
        spec = await podman.spec(
            *("python3", "-c", PARENT_AND_CHILD, str(child), str(go), str(parent)),
            mounts=podman.mounts,
        )
        container_id = await podman.backend.create(spec)
        end = asyncio.wrap_future(podman.backend.watch(container_id))
        await podman.backend.start(container_id)
        assert await child.read() == "child"
        await podman.backend.signal(container_id, signal.SIGINT)
        await parent.read()
        await go.write()
        assert (await asyncio.wait_for(end, 30)).exit_code == 0  # not 9: the child heard nothing
    finally:
        podman_engine.init = TINI
        await asyncio.to_thread(podman_engine.restart)


async def test_containers_outlive_the_service(podman: Bench, podman_engine: PrivatePodman) -> None:
    """It is no daemon: unknown is not gone, and what ran while it was away runs on."""
    go = podman.pipe()
    container_id = await podman.create(
        f"import sys; sys.exit(int(open({str(go)!r}).read()))", mounts=podman.mounts
    )
    end = asyncio.wrap_future(podman.backend.watch(container_id))
    await podman.backend.start(container_id)
    await asyncio.to_thread(podman_engine.kill)
    await asyncio.to_thread(podman_engine.start)
    assert [c.status for c in await podman.listed()] == [ContainerStatus.RUNNING]
    assert not end.done()
    await go.write("7")
    exited = await asyncio.wait_for(end, 30)
    assert (exited.exit_code, exited.engine_restarted, exited.lost) == (7, False, False)
