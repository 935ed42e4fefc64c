"""``ps`` and ``stop``: which kernels run in containers, and which of them were meant."""

import getpass
import os
import re
from pathlib import Path

import pytest

from jupyter_gpu_containers.cli.tables import moment
from jupyter_gpu_containers.service.kernel.owner import Owner

from .conftest import Terminal

ALIVE = str(Owner.current())


def test_ps(terminal: Terminal) -> None:
    assert terminal("ps").out == "No kernel runs in a container.\n"
    _, second = terminal.uuids()
    alive = terminal.container(owner=ALIVE, gpus=[second])
    dead = terminal.container()
    model = {row["container_id"]: row for row in terminal("ps", "--json").json["kernels"]}
    ran = terminal("ps")
    rows = {line.split()[0]: line for line in ran.out.splitlines()[1:]}
    assert set(rows) == {alive[:12], dead[:12]}
    assert re.split(r" {2,}", rows[alive[:12]])[2:] == [
        "PyTorch 2.6 · 1 GPU",
        "created",
        "1",
        moment(model[alive]["created"]),
        getpass.getuser(),
        "nb1.ipynb",
    ]
    assert "left behind" not in rows[alive[:12]]
    assert "left behind" in rows[dead[:12]]
    assert model[alive]["gpus"] == [second]
    assert model[alive]["notebook"] == "nb1.ipynb"
    assert (model[alive]["left_behind"], model[dead]["left_behind"]) == (False, True)
    held = terminal("ps", "--gpus", "--json").json["kernels"]
    assert [row["container_id"] for row in held] == [alive]
    assert terminal("stop", alive[:12]).status == 0
    assert terminal("ps", "--gpus").out == "No kernel holds a GPU.\n"


@pytest.mark.parametrize("how", ["container id", "short id", "kernel id", "short kernel", "name"])
def test_stop_by_any_name(terminal: Terminal, how: str) -> None:
    wanted, other = terminal.container(), terminal.container()
    target = {
        "container id": wanted,
        "short id": wanted[:12],
        "kernel id": "00000001-3e43-4b6c-9a54-1f3f8a7b0c11",
        "short kernel": "00000001",
        "name": "jupyter-kernel-1",
    }[how]
    ran = terminal("stop", target)
    assert (ran.status, ran.out) == (0, "Stopped PyTorch 2.6 · 1 GPU (nb1.ipynb).\n")
    assert terminal.containers() == [other]


@pytest.mark.parametrize("target", ["n.ipynb", "./n.ipynb", "work/n.ipynb", "{cwd}/n.ipynb"])
def test_stop_by_a_notebook_of_a_run(terminal: Terminal, target: str) -> None:
    """`run` names it by its whole path; the one in this folder comes before others."""
    here, elsewhere = f"{Path.cwd()}/n.ipynb", "/elsewhere/n.ipynb"
    wanted = terminal.container(notebook=here)
    terminal.container(notebook="another-n.ipynb")
    if target != "work/n.ipynb":  # no path from here
        terminal.container(notebook=elsewhere)
    ran = terminal("stop", target.format(cwd=Path.cwd()))
    assert (ran.status, ran.out) == (0, f"Stopped PyTorch 2.6 · 1 GPU ({here}).\n")
    assert wanted not in terminal.containers()


def test_stop_refuses_a_notebook_that_two_could_be(terminal: Terminal) -> None:
    """Neither is in this folder."""
    for folder in ("/one", "two"):
        terminal.container(notebook=f"{folder}/n.ipynb")
    ran = terminal("stop", "n.ipynb")
    assert ran.status == 1
    assert "“n.ipynb” could be 2 kernels." in ran.err
    assert len(terminal.containers()) == 2


def test_stop_several_and_one_of_them_twice(terminal: Terminal) -> None:
    one, two = terminal.container(), terminal.container()
    ran = terminal("stop", one, two, one[:12], "--json")
    assert [row["container_id"] for row in ran.json["stopped"]] == [one, two]
    assert terminal.containers() == []


def test_stop_refuses_what_it_does_not_know_and_stops_nothing(terminal: Terminal) -> None:
    known = terminal.container()
    ran = terminal("stop", known, "postgres")
    assert (ran.status, ran.out) == (1, "")
    assert "No kernel and no container of a kernel is called “postgres”." in ran.err
    assert terminal.containers() == [known]


@pytest.mark.parametrize("target", ["0000", "000"])
def test_stop_refuses_beginnings_that_are_not_enough(terminal: Terminal, target: str) -> None:
    both = [terminal.container(), terminal.container()]
    ran = terminal("stop", target)
    assert ran.status == 1
    assert ("could be 2 kernels" if target == "0000" else "is called “000”") in ran.err
    assert sorted(terminal.containers()) == sorted(both)


def test_stop_all_leaves_other_peoples_kernels_and_looks_in_progress(terminal: Terminal) -> None:
    terminal.container(), terminal.container(owner=ALIVE), terminal.container(purpose="probe")
    others = terminal.container(user="somebody")
    look = terminal.container(owner=ALIVE, purpose="probe")
    ran = terminal("stop", "--all")
    assert (ran.status, len(ran.out.splitlines())) == (0, 3)
    assert sorted(terminal.containers()) == sorted([others, look])
    assert terminal("stop", "--all").out == "No kernel of yours runs in a container.\n"


def test_stop_of_another_users_kernel(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = terminal.container(user="somebody")
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    ran = terminal("stop", theirs)
    assert (ran.status, terminal.containers()) == (1, [theirs])
    assert "belongs to somebody" in ran.err
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert terminal("stop", theirs).status == 0  # the administrator
