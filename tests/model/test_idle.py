"""When a kernel is idle, what holds for it, and that no warning is ever cut short."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_gpu_containers.model.gpu.device import Gpu, GpuProcess, GpuSnapshot
from jupyter_gpu_containers.model.kernel.idle import (
    UNSEEN,
    Decision,
    Evidence,
    GpuLoad,
    IdleLimit,
    IdlePolicy,
    IdleRules,
    IdleState,
    due,
    loads,
    step,
    used,
)

POLICY = IdlePolicy(timeout=100.0, warning=30.0, gpu_utilization=5)
IDLE = IdleState(since=0.0)
WARNED = IdleState(since=0.0, warned_at=100.0)
NOTHING, WARN, WITHDRAW, STOP = Decision


def look(now: float, **changes: object) -> Evidence:
    return replace(Evidence(now, busy=False, last=0.0), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "evidence", "decision"),
    [
        (IDLE, look(99), NOTHING),
        (IDLE, look(100), WARN),
        (IDLE, look(100, busy=True), NOTHING),
        (IDLE, look(100, last=50.0), NOTHING),
        (IDLE, look(100, gpus=(GpuLoad(5),)), WARN),
        (IDLE, look(100, gpus=(GpuLoad(0), GpuLoad(6))), NOTHING),
        (IDLE, look(100, gpus=(GpuLoad(None, computes=False),)), WARN),
        (IDLE, look(100, gpus=(GpuLoad(None, computes=True),)), NOTHING),
        (IDLE, look(100, gpus=(GpuLoad(),)), NOTHING),  # unknown
        (IDLE, look(100, gpus=(GpuLoad(0, computes=True),)), WARN),  # a context, no work
        (WARNED, look(129), NOTHING),
        (WARNED, look(130), STOP),
        (WARNED, look(130, unseen=UNSEEN + 1), WARN),
        (WARNED, look(130, busy=True), WITHDRAW),
        (WARNED, look(130, last=101.0), WITHDRAW),
        (WARNED, look(130, last=1e9), WITHDRAW),  # a clock that went ahead
        (WARNED, look(130, gpus=(GpuLoad(6),)), WITHDRAW),
        (WARNED, look(130, gpus=(GpuLoad(),)), WITHDRAW),
    ],
)
def test_a_look(state: IdleState, evidence: Evidence, decision: Decision) -> None:
    assert step(state, evidence, POLICY)[1] is decision


@pytest.mark.parametrize("state", [IDLE, WARNED])
def test_what_was_used_begins_anew(state: IdleState) -> None:
    for evidence, since in [
        (look(130, busy=True), 130.0),
        (look(130, gpus=(GpuLoad(80),)), 130.0),
        (look(130, last=120.0), 120.0),
    ]:
        after, _ = step(state, evidence, POLICY)
        assert after == IdleState(since=since)
        assert due(after, POLICY) == since + 100.0


def test_work_of_a_gpu_counts_although_the_kernel_was_silent_before() -> None:
    """A thread computes; when it ends, the time begins, and not with the last message."""
    state = IDLE
    for now in range(0, 500, 10):
        state, decision = step(state, look(now, gpus=(GpuLoad(90),)), POLICY)
        assert decision is NOTHING
    assert step(state, look(500, gpus=(GpuLoad(0),)), POLICY)[1] is NOTHING
    assert due(state, POLICY) == 590.0


def test_who_may_be_idle_for_ever() -> None:
    never = replace(POLICY, timeout=0.0)
    assert step(WARNED, look(1e6), never)[1] is WITHDRAW
    assert step(IDLE, look(1e6), never)[1] is NOTHING
    assert due(IDLE, never) is None
    assert due(WARNED, POLICY) == 130.0


# --- whose word holds -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "default", "limits", "has_gpus", "timeout", "words"),
    [
        (None, 0.0, (), True, 0.0, ""),
        (None, 50.0, (), True, 50.0, "this server's configuration allows"),
        (None, 50.0, (), False, 0.0, ""),
        (70.0, 50.0, (), True, 70.0, "its environment allows"),
        (70.0, 50.0, (), False, 70.0, "its environment allows"),
        (0.0, 50.0, (), True, 0.0, ""),
        (0.0, 50.0, ((90.0, "the administrator"),), True, 90.0, "the administrator allows"),
        (0.0, 50.0, ((90.0, "the administrator"),), False, 0.0, ""),
        (None, 0.0, ((90.0, "a"), (60.0, "b")), True, 60.0, "b allows"),
        (70.0, 0.0, ((90.0, "a"), (60.0, "b")), True, 60.0, "b allows"),
        (30.0, 0.0, ((90.0, "a"), (60.0, "b")), True, 30.0, "its environment allows"),
    ],
)
def test_no_word_loosens_a_limit(
    own: float | None,
    default: float,
    limits: tuple[tuple[float, str], ...],
    has_gpus: bool,
    timeout: float,
    words: str,
) -> None:
    bounds = tuple((IdleLimit(limit, 50.0, 3), source) for limit, source in limits)
    found = IdleRules(default, bounds, 40.0, 7).of(own, has_gpus=has_gpus)
    assert (found.timeout, found.who) == (timeout, words)
    assert (found.warning, found.gpu_utilization) == (40.0, 7)


def test_nor_its_warning_and_its_idea_of_a_working_gpu() -> None:
    loose = IdleRules(0.0, ((IdleLimit(60.0, 30.0, 10), "the administrator"),), 1e9, 0)
    bound = loose.of(0.0, has_gpus=True)
    assert (bound.timeout, bound.warning, bound.gpu_utilization) == (60.0, 30.0, 10)
    free = loose.of(90.0, has_gpus=False)
    assert (free.timeout, free.warning, free.gpu_utilization) == (90.0, 1e9, 0)


@given(
    own=st.none() | st.floats(0, 1e6),
    default=st.floats(0, 1e6),
    limits=st.lists(st.tuples(st.floats(0.1, 1e6), st.just("x")), min_size=1).map(tuple),
)
def test_with_a_limit_no_kernel_with_gpus_is_idle_for_longer(
    own: float | None, default: float, limits: tuple[tuple[float, str], ...]
) -> None:
    bounds = tuple((IdleLimit(limit), source) for limit, source in limits)
    found = IdleRules(default, bounds).of(own, has_gpus=True)
    assert 0 < found.timeout <= min(limit for limit, _ in limits)


# --- what is known of GPUs ------------------------------------------------------------------------


def test_what_is_not_known_works() -> None:
    busy = Gpu("GPU-b", 1, "T4", utilization=93, processes=(GpuProcess(7),))
    mig = Gpu("MIG-c", 2, "A100", parent_uuid="GPU-x", mig_profile="1g.10gb")
    used_mig = replace(mig, uuid="MIG-d", processes=(GpuProcess(7),))
    silent = replace(mig, uuid="MIG-e", processes_known=False)
    idle = Gpu("GPU-a", 0, "T4", utilization=0, processes=(GpuProcess(7),))
    snapshot = GpuSnapshot((idle, busy, mig, used_mig, silent))
    uuids = ("GPU-a", "GPU-b", "MIG-c", "MIG-d", "MIG-e", "GPU-gone")
    works = [load.works(5) for load in loads(uuids, snapshot)]
    assert works == [False, True, False, True, True, True]
    for unknown in (None, GpuSnapshot(), replace(snapshot, stale=True)):
        assert [load.works(5) for load in loads(uuids, unknown)] == [True] * 6
        assert loads((), unknown) == ()


# --- in whatever order ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Moment:
    """What happens before a look, and what the look finds."""

    passed: float
    busy: bool
    active: bool  # something arrived since the look before
    gpu: GpuLoad
    slept: bool  # the machine was suspended, which only the clock on the wall tells


LOADS = st.sampled_from([GpuLoad(0), GpuLoad(5), GpuLoad(6), GpuLoad(), GpuLoad(None, False)])
QUIET = st.just((False, False, GpuLoad(0), False))
ANY = st.tuples(st.booleans(), st.booleans(), LOADS, st.booleans())
MOMENTS = st.lists(
    st.builds(
        lambda passed, rest: Moment(passed, *rest),
        st.floats(0, 200) | st.floats(0, 40),
        st.one_of(QUIET, QUIET, QUIET, ANY),
    ),
    max_size=40,
)


@settings(max_examples=500)
@given(moments=MOMENTS)
def test_no_stop_without_a_whole_warning_that_somebody_could_see(moments: list[Moment]) -> None:
    """And never of a kernel that was in use at any look since the warning, or just before it."""
    state, now, last = IDLE, 0.0, 0.0
    shown: float | None = None  # since when the warning stands
    in_use = 0.0  # when it was last seen in use
    for moment in moments:
        before, now = now, now + moment.passed
        if moment.active:
            last = (before + now) / 2
            in_use = max(in_use, last)
        unseen = moment.passed + (1e5 if moment.slept else 0.0)
        evidence = Evidence(now, moment.busy, last, (moment.gpu,), unseen)
        if moment.busy or moment.gpu.works(5):
            in_use = now
        state, decision = step(state, evidence, POLICY)
        if decision is WARN:
            assert now - in_use >= POLICY.timeout
            shown = now
        elif decision is WITHDRAW:
            assert shown is not None
            assert in_use > before or in_use == now
            shown = None
        elif decision is STOP:
            assert shown is not None
            assert now - shown >= POLICY.warning
            assert in_use <= shown - POLICY.timeout
            assert unseen <= UNSEEN
            return
        assert (state.warned_at is None) == (shown is None)


@settings(max_examples=200)
@given(steps=st.lists(st.floats(0.1, UNSEEN), min_size=1, max_size=60), used_at=st.floats(0, 50))
def test_whoever_stays_idle_is_stopped(steps: list[float], used_at: float) -> None:
    """In time: the first look after the timeout warns, the first after the warning stops."""
    state, now, decisions = used(used_at), used_at, []
    for passed in steps:
        now += passed
        state, decision = step(state, Evidence(now, False, used_at, (GpuLoad(0),), passed), POLICY)
        if decision is not NOTHING:
            decisions.append((decision, now))
        if decision is STOP:
            break
    if now - used_at >= POLICY.timeout:
        assert decisions[0][0] is WARN
        assert decisions[0][1] - used_at < POLICY.timeout + UNSEEN
        if now - decisions[0][1] >= POLICY.warning:
            assert [decision for decision, _ in decisions] == [WARN, STOP]
    else:
        assert decisions == []
