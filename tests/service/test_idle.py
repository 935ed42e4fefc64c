"""Idle kernels of a server: what is looked at, who may cancel until when, stops that fail."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from jupyter_gpu_containers.errors import KernelNotRunningError, LaunchNotFoundError
from jupyter_gpu_containers.model.gpu.device import GpuProcess, GpuSnapshot
from jupyter_gpu_containers.model.kernel.idle import IdleLimit, IdleRules
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.service.launch.door import Activity
from tests.service.idle_server import AWAY, GPU, KERNEL, RULES, Kernel, Server


async def test_warned_and_stopped_with_the_reason() -> None:
    server = Server()
    server.start()
    await server.go(90)
    assert server.launch().idle is None
    await server.go(10)
    idle = server.launch().idle
    assert idle is not None
    assert (server.wall - idle.since, idle.stop_at - server.wall) == (100.0, 30.0)
    await server.go(20)
    assert server.stopped == []
    assert server.launch().idle == idle  # and it was told once
    assert sum(launch.idle == idle for launch in server.seen) == 1
    await server.go(10)
    assert server.stopped == [KERNEL]
    ended = server.launch()
    assert (ended.phase, ended.idle) == (Phase.CANCELLED, None)
    assert ended.error is not None
    assert ended.error.code == "culled"
    assert "nothing ran in it for 2 minutes and its GPU was idle (at most 5 % used)" in (
        ended.error.message
    )


@pytest.mark.parametrize(
    ("gpus", "stays"),
    [
        (GpuSnapshot((GPU,)), False),
        (GpuSnapshot((replace(GPU, utilization=6),)), True),
        (GpuSnapshot((replace(GPU, utilization=None, processes=(GpuProcess(1),)),)), True),
        (GpuSnapshot((replace(GPU, utilization=None, processes_known=False),)), True),
        (GpuSnapshot((replace(GPU, utilization=None),)), False),
        (GpuSnapshot((GPU,), stale=True), True),
        (GpuSnapshot((replace(GPU, uuid="GPU-other"),)), True),
        (AWAY, True),
    ],
    ids=["idle", "works", "mig used", "mig unknown", "mig idle", "slow driver", "gone", "away"],
)
async def test_gpus_keep_a_silent_kernel_alive(gpus: GpuSnapshot, stays: bool) -> None:
    server = Server()
    server.start()
    server.gpus = gpus
    await server.go(1000)
    assert (server.stopped == []) is stays
    if stays:
        assert server.launch().idle is None
        server.gpus = GpuSnapshot((GPU,))
        await server.go(90)
        assert server.launch().idle is None
        await server.go(10 + 30)
        assert server.stopped == [KERNEL]


async def test_the_gpus_are_asked_once_for_all_and_not_for_cells_or_cpus() -> None:
    server = Server()
    asked: list[float] = []
    server.before_snapshot = lambda: asked.append(server.now)
    for kernel_id in ("a", "b", "c"):
        server.start(kernel_id)
    server.start("cpu", gpus=(), own=50.0)
    await server.go(40)
    assert len(asked) == 4
    for kernel_id in ("a", "b", "c"):
        server.execute(kernel_id)
    await server.go(30)
    assert len(asked) == 4
    assert server.launch("cpu").idle is not None


@pytest.mark.parametrize("what", ["execute", "keep alive", "output", "gpu", "restart"])
async def test_use_withdraws_the_warning_and_all_begins_anew(what: str) -> None:
    server = Server()
    kernel = server.start()
    await server.go(110)
    assert server.launch().idle is not None
    if what == "execute":
        server.execute()
        kernel.finish()
        server.hear(kernel)
        assert server.launch().idle is None  # at once
    elif what == "keep alive":
        kept = server.idle.keep_alive(KERNEL)
        assert (kept.phase, kept.idle) == (Phase.RUNNING, None)
    elif what == "restart":
        server.book.advance(KERNEL, Phase.STARTING)
        assert server.launch().idle is None
        server.book.advance(KERNEL, Phase.RUNNING)
    elif what == "output":
        kernel.last = server.wall
        await server.idle.look()
    else:
        server.gpus = GpuSnapshot((replace(GPU, utilization=50),))
        await server.idle.look()
        server.gpus = GpuSnapshot((GPU,))
    assert server.launch().idle is None
    await server.go(90)
    assert server.launch().idle is None
    await server.go(10)
    assert server.launch().idle is not None
    await server.go(20)
    assert server.stopped == []
    await server.go(10)
    assert server.stopped == [KERNEL]


@pytest.mark.parametrize("when", ["gpus", "question"])
async def test_a_cell_in_the_middle_of_the_last_look_cancels_the_stop(when: str) -> None:
    """Whatever the look waits for then: what it found before is not believed."""
    server = Server()
    kernel = server.start()
    kernel.by_itself = when == "gpus"
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    await asyncio.gather(server.go(100), answer(server, 100))
    assert server.launch().idle is not None
    server.now += 30
    if when == "gpus":
        server.before_snapshot = lambda: gate
    look = asyncio.ensure_future(server.idle.look())
    await server.rest()
    assert not look.done()
    server.execute()
    gate.set_result(None)
    if when == "question":
        kernel.work()  # the question came before the cell: it is answered
    await look
    assert server.launch().idle is None
    assert server.launch().error is None
    assert server.stopped == []


async def answer(server: Server, seconds: float) -> None:
    """Work on what a kernel is asked that does not do so by itself."""
    end = server.now + seconds
    while server.now < end or server.kernels[KERNEL].queue:
        await asyncio.sleep(0)
        server.kernels[KERNEL].work()
        if server.launch().idle is not None:
            return


async def test_a_kernel_that_does_not_answer_is_in_use() -> None:
    """Jupyter believes that nothing runs: the message that said so was lost."""
    server = Server()
    kernel = server.start()
    kernel.answers = False
    await server.go(1000)
    assert server.launch().idle is None
    kernel.answers = True
    await server.go(200)
    assert server.stopped == [KERNEL]


async def test_a_machine_that_slept_gets_a_whole_warning() -> None:
    server = Server()
    server.start()
    await server.go(120)
    before = server.launch().idle
    assert before is not None
    server.slept += 8 * 3600
    await server.go(10)
    again = server.launch().idle
    assert again is not None
    assert again.stop_at == server.wall + 30
    assert again.stop_at - before.stop_at > 8 * 3600
    await server.go(20)
    assert server.stopped == []
    await server.go(10)
    assert server.stopped == [KERNEL]


async def test_a_server_that_stood_still_gives_a_whole_warning() -> None:
    """SIGSTOP, or a loop that is blocked: nobody could be warned, and nobody could answer."""
    server = Server()
    server.start()
    await server.go(110)
    assert server.launch().idle is not None
    server.now += 3600
    await server.idle.look()
    await server.go(20)
    assert server.stopped == []
    await server.go(10)
    assert server.stopped == [KERNEL]


@pytest.mark.parametrize("step", [-7200.0, 60.0])
async def test_a_clock_on_the_wall_that_is_set_ends_no_kernel_early(step: float) -> None:
    server = Server()
    kernel = server.start()
    await server.go(50)
    server.slept += step
    await server.go(40)
    assert server.launch().idle is None
    await server.go(10)
    idle = server.launch().idle
    assert idle is not None
    assert idle.stop_at == server.wall + 30
    server.slept += 60
    await server.go(10)
    moved = server.launch().idle
    assert moved is not None
    assert moved.stop_at == server.wall + 20  # said anew, and no later
    kernel.last = server.wall - 5
    await server.idle.look()
    assert server.launch().idle is None


async def test_a_stop_that_fails_is_tried_again_after_another_warning() -> None:
    server = Server()
    kernel = server.start()
    kernel.stops = False
    await server.go(130)
    running = server.launch()
    assert (running.phase, running.error, running.idle) == (Phase.RUNNING, None, None)
    kernel.stops = True
    await server.go(120)
    assert server.stopped == []
    await server.go(10)
    assert server.stopped == [KERNEL]


async def test_who_comes_too_late_is_told_so() -> None:
    server = Server()
    server.start()
    await server.go(120)
    server.now += 10
    await server.idle.look()  # the stop has begun, and has not gone on yet
    assert server.launch().phase is Phase.RUNNING
    with pytest.raises(KernelNotRunningError, match="is being stopped: it was idle"):
        server.idle.keep_alive(KERNEL)
    server.idle.used(KERNEL)
    await server.rest()
    assert server.stopped == [KERNEL]
    with pytest.raises(KernelNotRunningError, match="does not run"):
        server.idle.keep_alive(KERNEL)
    with pytest.raises(LaunchNotFoundError):
        server.idle.keep_alive("unknown")


async def test_a_kernel_that_was_taken_over_gets_all_its_time() -> None:
    """And while it is being found nobody knows what it does."""
    server = Server()
    launch = Launch(KERNEL, kernel_id=KERNEL, gpus=("GPU-a",)).advance(Phase.RUNNING, 1.0)
    server.book._put(replace(launch, recovered=True))
    assert server.idle.pause() == 1.0  # it asks again, although no limit is known
    server.activity = lambda _: Activity(busy=False, last=0.0)  # type: ignore[method-assign]
    await server.go(500)
    assert server.launch().idle is None
    del server.activity  # type: ignore[method-assign]
    server.kernels[KERNEL] = Kernel(last=server.wall)
    server.own[KERNEL] = None
    await server.go(90)
    assert server.launch().idle is None
    await server.go(30)
    assert server.launch().idle is not None
    assert server.stopped == []
    await server.go(10)
    assert server.stopped == [KERNEL]


async def test_a_program_without_a_server_stops_nothing() -> None:
    server = Server()
    server.book.door = None
    server.start()
    assert server.idle.pause() is None
    await server.go(1000)
    assert server.launch().idle is None
    assert server.idle.keep_alive(KERNEL).phase is Phase.RUNNING


async def test_environments_and_limits() -> None:
    rules = replace(RULES, limits=((IdleLimit(200.0, 30.0), "the administrator"),))
    server = Server(rules)
    server.start("default")
    server.start("own", own=50.0)
    server.start("never", own=0.0)
    server.start("cpu", gpus=())
    server.start("cpu own", gpus=(), own=50.0)
    ends: dict[str, float] = {}
    begun = server.now
    server.book.on_change(
        lambda launch: (
            ends.setdefault(launch.id, server.now - begun)
            if launch.phase is Phase.CANCELLED
            else None
        )
    )
    await server.go(2000)
    assert ends == {"default": 130.0, "own": 80.0, "never": 230.0, "cpu own": 80.0}
    error = server.launch("never").error
    assert error is not None
    assert "the administrator allows 200 seconds (c.GpuContainers.max_idle_time)" in error.message


async def test_looks_come_when_something_is_due() -> None:
    server = Server(IdleRules(timeout=4000.0, warning=600.0))
    assert server.idle.pause() is None
    server.start()
    assert server.idle.pause() == 30.0
    await server.go(3990, 30)
    assert server.idle.pause() == 10.0
    await server.go(10)
    assert server.launch().idle is not None
    await server.go(590, 30)
    assert server.idle.pause() == 10.0
    server.execute()
    assert server.idle.pause() == 30.0


async def test_without_limits_nothing_is_asked() -> None:
    server = Server(IdleRules())
    server.start()
    server.before_snapshot = lambda: pytest.fail("asked")
    await server.go(10_000, 100)
    assert server.idle.pause() is None


async def test_a_bug_in_one_look_does_not_end_the_watch() -> None:
    server = Server(IdleRules(timeout=100.0, warning=0.1))
    failed = asyncio.Event()

    def fail() -> None:
        failed.set()
        raise ZeroDivisionError

    server.before_snapshot = fail
    watch = asyncio.ensure_future(server.idle.run())
    await server.rest()
    server.start()
    await asyncio.wait_for(failed.wait(), 10)
    warned = asyncio.Event()
    server.book.on_change(lambda launch: warned.set() if launch.idle else None)
    server.before_snapshot = lambda: None
    server.now += 100
    await asyncio.wait_for(warned.wait(), 10)
    watch.cancel()
    await asyncio.wait({watch})
