"""What becomes of a container: by its signature, its owner, its server and its state."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend, MemoryStore
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.errors import EngineError, EngineUnreachableError, GpusBusyError
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuRequest, Problem
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container, ContainerSpec, ContainerStatus
from jupyter_gpu_containers.model.kernel.spare import SPARE
from jupyter_gpu_containers.service.kernel.claims import Claims
from jupyter_gpu_containers.service.kernel.owner import Owner
from jupyter_gpu_containers.service.recovery import reconcile, server_id
from jupyter_gpu_containers.service.recovery.reconcile import Fate, Reconciler
from jupyter_gpu_containers.service.recovery.server_id import ServerId, Servers
from jupyter_gpu_containers.service.recovery.signing import Signer

KEY = b"k" * 64
HERE = Owner.current()
ALIVE = str(HERE)
DEAD = str(replace(HERE, start_time="1"))
REBOOTED = str(replace(HERE, boot="before"))
ELSEWHERE = str(replace(HERE, machine="other", start_time="1"))
GRACE = 900.0
STATES = list(ContainerStatus)
RUNNING, CREATED = ContainerStatus.RUNNING, ContainerStatus.CREATED
ENDED = [ContainerStatus.EXITED, ContainerStatus.DEAD]
UNCLEAR = [ContainerStatus.PAUSED, ContainerStatus.RESTARTING, ContainerStatus.REMOVING]


class Clock:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(reconcile, "time", clock)
    monkeypatch.setattr(server_id, "time", clock)
    return clock


@pytest.fixture
def servers(tmp_path: Path, clock: Clock) -> Servers:
    return Servers(tmp_path / "servers")


@pytest.fixture
def server(servers: Servers, tmp_path: Path) -> Iterator[ServerId]:
    """A server that lives until a test closes it."""
    server = servers.take(str(tmp_path))
    assert server is not None
    yield server
    server.close()


def reconciler(servers: Servers | None = None, backend: MemoryBackend | None = None) -> Reconciler:
    backend = backend or MemoryBackend()
    return Reconciler(backend, signer=Signer(KEY), servers=servers, grace=GRACE)


def container(
    owner: str,
    status: ContainerStatus = RUNNING,
    *,
    server: str = "",
    key: bytes = KEY,
    gpus: tuple[str, ...] = (),
    purpose: str = "kernel",
) -> Container:
    text = labels.make_labels(
        purpose=purpose, owner=owner, user="ada", kernel_id="k", server=server, gpus=gpus
    )
    return Container("id", "name", status, "sha256:1", labels.signed(text, key))


# --- by purpose -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [*ENDED, CREATED])
@pytest.mark.parametrize("owner", [ALIVE, ELSEWHERE], ids=["alive", "elsewhere"])
def test_a_probe_that_could_not_be_removed(
    clock: Clock, owner: str, status: ContainerStatus
) -> None:
    one, probe = reconciler(), container(owner, status, purpose="probe")
    assert one.judge(probe) == (Fate.KEEP, None)  # it may be looked at now
    clock.now += reconcile.PROBE_TAKES
    assert one.judge(probe) == (Fate.KEEP, None)
    clock.now += 1
    assert one.judge(probe) == (Fate.REMOVE, None)
    assert one.judge(replace(probe, status=RUNNING)) == (Fate.KEEP, None)


@pytest.mark.parametrize("status", STATES)
def test_a_kernel_of_a_process_that_lives_stays_in_any_state(
    clock: Clock, status: ContainerStatus
) -> None:
    one = reconciler()
    for _ in range(2):
        assert one.judge(container(ALIVE, status)) == (Fate.KEEP, None)
        clock.now += 10 * reconcile.PROBE_TAKES


# --- by signature ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", STATES)
@pytest.mark.parametrize(
    "owner",
    [ALIVE, DEAD, REBOOTED, ELSEWHERE, "nonsense"],
    ids=["alive", "dead", "rebooted", "elsewhere", "nonsense"],
)
@pytest.mark.parametrize("key", [b"another key", None])
def test_what_we_did_not_sign_is_left_alone(
    status: ContainerStatus, owner: str, key: bytes | None
) -> None:
    found = container(owner, status, key=key or KEY)
    if key is None:
        found = replace(
            found, labels={k: v for k, v in found.labels.items() if k != labels.SIGNATURE}
        )
    one = reconciler()
    one.doomed.add(found.id)
    assert one.judge(found) == (Fate.FOREIGN, None)
    assert not one.is_abandoned(found)


async def test_a_hundred_counterfeits(tmp_path: Path) -> None:
    """None is removed, and none of their GPUs is given out."""
    store = MemoryStore()
    backend = MemoryBackend(store=store)
    inventory = FixedInventory([{"count": 101}])
    uuids = [gpu.uuid for gpu in (await inventory.snapshot()).gpus]
    genuine = Signer(KEY)
    for number, uuid in enumerate(uuids[:100]):
        text = labels.make_labels(
            purpose=("kernel", "probe")[number % 2],
            owner=(DEAD, REBOOTED, ALIVE, "x")[number % 4],
            user="ada",
            kernel_id=f"k{number}",
            gpus=[uuid],
            server=("", "s-0")[number % 3 == 0],
        )
        spec = ContainerSpec(
            DEMO_IMAGES[0].id, ("true",), f"spoof{number}", f"{os.getuid()}:0", "/", text
        )
        signed = genuine.signed(spec).labels[labels.SIGNATURE]
        forged = (
            {},  # none at all
            {labels.SIGNATURE: ""},
            {labels.SIGNATURE: "0" * 64},
            {labels.SIGNATURE: labels.signature(text, b"guessed")},
            {labels.SIGNATURE: signed, labels.GPUS: uuid, labels.NOTEBOOK: "of another container"},
        )[number % 5]
        await backend.create(replace(spec, labels={**text, **forged}))
    claims = Claims(backend, inventory, reconciler=reconciler(backend=backend), backoff=0.0)
    swept = await claims.reconcile()
    assert (len(swept.standing), swept.removed) == (100, [])

    def make(gpus: tuple[Gpu, ...], name: str) -> ContainerSpec:
        chosen = [gpu.uuid for gpu in gpus]
        text = labels.make_labels(purpose="kernel", owner=ALIVE, user="ada", gpus=chosen)
        return ContainerSpec(DEMO_IMAGES[0].id, ("true",), name, "1:1", "/", text)

    claim = await claims.claim(GpuRequest(1), make)
    assert [gpu.uuid for gpu in claim.gpus] == [uuids[100]]
    with pytest.raises(GpusBusyError):
        await claims.claim(GpuRequest(1), make)
    assert len(store.records) == 101


# --- by owner and server --------------------------------------------------------------------------


@pytest.mark.parametrize("status", STATES)
@pytest.mark.parametrize(
    "owner", [ALIVE, ELSEWHERE, "nonsense"], ids=["alive", "elsewhere", "nonsense"]
)
@pytest.mark.parametrize("named", ["", "unknown-0"])
def test_the_living_and_the_unknown_stand(
    servers: Servers, status: ContainerStatus, owner: str, named: str
) -> None:
    found = container(owner, status, server=named)
    assert reconciler(servers).judge(found) == (Fate.KEEP, None)


@pytest.mark.parametrize("status", STATES)
def test_without_a_server_the_dead_hold_nothing(servers: Servers, status: ContainerStatus) -> None:
    """papermill, jupyter console: nobody comes back for it."""
    assert reconciler(servers).judge(container(DEAD, status)) == (Fate.REMOVE, None)


def test_never_started(servers: Servers, server: ServerId) -> None:
    """Nothing is lost, and a start that comes late finds no container."""
    server.close()
    found = container(DEAD, CREATED, server=server.name)
    assert reconciler(servers).judge(found) == (Fate.REMOVE, None)


@pytest.mark.parametrize("status", [RUNNING, *ENDED, *UNCLEAR])
def test_a_living_server_drives_its_former_lifes_kernels(
    servers: Servers, server: ServerId, status: ContainerStatus
) -> None:
    """Seen from another process: also while it restarts one."""
    found = container(DEAD, status, server=server.name)
    assert reconciler(servers).judge(found) == (Fate.KEEP, None)
    assert not reconciler(servers).is_abandoned(found)


def test_a_dead_server_is_waited_for(servers: Servers, server: ServerId, clock: Clock) -> None:
    """By the time since its last beat, whoever looks and since when."""
    server.close()
    found = container(DEAD, server=server.name)
    clock.now += GRACE - 1
    assert reconciler(servers).judge(found) == (Fate.KEEP, None)
    assert reconciler(servers).is_abandoned(found)
    clock.now += 2
    assert reconciler(servers).judge(found) == (Fate.REMOVE, reconcile.NOT_RECOVERED)


def test_whether_a_server_may_return(servers: Servers, server: ServerId, clock: Clock) -> None:
    one = reconciler(servers)
    assert one.may_return(server.name)
    server.close()
    clock.now += GRACE - 1
    assert one.may_return(server.name)
    clock.now += 2
    assert not one.may_return(server.name)
    assert not one.may_return("unknown-0")
    one.server = server.name  # it is here
    assert one.may_return(server.name)


@pytest.mark.parametrize("note", ["lost", "damaged"])
def test_a_server_that_nothing_is_known_of(
    servers: Servers, server: ServerId, clock: Clock, tmp_path: Path, note: str
) -> None:
    """The time counts from when the container was first seen."""
    server.close()
    path = tmp_path / "servers" / server.name
    path.unlink() if note == "lost" else path.write_text("{")
    found, one = container(DEAD, server=server.name), reconciler(servers)
    assert one.judge(found) == (Fate.KEEP, None)
    clock.now += GRACE - 1
    assert one.judge(found) == (Fate.KEEP, None)
    clock.now += 2
    assert one.judge(found) == (Fate.REMOVE, reconcile.NOT_RECOVERED)


@pytest.mark.parametrize("status", UNCLEAR)
def test_what_is_neither_running_nor_ended_stays_claimed(
    servers: Servers, server: ServerId, clock: Clock, status: ContainerStatus
) -> None:
    server.close()
    clock.now += 2 * GRACE
    found = container(DEAD, status, server=server.name)
    assert reconciler(servers).judge(found) == (Fate.KEEP, None)


@pytest.mark.parametrize("status", ENDED)
@pytest.mark.parametrize(
    ("owner", "why"),
    [(DEAD, reconcile.ENDED_ALONE), (REBOOTED, reconcile.HOST_REBOOTED)],
    ids=["dead", "rebooted"],
)
def test_ended_while_nobody_was_there(
    servers: Servers, server: ServerId, status: ContainerStatus, owner: str, why: Problem
) -> None:
    """Its GPUs are free at once: nothing of it can be taken over."""
    server.close()
    found = container(owner, status, server=server.name)
    assert reconciler(servers).judge(found) == (Fate.REMOVE, why)


def test_running_after_a_reboot_is_on_another_machine(servers: Servers, clock: Clock) -> None:
    """Or it is a stale answer: nothing is certain, so nothing is done."""
    one = reconciler(servers)
    assert one.judge(container(REBOOTED, server="s-0")) == (Fate.KEEP, None)
    clock.now += 2 * GRACE
    assert one.judge(container(REBOOTED, server="s-0")) == (Fate.KEEP, None)


@pytest.mark.parametrize("status", STATES)
def test_what_this_process_drives_stands(
    servers: Servers, server: ServerId, clock: Clock, status: ContainerStatus
) -> None:
    one = reconciler(servers)
    one.server = server.name
    one.drives = lambda container: True
    assert one.judge(container(DEAD, status, server=server.name)) == (Fate.KEEP, None)
    clock.now += 2 * GRACE
    assert one.judge(container(DEAD, status, server=server.name)) == (Fate.KEEP, None)


def test_ones_own_that_could_not_be_taken_over(
    servers: Servers, server: ServerId, clock: Clock
) -> None:
    """That this server lives is no reason to keep what it does not drive."""
    one = reconciler(servers)
    one.server = server.name
    found = container(DEAD, server=server.name)
    assert one.judge(found) == (Fate.KEEP, None)
    clock.now += GRACE + 1
    assert one.judge(found) == (Fate.REMOVE, reconcile.NOT_RECOVERED)
    assert one.judge(container(DEAD, ENDED[0], server=server.name))[0] is Fate.REMOVE


# --- a pass ---------------------------------------------------------------------------------------


class Refusing(MemoryBackend):
    """Refuses to remove certain containers, as an engine does whose storage is busy."""

    def __init__(self, store: MemoryStore, how: Exception) -> None:
        super().__init__(store=store)
        self.how = how
        self.stuck: set[str] = set()

    async def remove(self, container_id: str) -> None:
        if container_id in self.stuck:
            raise self.how
        await super().remove(container_id)


async def create(backend: MemoryBackend, name: str, uuid: str, owner: str = DEAD) -> str:
    text = labels.make_labels(purpose="kernel", owner=owner, user="ada", gpus=[uuid])
    spec = ContainerSpec(DEMO_IMAGES[0].id, ("true",), name, "1:1", "/", text)
    return await backend.create(Signer(KEY).signed(spec))


async def test_one_that_cannot_be_removed_stops_no_others() -> None:
    """It stays claimed; the pass goes on, and the next one tries again."""
    store = MemoryStore()
    backend = Refusing(store, EngineError("removal of container is already in progress"))
    stuck, other = await create(backend, "a", "GPU-1"), await create(backend, "b", "GPU-2")
    backend.stuck.add(stuck)
    one = reconciler(backend=backend)
    swept = await one.sweep()
    assert [c.id for c in swept.standing] == [stuck]
    assert [c.id for c in swept.removed] == [other]
    backend.stuck.clear()
    assert [c.id for c in (await one.sweep()).removed] == [stuck]
    assert (await one.sweep()).standing == []


async def test_an_engine_that_is_away_in_the_middle() -> None:
    store = MemoryStore()
    backend = Refusing(store, EngineUnreachableError("away"))
    stuck = await create(backend, "a", "GPU-1")
    backend.stuck.add(stuck)
    one = reconciler(backend=backend)
    with pytest.raises(EngineUnreachableError):
        await one.sweep()
    assert set(store.records) == {stuck}


async def test_who_went_is_told_with_the_reason(servers: Servers, clock: Clock) -> None:
    told: list[tuple[str, Problem | None]] = []
    backend = MemoryBackend()
    one = reconciler(servers, backend)
    one.on_removed = lambda container, why: told.append((container.name, why))
    await create(backend, "papermill", "GPU-1")
    await one.sweep()
    assert told == [("papermill", None)]


async def test_what_waited_for_kernels_of_a_dead_server_is_told_apart(
    servers: Servers, server: ServerId
) -> None:
    """A kernel that was such a container once is none any more."""
    told: list[tuple[str, bool]] = []
    backend = MemoryBackend()
    one = reconciler(servers, backend)
    one.server = server.name
    one.is_taken = lambda kernel_id: kernel_id == "taken"
    one.on_left_behind = lambda container, waiting: told.append((container.name, waiting))
    for kernel_id in ("waits", "taken"):
        text = labels.make_labels(
            purpose=SPARE, owner=DEAD, user="ada", kernel_id=kernel_id, server=server.name
        )
        spec = ContainerSpec(DEMO_IMAGES[0].id, ("true",), kernel_id, "1:1", "/", text)
        await backend.create(Signer(KEY).signed(spec))
    await one.sweep()
    assert sorted(told) == [("taken", False), ("waits", True)]
