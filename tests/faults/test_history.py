"""The check of an engine's event log finds what it is there for, and nothing else."""

from __future__ import annotations

from jupyter_gpu_containers.model.kernel import labels

from .history import Event, History


def event(time: int, action: str, container: str, *gpus: str, slots: int = 1) -> Event:
    return Event(time, action, container, dict.fromkeys(gpus, slots))


def test_doubles_and_orphans_are_found() -> None:
    history = History.read(
        [
            event(1, "create", "a", "G1", "G2"),
            event(2, "start", "a", "G1", "G2"),
            event(3, "create", "b", "G2"),
            event(4, "start", "b", "G2"),
            event(5, "die", "a", "G1", "G2"),
            event(6, "destroy", "a", "G1", "G2"),
        ]
    )
    assert history.doubles == ["G2 of 1: b started while a ran"]
    assert history.never_removed == {"b"}
    assert history.most == {"G1": 1, "G2": 2}


def test_a_double_on_the_second_of_several_gpus_is_found() -> None:
    """Each GPU of a container is looked at, whichever it shares with whom."""
    history = History.read(
        [
            event(1, "start", "a", "G1", "G2"),
            event(2, "start", "b", "G3"),
            event(3, "start", "c", "G2", "G3"),
        ]
    )
    assert history.doubles == [
        "G2 of 1: c started while a ran",
        "G3 of 1: c started while b ran",
    ]
    assert history.of_several == 2


def test_one_after_the_other_is_fine() -> None:
    history = History.read(
        [
            event(5, "start", "b", "G1"),
            event(1, "create", "a", "G1"),
            event(2, "start", "a", "G1"),
            event(3, "die", "a", "G1"),
            event(4, "create", "b", "G1"),
            event(6, "start", "c", "G2"),
            event(7, "destroy", "b", "G1"),
            event(8, "destroy", "a", "G1"),
        ]
    )
    assert history == History(3, 3, 0, {"G1": 1, "G2": 1}, [], set())


def test_a_restart_is_no_new_claim() -> None:
    rows = [event(1, "start", "a", "G1"), event(2, "die", "a", "G1"), event(3, "start", "a", "G1")]
    history = History.read(rows)
    assert (history.starts, history.wins, history.doubles) == (2, 1, [])


def test_a_log_with_gaps_is_noticed() -> None:
    """An event that was lost could be the one that matters."""
    rows = [event(1, "create", "a", "G1"), event(2, "die", "a", "G1"), event(3, "destroy", "b")]
    assert History.read(rows).missed == ["the start of a", "the creation of b"]


def test_two_may_share_and_a_third_may_not() -> None:
    rows = [event(time, "start", name, "G1", slots=2) for time, name in enumerate("ab")]
    assert History.read(rows).doubles == []
    history = History.read([*rows, event(3, "start", "c", "G1", slots=2)])
    assert history.doubles == ["G1 of 2: c started while a and b ran"]
    assert history.most == {"G1": 3}


def test_who_shares_does_not_join_who_does_not() -> None:
    alone, sharing = event(1, "start", "a", "G1"), event(2, "start", "b", "G1", slots=2)
    assert History.read([alone, sharing]).doubles == ["G1 of 1: b started while a ran"]


def test_what_an_engine_says() -> None:
    row = {
        "timeNano": 7,
        "Action": "start",
        "Actor": {
            "ID": "a",
            "Attributes": {"image": "x", labels.GPUS: "G1,G2", labels.SLOTS: "1,2"},
        },
    }
    assert Event.parse(row) == Event(7, "start", "a", {"G1": 1, "G2": 2})
    row["Actor"] = {"ID": "a", "Attributes": {labels.GPUS: "G1,G2", labels.SLOTS: ""}}
    assert Event.parse(row).gpus == {"G1": 1, "G2": 1}
    row["Actor"] = {"ID": "a", "Attributes": {"image": "x"}}
    assert Event.parse(row).gpus == {}
