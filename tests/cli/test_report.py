"""``report``: what GPUs were used for, from the ledger alone; no server, no engine."""

from __future__ import annotations

import csv
import io
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from jupyter_core.paths import jupyter_data_dir

from jupyter_gpu_containers.model.accounting.stretch import Event, Holding, Stretch
from jupyter_gpu_containers.service.accounting.ledger import Ledger
from jupyter_gpu_containers.web.contract import validate
from tests.cli.conftest import Terminal

HOUR = 3600.0
TRAIN = Holding(
    *("c1", "GPU-1", 0, "NVIDIA H200", "0d1f2a3b-3e43", "ada", "train.ipynb", "torch"),
    "nvcr.io/nvidia/pytorch:25.08-py3",
)
PLAY = replace(TRAIN, container="c2", gpu="GPU-2", index=1, kernel="77aa", notebook="=2+5 play")


@pytest.fixture
def now() -> float:
    return time.time()


@pytest.fixture
def used(terminal: Terminal, now: float) -> Terminal:
    """A terminal of a user who has a ledger."""
    folder = Path(jupyter_data_dir(), "gpu_containers", "accounting")
    measured = Stretch(
        *(TRAIN, now - 10 * HOUR, now - 2 * HOUR, Event.END),
        *(8 * HOUR, 2 * HOUR, 9e6, 8 * HOUR),
    )
    Ledger(folder, size=1 << 20, months=13).write(
        [
            measured,
            Stretch(PLAY, now - 30 * 86400, now - 29 * 86400, Event.END),
            Stretch(PLAY, now - HOUR, now - 60),
        ]
    )
    return terminal


def test_by_user(used: Terminal) -> None:
    ran = used("report")
    assert (ran.status, ran.err) == (0, "")
    titles, row, _, note, goes_on = ran.out.splitlines()
    assert titles.split() == ["USER", "KERNELS", "GPUS", "HELD", "USED", "ENERGY", "MEASURED"]
    assert " ".join(row.split()) == "ada 2 0, 1 9.0 h + 25% 2.50 kWh in 89% 89%"
    since = datetime.fromtimestamp(time.time() - 7 * 86400)
    assert note.startswith(f"Since {since:%Y-%m-%d}")
    assert goes_on.startswith("+ goes on")


def test_by_notebook_with_a_sum(used: Terminal) -> None:
    rows = [" ".join(row.split()) for row in used("report", "--by", "notebook").out.splitlines()]
    assert rows[1:4] == [
        "ada train.ipynb 1 0 8.0 h 25% 2.50 kWh 100%",
        "ada =2+5 play 1 1 1.0 h + 0%",
        "all 9.0 h 25% 2.50 kWh in 89% 89%",
    ]


@pytest.mark.parametrize(
    ("by", "line"),
    [
        ("user", "ada (waiting) 0 2.0 h 0%"),
        ("notebook", "ada (waiting) 0 2.0 h 0%"),
        ("kernel", "ada (waiting) torch 0 2.0 h 0%"),
    ],
)
def test_what_waited_for_kernels(terminal: Terminal, now: float, by: str, line: str) -> None:
    folder = Path(jupyter_data_dir(), "gpu_containers", "accounting")
    waited = replace(TRAIN, notebook="", waiting=True)
    Ledger(folder, size=1 << 20, months=13).write(
        [Stretch(waited, now - 3 * HOUR, now - HOUR, Event.END)]
    )
    out = terminal("report", "--by", by).out
    assert " ".join(out.splitlines()[1].split()) == line
    assert out.splitlines()[-1].startswith("(waiting): ")
    validate("Report", told := terminal("report", "--by", by, "--json").json)
    (row,) = told["rows"]
    assert (row["waiting"], row["kernels"], row["kernel"]) == (True, 0, "")


def test_by_kernel_since_a_day(used: Terminal, now: float) -> None:
    day = datetime.fromtimestamp(now - 40 * 86400)
    ran = used("report", "--since", f"{day:%Y-%m-%d}", "--by", "kernel", "--json")
    assert ran.status == 0
    validate("Report", ran.json)
    first, second = ran.json["rows"]
    assert (first["kernel"], round(first["held_s"] / HOUR)) == ("77aa", 25)
    assert (first["idle_share"], first["used_s"], first["energy_j"]) == (None, None, None)
    assert (second["image"], second["idle_share"], second["running"]) == (
        *("nvcr.io/nvidia/pytorch:25.08-py3", 0.75),
        False,
    )
    assert second["gpus"] == [{"uuid": "GPU-1", "index": 0}]
    assert round(ran.json["total"]["held_s"] / HOUR) == 33


def test_csv_has_no_formulas(used: Terminal) -> None:
    ran = used("report", "--by", "notebook", "--csv")
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert [row["notebook"] for row in rows] == ["train.ipynb", "'=2+5 play"]
    assert rows[0]["held_s"] == "28800.0"
    assert (rows[1]["energy_j"], rows[1]["running"], rows[1]["gpus"]) == ("", "true", "GPU-2")


def test_nothing_was_held(terminal: Terminal) -> None:
    ran = terminal("report", "--since", "12h")
    assert ran.status == 0
    assert ran.out.startswith("No GPU was held since ")
    assert len(terminal("report", "--csv").out.splitlines()) == 1  # the titles
    assert terminal("report", "--json").json["rows"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--since", "yesterday"], "neither a time to go back nor a date"),
        (["--since", "2999-01-01"], "is not in the past"),
        (["--csv", "--json"], "both"),
    ],
)
def test_what_cannot_be_told(terminal: Terminal, words: list[str], said: str) -> None:
    ran = terminal("report", *words)
    assert ran.status == 1
    assert said in ran.out + ran.err


def test_without_a_ledger(terminal: Terminal) -> None:
    terminal.configure(accounting_dir=None)
    ran = terminal("report")
    assert ran.status == 1
    assert "accounting_dir" in ran.err
