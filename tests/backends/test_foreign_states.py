"""Containers of others: in which states they count, and how often the engine is asked."""

from __future__ import annotations

from typing import Any, cast

import docker.errors
import pytest
import requests

from jupyter_gpu_containers.backends.docker.client import EngineClient
from jupyter_gpu_containers.backends.docker.foreign import ForeignContainers
from jupyter_gpu_containers.model.kernel import labels

EVERY = {"HostConfig": {"DeviceRequests": [{"Count": -1, "Capabilities": [["gpu"]]}]}}


class Engine:
    """Answers as the engine does to the two requests that are made."""

    def __init__(self, states: dict[str, str]) -> None:
        self.states = states
        self.asked: list[str] = []
        self.label = ""

    def containers(self, *, all: bool) -> list[dict[str, Any]]:  # noqa: A002  the API's name
        assert all
        text = {self.label: "1"} if self.label else {}
        return [
            {"Id": key, "Names": [f"/{key}"], "State": state, "Image": "i", "Labels": text}
            for key, state in self.states.items()
        ]

    def inspect_container(self, container_id: str) -> dict[str, Any]:
        self.asked.append(container_id)
        if container_id == "went":
            answer = requests.Response()
            answer.status_code = 404
            raise docker.errors.NotFound("No such container: went", response=answer)
        return EVERY


def found(engine: Engine, foreign: ForeignContainers) -> list[str]:
    return [one.id for one in foreign.find(cast("EngineClient", engine))]


@pytest.mark.parametrize("state", ["created", "running", "paused", "restarting", "removing"])
def test_what_is_not_over_counts(state: str) -> None:
    assert found(Engine({"c": state}), ForeignContainers()) == ["c"]


@pytest.mark.parametrize("state", ["exited", "dead"])
def test_what_is_over_does_not(state: str) -> None:
    engine = Engine({"c": state})
    assert found(engine, ForeignContainers()) == []
    assert engine.asked == []


def test_each_is_looked_at_once() -> None:
    engine, foreign = Engine({"a": "running", "b": "created"}), ForeignContainers()
    for _ in range(3):
        assert found(engine, foreign) == ["a", "b"]
    assert engine.asked == ["a", "b"]
    engine.states = {"b": "running"}
    assert found(engine, foreign) == ["b"]
    engine.states = {"a": "running"}
    assert found(engine, foreign) == ["a"]
    assert engine.asked == ["a", "b", "a"]  # what is gone is forgotten


def test_one_that_went_meanwhile() -> None:
    assert found(Engine({"went": "running", "c": "running"}), ForeignContainers()) == ["c"]


def test_those_with_our_labels_are_no_foreigners() -> None:
    """Signed or not, their label tells what they hold."""
    engine = Engine({"c": "running"})
    engine.label = labels.VERSION
    assert found(engine, ForeignContainers()) == []
