"""Tables fit, and no cell writes anything but its text."""

import io
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.cli.tables import GAP, NARROWEST, Style, _columns, moment, table

TITLES = ("NAME", "IMAGE")


def test_cells_are_aligned() -> None:
    assert table(TITLES, [("a", "x"), ("long-name", "y")], Style()).splitlines() == [
        "NAME       IMAGE",
        "a          x",
        "long-name  y",
    ]


def test_the_widest_cells_are_cut_first() -> None:
    text = table(TITLES, [("short", "nvcr.io/nvidia/pytorch:25.08-py3")], Style(width=24))
    assert text.splitlines() == ["NAME   IMAGE", "short  nvcr.io/nvidia/p…"]


def test_ids_and_times_are_whole_and_names_as_long_as_they_can() -> None:
    """They are typed again; what has no value in any row goes first."""
    titles = ("CONTAINER", "ENVIRONMENT", "GPUS", "SINCE", "IMAGE")
    row = ("af38578f6abc", "PyTorch 2.6 by NVIDIA · 2 GPUs", "", "2026-11-23 18:52", "team/image:1")
    lines = table(titles, [row], Style(width=60)).splitlines()
    assert lines[0].split() == ["CONTAINER", "ENVIRONMENT", "SINCE", "IMAGE"]
    assert "af38578f6abc  PyTorch 2.6 b…  2026" in lines[1]
    assert "2026-11-23 18:52" in lines[1]
    assert len(lines[1]) == 60
    assert table(titles, [row], Style(width=80)).endswith("  team/image:1")
    assert table(titles, [row], Style(width=200)).startswith("CONTAINER     ENVIRONMENT  ")
    assert "af38578f6abc" in table(titles, [row], Style(width=20))


@pytest.mark.parametrize("at", [0.0, 1764000000.0])
def test_a_moment_is_local(at: float) -> None:
    written = datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="milliseconds")
    local = datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")
    assert moment(at) == moment(written.replace("+00:00", "Z")) == local
    assert moment("") == ""


def test_wide_characters_take_two_columns() -> None:
    assert table(TITLES, [("研究", "x"), ("abcd", "y")], Style()).splitlines() == [
        "NAME  IMAGE",
        "研究  x",
        "abcd  y",
    ]


def test_an_empty_table_has_titles() -> None:
    assert table(TITLES, [], Style()) == "NAME  IMAGE"


def test_control_characters_do_not_reach_the_terminal() -> None:
    text = table(TITLES, [("\x1b]0;gotcha\x07", "a\nb\r\u202ec")], Style())
    assert text.splitlines()[1] == "]0;gotcha  abc"


cells = st.text(max_size=40)


@given(st.lists(st.tuples(cells, cells, cells), max_size=5), st.integers(20, 200))
def test_every_line_fits(rows: list[tuple[str, str, str]], width: int) -> None:
    lines = table(("A", "B", "C"), rows, Style(width=width)).split("\n")
    assert len(lines) == len(rows) + 1
    assert max(map(_columns, lines)) <= max(width, 3 * NARROWEST + 2 * GAP)


class Tty(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "colour"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),  # https://no-color.org: "not an empty string"
    ],
)
def test_colours_are_for_terminals_that_want_them(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], colour: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "72")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Style.of(Tty()) == Style(width=72, colour=colour)
    assert Style.of(io.StringIO()) == Style()


def test_paint() -> None:
    assert Style(colour=True).paint("x", "good") == "\x1b[32mx\x1b[0m"
    assert Style().paint("x", "good") == "x"
