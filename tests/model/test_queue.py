"""The order of the queue: fair among users, and nobody waits for ever."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.model.gpu.device import GpuRequest
from jupyter_gpu_containers.model.queue import (
    Granted,
    Ticket,
    grant,
    in_order,
    next_round,
    starts_by,
)

DEVICES = tuple("abcd")


class Line:
    """A queue over some devices: requests come, start and end in any order."""

    def __init__(self, devices: Iterable[str] = DEVICES) -> None:
        self.devices = tuple(devices)
        self.waiting: dict[str, Ticket] = {}
        self.served: list[Ticket] = []  # while somebody waited
        self.running: dict[str, tuple[str, ...]] = {}
        self.started: list[Ticket] = []
        self.number = 0

    def ask(self, user: str, count: int = 1, uuids: tuple[str, ...] = ()) -> Ticket:
        """Join the queue."""
        round_ = next_round(user, self.waiting.values(), self.served)
        ticket = Ticket(str(self.number), user, GpuRequest(count, uuids), 0.0, round_, self.number)
        self.number += 1
        self.waiting[ticket.id] = ticket
        return ticket

    def wants(self, ticket: Ticket) -> tuple[str, ...]:
        """Every device that a ticket could use."""
        return ticket.request.uuids or self.devices

    def choose(
        self, ticket: Ticket, granted: Granted, kept: frozenset[str]
    ) -> tuple[str, ...] | None:
        """Take the first free ones."""
        busy = {uuid for uuids in (*self.running.values(), *granted.values()) for uuid in uuids}
        free = [uuid for uuid in self.wants(ticket) if uuid not in busy | kept]
        count = ticket.request.count
        return tuple(free[:count]) if len(free) >= count else None

    def serve(self) -> list[Ticket]:
        """Start whoever may; return them."""
        granted = grant(self.waiting.values(), self.choose, self.wants)
        begun = [self.waiting.pop(id_) for id_ in granted]
        self.running |= granted
        self.started += begun
        self.served = [*self.served, *begun] if self.waiting else []
        return begun

    def end(self, number: int) -> None:
        """End one of those that run."""
        if self.running:
            del self.running[sorted(self.running)[number % len(self.running)]]


def ids(tickets: Iterable[Ticket]) -> list[str]:
    return [ticket.id for ticket in tickets]


def test_first_come_first_served_within_a_user() -> None:
    line = Line()
    asked = [line.ask("ada") for _ in range(5)]
    assert in_order(reversed(asked)) == asked


def test_users_take_turns() -> None:
    """One who asks for ten is not before another one's first."""
    line = Line(devices="a")
    ada = [line.ask("ada") for _ in range(3)]
    grace = [line.ask("grace") for _ in range(2)]
    alan = line.ask("alan")
    order = [ada[0], grace[0], alan, ada[1], grace[1], ada[2]]
    assert in_order(line.waiting.values()) == order


def test_who_was_just_served_comes_after_who_was_not() -> None:
    line = Line(devices="a")
    line.ask("ada")
    grace = line.ask("grace")
    assert ids(line.serve()) == ["0"]
    again = line.ask("ada")
    alan = line.ask("alan")
    assert in_order(line.waiting.values()) == [grace, alan, again]


def test_many_are_not_starved_by_ones() -> None:
    """Four GPUs are kept together for who asked for four, as they become free."""
    line = Line()
    for _ in range(4):
        line.ask("ada")
    assert len(line.serve()) == 4
    all_four = line.ask("grace", 4)
    for _ in range(4):
        line.ask("alan")
        line.end(0)
        begun = line.serve()
    assert begun == [all_four]


def test_what_the_first_cannot_use_is_not_kept_for_it() -> None:
    line = Line()
    line.ask("ada", uuids=("a",))
    line.serve()
    line.ask("grace", uuids=("a",))
    other = line.ask("alan", uuids=("b",))
    any_one = line.ask("alan")
    assert line.serve() == [other, any_one]
    assert set(line.running) == {"0", other.id, any_one.id}
    assert line.running[any_one.id] == ("c",)  # not "a", for which somebody waits


def test_a_particular_gpu_is_not_taken_by_who_could_have_another() -> None:
    line = Line(devices="ab")
    line.ask("ada", uuids=("a",))
    line.serve()
    waits = line.ask("grace", uuids=("a",))
    late = [line.ask("alan"), line.ask("alan")]
    assert line.serve() == [late[0]]
    line.running.pop("0")
    assert line.serve() == [waits]


USERS = st.sampled_from(["ada", "grace", "alan"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), USERS, st.integers(1, len(DEVICES))),
        st.tuples(st.just("end"), st.integers(0, 9)),
        st.tuples(st.just("leave"), st.integers(0, 9)),
    ),
    max_size=60,
)


def play(steps: list[tuple[str, ...]]) -> tuple[Line, dict[str, int], set[str]]:
    """Play steps; return the queue, how often each was overtaken, and who left."""
    line = Line()
    overtaken: Counter[str] = Counter()
    left: set[str] = set()
    for step in steps:
        if step[0] == "ask":
            line.ask(step[1], step[2])  # type: ignore[arg-type]
        elif step[0] == "end":
            line.end(step[1])  # type: ignore[arg-type]
        elif line.waiting:
            gone = sorted(line.waiting)[step[1] % len(line.waiting)]  # type: ignore[operator]
            left.add(gone)
            del line.waiting[gone]
        for begun in line.serve():
            overtaken.update(t.id for t in line.waiting.values() if t.number < begun.number)
        devices = [uuid for uuids in line.running.values() for uuid in uuids]
        assert len(devices) == len(set(devices))
    return line, overtaken, left


@given(STEPS)
def test_fifo_within_a_user_always(steps: list[tuple[str, ...]]) -> None:
    line, _, _ = play(steps)
    by_user = defaultdict(list)
    for ticket in line.started:
        by_user[ticket.user].append(ticket.number)
    assert all(numbers == sorted(numbers) for numbers in by_user.values())


@given(STEPS)
def test_nobody_waits_while_what_it_wants_is_free_and_nobody_is_before_it(
    steps: list[tuple[str, ...]],
) -> None:
    line, _, _ = play(steps)
    if line.waiting:
        first = in_order(line.waiting.values())[0]
        assert line.choose(first, {}, frozenset()) is None


@given(STEPS)
def test_who_waits_is_overtaken_a_bounded_number_of_times(steps: list[tuple[str, ...]]) -> None:
    """By one request of every other user for each earlier request of the own user that waited."""
    line, overtaken, _ = play(steps)
    for ticket in (*line.waiting.values(), *line.started):
        own_before = sum(t.user == ticket.user and t.number < ticket.number for t in _all(line))
        assert overtaken[ticket.id] <= 2 * (own_before + 1)


@given(STEPS)
def test_everybody_starts_when_kernels_end(steps: list[tuple[str, ...]]) -> None:
    """No request for many is starved, whatever came before and keeps coming."""
    line, _, left = play(steps)
    waiting = set(line.waiting)
    turns = 0
    while waiting & set(line.waiting):
        line.ask("newcomer")  # small ones keep coming
        line.end(0)
        line.serve()
        turns += 1
        assert turns <= 8 * (len(steps) + 1)
    assert waiting <= set(ids(line.started))
    assert not left & set(ids(line.started))


def _all(line: Line) -> list[Ticket]:
    return [*line.started, *line.waiting.values()]


# --- when it starts at the latest -----------------------------------------------------------------


def test_nobody_can_tell_without_a_limit() -> None:
    line = Line(devices="ab")
    waiting = [line.ask("ada"), line.ask("grace")]
    assert starts_by(waiting, line.wants, {}, None) == {}
    # the one GPU that ends some time helps the first in line alone
    assert starts_by(waiting, line.wants, {"a": 100.0}, None) == {"0": 100.0}


def test_one_after_the_other() -> None:
    line = Line(devices="ab")
    waiting = [line.ask("ada"), line.ask("grace"), line.ask("alan"), line.ask("edsger", 2)]
    found = starts_by(waiting, line.wants, {"a": 100.0, "b": 130.0}, 60.0)
    assert found == {"0": 100.0, "1": 130.0, "2": 160.0, "3": 220.0}


def test_behind_one_who_may_wait_for_ever() -> None:
    line = Line(devices="ab")
    waiting = [line.ask("ada", 2), line.ask("grace")]
    assert starts_by(waiting, line.wants, {"a": 100.0}, 60.0) == {}


def test_another_device_is_another_line() -> None:
    line = Line(devices="ab")
    waiting = [line.ask("ada", uuids=("a",)), line.ask("grace", uuids=("b",))]
    assert starts_by(waiting, line.wants, {"b": 50.0}, 60.0) == {"1": 50.0}


@given(
    st.lists(st.tuples(st.integers(1, 4), st.floats(0, 1)), max_size=12),
    st.lists(st.floats(0, 100), min_size=4, max_size=4),
)
def test_the_estimate_is_kept(asked: list[tuple[int, float]], ends: list[float]) -> None:
    """Whatever time kernels really take below the limit, nobody starts later than was said."""
    line = Line()
    limit = 60.0
    waiting = [line.ask("ada", count) for count, _ in asked]
    said = starts_by(waiting, line.wants, dict(zip(DEVICES, ends, strict=True)), limit)
    free = [end * share for end, (_, share) in zip(ends, [*asked, *[(1, 1.0)] * 4], strict=False)]
    earliest = 0.0
    for ticket, (count, share) in zip(waiting, asked, strict=True):
        free.sort()
        start = max(earliest, free[count - 1])
        assert start <= said[ticket.id] + 1e-6
        free[:count] = [start + limit * share] * count
        earliest = start
