"""The gate on a memory engine: what users have, images as the engine knows them, time limits."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.errors import GpusBusyError, PolicyError
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import GpuRequest
from jupyter_gpu_containers.model.image.image import ImageKernel, ImageReference
from jupyter_gpu_containers.model.image.pattern import ImagePattern
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerSpec
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import Launch, LaunchRequest, Phase, PhaseTime
from jupyter_gpu_containers.model.policy import ADMINISTRATOR, Rules, Show
from jupyter_gpu_containers.model.queue import Ticket
from jupyter_gpu_containers.service.gpu.usage import GpuState, gpu_usage
from jupyter_gpu_containers.service.kernel.claims import Claims, Scene
from jupyter_gpu_containers.service.launch.run_time import RunTimes
from jupyter_gpu_containers.service.policy import Gate
from jupyter_gpu_containers.service.queue.forecast import Forecast
from jupyter_gpu_containers.service.recovery.signing import Signer
from jupyter_gpu_containers.service.sight import Sight
from tests.service.launch_desk import IMAGE, Desk

SIGNER = Signer(b"k" * 32)
HERE = DEMO_IMAGES[0]


def environment(**changes: object) -> Environment:
    kernel = ImageKernel("python3", "Python", "python", ("python3", "{connection_file}"))
    made = Environment("torch", "Torch", IMAGE, HERE.id, kernel, gpus=1)
    return replace(made, **changes)  # type: ignore[arg-type]


def patterns(*texts: str) -> tuple[ImagePattern, ...]:
    return tuple(map(ImagePattern.parse, texts))


async def contain(
    backend: MemoryBackend, *, user: str = "ada", gpus: tuple[str, ...] = (), **texts: str
) -> str:
    """Create a container of a kernel; return its id."""
    signer = SIGNER if texts.pop("signed", "yes") == "yes" else Signer(b"x" * 32)
    about = {"kernel_id": f"k-{time.monotonic_ns()}", "owner": "me", "purpose": "kernel"} | texts
    spec = ContainerSpec(
        image=HERE.id,
        command=("sleep", "1000"),
        name=f"c-{time.monotonic_ns()}",
        user="0:0",
        working_dir="/",
        labels=labels.make_labels(user=user, gpus=gpus, **about),  # type: ignore[arg-type]
        gpus=gpus,
    )
    return await backend.create(SIGNER.signed(spec) if signer is SIGNER else signer.signed(spec))


def gate(backend: MemoryBackend, **rules: object) -> Gate:
    made = Rules(ADMINISTRATOR, **rules)  # type: ignore[arg-type]
    return Gate([made], backend, user="ada", signer=SIGNER)


async def refusal(gate: Gate, kernel_id: str = "new", gpus: int = 1, **options: str) -> str | None:
    """Return the code with which a start is refused; None where it is not."""
    try:
        await gate.check_start(kernel_id, environment(gpus=gpus), GpuRequest(gpus), **options)
    except PolicyError as exc:
        return exc.error_code
    return None


async def test_only_a_users_own_kernels_count() -> None:
    backend = MemoryBackend()
    rules = gate(backend, max_kernels_per_user=2, max_gpus_per_user=2)
    await contain(backend, user="bob", gpus=("G0", "G1"))
    await contain(backend, gpus=("G2", "G3"), signed="no")  # somebody says that it is ada's
    await contain(backend, purpose="probe")
    assert await refusal(rules, gpus=2) is None
    mine = await contain(backend, gpus=("G4",))
    assert await refusal(rules, gpus=2) == "policy_gpus"
    assert await refusal(rules, gpus=2, replaced=mine) is None
    assert await refusal(rules, gpus=1) is None
    await contain(backend)
    assert await refusal(rules, gpus=0) == "policy_kernels"


async def test_starts_that_have_no_container_yet_count() -> None:
    backend = MemoryBackend()
    rules = gate(backend, max_gpus_per_user=2)
    one, two = environment(gpus=1), environment(gpus=2)
    async with rules.admitted("a", one, GpuRequest(1)):
        assert await refusal(rules, "b", 2) == "policy_gpus"
        assert await refusal(rules, "a", 2) is None  # itself does not
        async with rules.admitted("b", one, GpuRequest(1)):
            assert await refusal(rules, "c", 1) == "policy_gpus"
            with pytest.raises(PolicyError):
                async with rules.admitted("c", one, GpuRequest(1)):
                    raise AssertionError
    async with rules.admitted("d", two, GpuRequest(2)):
        pass
    assert await refusal(rules, "e", 2) is None


async def test_of_many_at_once_no_more_start_than_may() -> None:
    backend = MemoryBackend()
    rules = gate(backend, max_kernels_per_user=3)
    inside, most = 0, 0
    everybody = asyncio.Barrier(20) if hasattr(asyncio, "Barrier") else None

    async def start(number: int) -> bool:
        nonlocal inside, most
        if everybody is not None:
            await everybody.wait()
        try:
            async with rules.admitted(f"k{number}", environment(), GpuRequest(1)) as admission:
                inside, most = inside + 1, max(most, inside + 1)
                container = await contain(backend, kernel_id=f"k{number}")
                await admission.confirm(container)
        except PolicyError:
            return False
        return True

    started = await asyncio.gather(*map(start, range(20)))
    assert sum(started) == most == 3


async def test_another_server_that_was_as_fast_is_seen_afterwards() -> None:
    backend = MemoryBackend()
    here, there = (gate(backend, max_gpus_per_user=1) for _ in range(2))
    async with (
        here.admitted("a", environment(), GpuRequest(1)) as mine,
        there.admitted("b", environment(), GpuRequest(1)) as theirs,
    ):
        first = await contain(backend, kernel_id="a", gpus=("G0",))
        await mine.confirm(first)
        second = await contain(backend, kernel_id="b", gpus=("G1",))
        with pytest.raises(PolicyError) as caught:
            await theirs.confirm(second)
    assert caught.value.error_code == "policy_gpus"


async def test_the_engine_is_asked_what_an_image_is_not_the_kernelspec() -> None:
    backend = MemoryBackend()
    rules = gate(backend, allowed_images=patterns("quay.io/*"))
    edited = environment(reference="quay.io/team/x:1")
    with pytest.raises(PolicyError) as caught:
        await rules.check_start("k", edited, GpuRequest(1))
    assert caught.value.error_code == "policy_image"
    assert HERE.references[0] in caught.value.message
    named = environment(image_id="quay.io/team/x:1")
    with pytest.raises(PolicyError, match="another way than by its id"):
        await rules.check_start("k", named, GpuRequest(1))
    allowed = gate(backend, allowed_images=patterns(HERE.references[0].partition(":")[0]))
    await allowed.check_start("k", edited, GpuRequest(1))


async def test_an_image_is_allowed_by_its_digest_on_the_engine() -> None:
    backend = MemoryBackend()
    (digest,) = HERE.repo_digests
    await gate(backend, allowed_images=patterns(digest)).check_start(
        "k", environment(), GpuRequest(1)
    )
    denied = gate(backend, denied_images=patterns(digest))
    assert await refusal(denied) == "policy_image"


async def test_a_name_makes_no_image_allowed() -> None:
    backend = MemoryBackend()
    rules = gate(backend, allowed_images=patterns("reg.lan/team/*"))
    with pytest.raises(PolicyError, match="allowed_images"):
        await rules.check_tag(IMAGE, "reg.lan/team/x:1")
    with pytest.raises(PolicyError, match="elsewhere/x"):
        await gate(backend, allowed_registries=("docker.io",)).check_tag(IMAGE, "q.io/elsewhere/x")


def test_the_images_that_a_dockerfile_takes() -> None:
    rules = gate(MemoryBackend(), allowed_images=patterns("ubuntu"))
    rules.check_bases("FROM ubuntu:24.04\nRUN true")
    for dockerfile in ("FROM evil/x", "FROM ubuntu\nCOPY --from=evil/x / /", "FROM $WHAT"):
        with pytest.raises(PolicyError) as caught:
            rules.check_bases(dockerfile)
        assert caught.value.error_code == "policy_image"
    Gate().check_bases("FROM $WHAT")


async def test_a_kernel_is_carried_only_into_images_that_are_known() -> None:
    backend = MemoryBackend()
    carried = environment(kernel=replace(environment().kernel, runtime="cp311-manylinux-amd64"))
    rules = [Rules(ADMINISTRATOR, carry_into_unknown_images=False)]
    for known, code in (((IMAGE,), None), (("nvcr.io/nvidia/other:1",), "policy_carry")):
        made = Gate(rules, backend, known=lambda known=known: known)  # type: ignore[misc]
        image = await backend.image(HERE.id)
        found = made.carry_refusal(image)
        assert (found and found.error_code) == code
        try:
            await made.check_start("k", carried, GpuRequest(1))
        except PolicyError as exc:
            assert exc.error_code == code  # noqa: PT017
        else:
            assert code is None
        await made.check_start("k", environment(), GpuRequest(1))  # has its own kernel


async def test_without_rules_nobody_is_asked_anything() -> None:
    async with Gate().admitted("k", environment(gpus=99), GpuRequest(99)) as admission:
        await admission.confirm("c")  # there is no engine to ask
    Gate().check_reference(ImageReference.parse("evil/x"))


# --- who sees what --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("show", "words"),
    [
        (Show.ALL, ["mine.ipynb (ada)", "theirs.ipynb (bob)", "forged.ipynb (ada)"]),
        (Show.COUNTS, ["mine.ipynb (ada)", "2 kernels of other users"]),
        (Show.NONE, ["mine.ipynb (ada)"]),
    ],
)
async def test_what_is_said_of_who_has_the_gpus(show: Show, words: list[str]) -> None:
    backend = MemoryBackend()
    inventory = FixedInventory([{"count": 3}])
    gpus = [gpu.uuid for gpu in (await inventory.snapshot()).gpus]
    await contain(backend, gpus=(gpus[0],), notebook="mine.ipynb")
    await contain(backend, user="bob", gpus=(gpus[1],), notebook="theirs.ipynb")
    await contain(backend, gpus=(gpus[2],), notebook="forged.ipynb", signed="no")
    sight = Sight(show, "ada", SIGNER)
    claims = Claims(backend, inventory, sight=sight)
    holders = tuple(await backend.containers(labels.VERSION))
    scene = Scene(holders, await inventory.snapshot())
    with pytest.raises(GpusBusyError) as caught:
        claims.choose(scene, GpuRequest(1))
    for word in ("mine.ipynb", "theirs.ipynb", "forged.ipynb", "bob"):
        assert (word in caught.value.message) is any(word in told for told in words)
    assert sorted(sight.words(holders)) == sorted(words)
    usage = await gpu_usage(inventory, backend, "me", sight=sight)
    assert [use.state for use in usage.uses] == [GpuState.CLAIMED] * 3  # however little is told
    told = [holder.notebook for use in usage.uses for holder in use.holders]
    assert sorted(filter(None, told)) == sorted(w.partition(" ")[0] for w in words if "nb" in w)
    assert len(told) == {Show.ALL: 3, Show.COUNTS: 3, Show.NONE: 1}[show]


# --- run time -------------------------------------------------------------------------------------


async def test_a_kernel_is_warned_and_then_stopped_with_the_reason(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    RunTimes(0.5, ADMINISTRATOR, desk.launches._kernels, desk.launches)
    launch = desk.launches.submit(LaunchRequest(image=IMAGE))
    await desk.reached(launch.id, Phase.RUNNING)
    began = time.monotonic()
    ended = await desk.reached(launch.id, Phase.CANCELLED)
    assert time.monotonic() - began >= 0.4
    assert ended.error is not None
    assert ended.error.code == "policy_run_time"
    assert ended.error.message == (
        "The kernel was stopped: the administrator allows a kernel to run for 0.5 seconds "
        "(c.GpuContainers.max_run_time)."
    )
    warned = [seen for seen in desk.seen if seen.phase is Phase.RUNNING and seen.warnings]
    assert [problem.code for problem in warned[0].warnings] == ["run_time_ends"]


async def test_a_kernel_that_ended_before_is_left_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    times = RunTimes(60, ADMINISTRATOR, desk.launches._kernels, desk.launches)
    launch = desk.launches.submit(LaunchRequest(image=IMAGE))
    await desk.reached(launch.id, Phase.RUNNING)
    timers = times._timers[launch.id]
    assert len(timers) == 2
    await desk.launches.cancel(launch.id)
    assert times._timers == {}
    assert all(timer.cancelled() for timer in timers)  # type: ignore[attr-defined]


async def test_time_goes_on_while_the_server_is_away_and_over_restarts(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    times = RunTimes(1000, ADMINISTRATOR, desk.launches._kernels, desk.launches)
    loop = asyncio.get_running_loop()
    began = (PhaseTime(Phase.RUNNING, time.time() - 700),)
    desk.launches.recover(Launch("k", kernel_id="k", phases=began))
    warning, end = times._timers["k"]
    assert warning.when() - loop.time() == pytest.approx(200, abs=5)  # type: ignore[attr-defined]
    assert end.when() - loop.time() == pytest.approx(300, abs=5)  # type: ignore[attr-defined]
    desk.launches.advance("k", Phase.STARTING)
    desk.launches.advance("k", Phase.RUNNING)
    assert times._timers["k"] == [warning, end]
    desk.launches.end("k")


@pytest.mark.parametrize(
    ("ago", "owner", "estimate"),
    [(0.0, "me", 1060), (400.0, "me", 660), (0.0, "somebody else", None)],
)
async def test_how_long_somebody_waits_at_most(
    ago: float, owner: str, estimate: float | None
) -> None:
    backend = MemoryBackend()
    inventory = FixedInventory([{"count": 1}])
    snapshot = await inventory.snapshot()
    await contain(backend, gpus=(snapshot.gpus[0].uuid,), owner=owner)
    now = time.time()
    holders = tuple(
        replace(container, created=now - ago)
        for container in await backend.containers(labels.VERSION)
    )
    waiting = [Ticket(str(n), "ada", GpuRequest(1), now, n, n) for n in range(2)]
    forecast = Forecast(1000, 60, "me", SIGNER)
    claims = Claims(backend, inventory)
    starts = forecast.starts(claims.slots, Scene(holders, snapshot), waiting)
    if estimate is None:
        assert starts == {}
    else:
        assert starts["0"] - now == pytest.approx(estimate, abs=5)
        assert starts["1"] - starts["0"] == pytest.approx(1060)


async def test_a_launch_is_refused_before_anything_happens(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.launches._gate = gate(desk.backend, max_gpus_per_kernel=1)
    with pytest.raises(PolicyError) as caught:
        desk.launches.submit(LaunchRequest(image=IMAGE, gpus=2))
    assert caught.value.error_code == "policy_gpus"
    uuids = tuple(g.uuid for g in (await FixedInventory([{"count": 2}]).snapshot()).gpus)
    with pytest.raises(PolicyError):
        desk.launches.submit(LaunchRequest(image=IMAGE, gpu_uuids=uuids))
    assert desk.launches.list() == []
