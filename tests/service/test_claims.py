"""GPU claims: the protocol's steps, one by one, and what becomes of them when something fails."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend, MemoryStore
from jupyter_gpu_containers.errors import (
    EngineError,
    EngineUnreachableError,
    GpusBusyError,
    ImageNotFoundError,
    NotEnoughGpusError,
)
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuRequest
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerSpec
from jupyter_gpu_containers.service.kernel import claims as claims_module
from jupyter_gpu_containers.service.kernel.claims import Claims, MakeSpec
from jupyter_gpu_containers.service.kernel.owner import Owner
from tests.faults import scenarios

ONE, TWO = GpuRequest(1), GpuRequest(2)
ME = str(Owner.current())
DEAD = str(replace(Owner.current(), start_time="1"))
ELSEWHERE = str(replace(Owner.current(), machine="other"))
IMAGE = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    store = MemoryStore()
    yield store
    store.kill_all()


def make_claims(backend: MemoryBackend, gpus: int = 2, *, seed: int = 1) -> Claims:
    """Pauses matter by being different, not by being long."""
    inventory = FixedInventory([{"count": gpus}])
    return Claims(backend, inventory, rng=random.Random(seed), backoff=0.001)


def spec_for(owner: str = ME, image: str = IMAGE) -> MakeSpec:
    def make(gpus: tuple[Gpu, ...], name: str) -> ContainerSpec:
        uuids = tuple(gpu.uuid for gpu in gpus)
        return ContainerSpec(
            image=image,
            command=("sleep", "1000"),
            name=name,
            user=f"{os.getuid()}:{os.getgid()}",
            working_dir="/",
            labels=labels.make_labels(purpose="kernel", owner=owner, user="ada", gpus=uuids),
            gpus=uuids,
        )

    return make


def names(store: MemoryStore) -> set[str]:
    return set(store.records)


# --- claiming -------------------------------------------------------------------------------------


async def test_one_after_the_other(store: MemoryStore) -> None:
    claims = make_claims(MemoryBackend(store=store))
    one = await claims.claim(ONE, spec_for())
    two = await claims.claim(ONE, spec_for())
    assert one.gpus != two.gpus
    with pytest.raises(GpusBusyError):
        await claims.claim(ONE, spec_for())
    assert names(store) == {one.container_id, two.container_id}


async def test_a_claim_is_not_started(store: MemoryStore) -> None:
    claim = await make_claims(MemoryBackend(store=store)).claim(ONE, spec_for())
    assert store.records[claim.container_id].runs == 0


async def test_without_gpus(store: MemoryStore) -> None:
    claim = await make_claims(MemoryBackend(store=store), 1).claim(GpuRequest(0), spec_for())
    assert claim.gpus == ()
    assert names(store) == {claim.container_id}


async def test_more_than_there_are(store: MemoryStore) -> None:
    with pytest.raises(NotEnoughGpusError):
        await make_claims(MemoryBackend(store=store)).claim(GpuRequest(3), spec_for())
    assert names(store) == set()


async def test_particular_gpus(store: MemoryStore) -> None:
    backend = MemoryBackend(store=store)
    claims = make_claims(backend, 3)
    free = (await FixedInventory([{"count": 3}]).snapshot()).gpus
    claim = await claims.claim(GpuRequest(uuids=(free[2].uuid,)), spec_for())
    assert [gpu.uuid for gpu in claim.gpus] == [free[2].uuid]
    with pytest.raises(GpusBusyError):
        await claims.claim(GpuRequest(uuids=(free[2].uuid,)), spec_for())


async def test_what_has_ended_still_holds(store: MemoryStore) -> None:
    """A kernel between two runs keeps its GPU; only removal frees it."""
    backend = MemoryBackend(store=store)
    claims = make_claims(backend, 1)
    claim = await claims.claim(ONE, spec_for())
    ended = backend.watch(claim.container_id)
    await backend.start(claim.container_id)
    await backend.signal(claim.container_id, 9)
    await asyncio.wrap_future(ended)
    with pytest.raises(GpusBusyError):
        await claims.claim(ONE, spec_for())
    await claims.release(claim.container_id)
    await claims.claim(ONE, spec_for())


async def test_release_twice(store: MemoryStore) -> None:
    claims = make_claims(MemoryBackend(store=store), 1)
    claim = await claims.claim(ONE, spec_for())
    await claims.release(claim.container_id)
    await claims.release(claim.container_id)
    assert names(store) == set()


# --- two at once ----------------------------------------------------------------------------------


async def test_two_servers_and_one_gpu(store: MemoryStore) -> None:
    servers = [make_claims(MemoryBackend(store=store), 1, seed=seed) for seed in range(2)]
    answers = await asyncio.gather(
        *(server.claim(ONE, spec_for()) for server in servers), return_exceptions=True
    )
    won = [answer for answer in answers if isinstance(answer, claims_module.Claim)]
    lost = [answer for answer in answers if isinstance(answer, GpusBusyError)]
    assert (len(won), len(lost)) == (1, 1)
    assert lost[0].error_code == "gpus_busy"
    assert names(store) == {won[0].container_id}


async def test_many_servers_and_enough_gpus(store: MemoryStore) -> None:
    """Nobody goes away empty while there are enough."""
    servers = [make_claims(MemoryBackend(store=store), 4, seed=seed) for seed in range(4)]
    won = await asyncio.gather(*(server.claim(ONE, spec_for()) for server in servers))
    assert len({gpu.uuid for claim in won for gpu in claim.gpus}) == 4


async def test_a_rival_in_the_last_moment(store: MemoryStore) -> None:
    """Step 3 of the protocol sees what step 1 could not; the other GPU is taken then."""
    backend = scenarios.LastMomentRival(store=store, rival=MemoryBackend(store=store))
    claim = await make_claims(backend).claim(ONE, spec_for())
    [rival] = backend.rivals
    held = labels.gpus_of(next(c for c in await _all(backend) if c.id == rival))
    assert claim.gpus[0].uuid not in held
    assert names(store) == {rival, claim.container_id}


async def test_a_rival_for_the_last_gpu(store: MemoryStore) -> None:
    backend = scenarios.LastMomentRival(store=store, rival=MemoryBackend(store=store))
    claims = make_claims(backend, 1)
    asked = asyncio.ensure_future(claims.claim(ONE, spec_for()))
    await backend.came.wait()
    await backend.start(backend.rivals[0])  # it will not back off
    with pytest.raises(GpusBusyError):
        await asked
    assert names(store) == set(backend.rivals)


async def _all(backend: MemoryBackend) -> list[claims_module.Container]:
    return await backend.containers(labels.VERSION)


# --- handover -------------------------------------------------------------------------------------


async def test_handover_of_the_only_gpu(store: MemoryStore) -> None:
    claims = make_claims(MemoryBackend(store=store), 1)
    old = await claims.claim(ONE, spec_for())
    new = await claims.claim(ONE, spec_for(), handover=old.container_id)
    assert new.gpus == old.gpus
    with pytest.raises(GpusBusyError):  # for third parties it is taken, twice over
        await claims.claim(ONE, spec_for())
    await claims.release(old.container_id)
    with pytest.raises(GpusBusyError):  # it is the new one's now
        await claims.claim(ONE, spec_for())


async def test_a_free_gpu_comes_before_a_handover(store: MemoryStore) -> None:
    claims = make_claims(MemoryBackend(store=store), 2)
    old = await claims.claim(ONE, spec_for())
    new = await claims.claim(ONE, spec_for(), handover=old.container_id)
    assert new.gpus != old.gpus


async def test_no_second_heir(store: MemoryStore) -> None:
    claims = make_claims(MemoryBackend(store=store), 1)
    old = await claims.claim(ONE, spec_for())
    await claims.claim(ONE, spec_for(), handover=old.container_id)
    with pytest.raises(GpusBusyError):
        await claims.claim(ONE, spec_for(), handover=old.container_id)


async def test_handover_and_one_more(store: MemoryStore) -> None:
    claims = make_claims(MemoryBackend(store=store), 2)
    old = await claims.claim(ONE, spec_for())
    new = await claims.claim(TWO, spec_for(), handover=old.container_id)
    assert set(old.gpus) < set(new.gpus)


# --- failures -------------------------------------------------------------------------------------


async def test_the_answer_to_create_is_lost(store: MemoryStore) -> None:
    """The container is there, and nobody knows its id: it is removed by its name."""
    with pytest.raises(EngineUnreachableError):
        await make_claims(scenarios.LostReply(store=store)).claim(ONE, spec_for())
    assert names(store) == set()


async def test_the_image_is_gone(store: MemoryStore) -> None:
    with pytest.raises(ImageNotFoundError):
        await make_claims(MemoryBackend(store=store)).claim(ONE, spec_for(image="sha256:gone"))
    assert names(store) == set()


async def test_cancelled_while_the_engine_creates(store: MemoryStore) -> None:
    """The engine goes on; what it makes is removed before the cancelling is over."""
    backend = scenarios.SlowCreate(store=store)
    task = asyncio.ensure_future(make_claims(backend).claim(ONE, spec_for()))
    await backend.asked.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    backend.may_answer.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(store) == set()


async def test_cancelled_twice_while_the_engine_creates(store: MemoryStore) -> None:
    backend = scenarios.SlowCreate(store=store)
    claims = make_claims(backend)
    task = asyncio.ensure_future(claims.claim(ONE, spec_for()))
    await backend.asked.wait()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    backend.may_answer.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    await backend.removed.wait()
    assert names(store) == set()


async def test_the_engine_goes_away_before_the_check(store: MemoryStore) -> None:
    """Unknown is never free: the claim stays until the engine confirms that it is gone."""
    backend = scenarios.AwayAfterCreate(store=store)
    claims = make_claims(backend, 1)
    with pytest.raises(EngineUnreachableError):
        await claims.claim(ONE, spec_for())
    assert len(names(store)) == 1
    backend.is_away = False
    await claims.reconcile()
    assert names(store) == set()


async def test_a_release_that_the_engine_did_not_confirm(store: MemoryStore) -> None:
    backend = scenarios.AwayBeforeRemoval(store=store)
    claims = make_claims(backend, 1)
    claim = await claims.claim(ONE, spec_for())
    with pytest.raises(EngineUnreachableError):
        await claims.release(claim.container_id)
    others = make_claims(MemoryBackend(store=store), 1)
    with pytest.raises(GpusBusyError):
        await others.claim(ONE, spec_for())
    with pytest.raises(EngineUnreachableError):
        await claims.claim(ONE, spec_for())
    backend.is_away = False
    assert (await claims.claim(ONE, spec_for())).gpus == claim.gpus


async def test_a_create_that_arrives_again_after_the_release(store: MemoryStore) -> None:
    """Its owner lives and knows nothing of it: without its name it would hold a GPU for ever."""
    backend = scenarios.RepeatedCreate(store=store)
    claims = make_claims(backend, 1)
    claim = await claims.claim(ONE, spec_for())
    await claims.release(claim.container_id)
    twin = await backend.repeat()
    others = make_claims(MemoryBackend(store=store), 1)
    with pytest.raises(GpusBusyError):
        await others.claim(ONE, spec_for())
    assert [container.id for container in (await claims.reconcile()).removed] == [twin]
    assert (await others.claim(ONE, spec_for())).gpus == claim.gpus


async def test_a_create_that_arrives_again_while_the_container_stands(store: MemoryStore) -> None:
    backend = scenarios.RepeatedCreate(store=store)
    claims = make_claims(backend, 1)
    claim = await claims.claim(ONE, spec_for())
    with pytest.raises(EngineError, match="in use"):
        await backend.repeat()
    assert (await claims.reconcile()).removed == []
    assert names(store) == {claim.container_id}


# --- reconciling ----------------------------------------------------------------------------------


async def test_the_dead_hold_nothing(store: MemoryStore) -> None:
    backend = MemoryBackend(store=store)
    claims = make_claims(backend, 1)
    dead = await claims.claim(ONE, spec_for(owner=DEAD))
    await backend.start(dead.container_id)
    mine = await claims.claim(ONE, spec_for())
    assert names(store) == {mine.container_id}


@pytest.mark.parametrize(
    "owner", [ME, ELSEWHERE, "", "nobody"], ids=["me", "elsewhere", "none", "nobody"]
)
async def test_the_living_and_the_unknown_keep_theirs(store: MemoryStore, owner: str) -> None:
    backend = MemoryBackend(store=store)
    claims = make_claims(backend, 1)
    claim = await claims.claim(ONE, spec_for(owner=owner))
    assert (await claims.reconcile()).removed == []
    assert names(store) == {claim.container_id}


async def test_containers_without_our_label_are_none_of_our_business(store: MemoryStore) -> None:
    backend = MemoryBackend(store=store)
    spec = replace(spec_for()((), "postgres"), labels={"jupyter-gpu-containers.owner": DEAD})
    container_id = await backend.create(spec)
    assert (await make_claims(backend).reconcile()).removed == []
    assert names(store) == {container_id}


async def test_reconcile_tells_what_it_removed(store: MemoryStore) -> None:
    claims = make_claims(MemoryBackend(store=store))
    dead = await claims.claim(GpuRequest(0), spec_for(owner=DEAD))
    assert [container.id for container in (await claims.reconcile()).removed] == [dead.container_id]
    assert (await claims.reconcile()).removed == []
