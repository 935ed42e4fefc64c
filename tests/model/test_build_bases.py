"""Which images a Dockerfile takes, also where somebody hides one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.model.image.build_bases import bases_of


@pytest.mark.parametrize(
    ("dockerfile", "bases"),
    [
        ("FROM ubuntu:22.04\nRUN true", ["ubuntu:22.04"]),
        ("from --platform=linux/amd64 a/b as X\nFROM x\nFROM scratch\nCOPY --from=0 / /", ["a/b"]),
        ("FROM a\nCOPY --chown=1 --from=evil/x:1 / /", ["a", "evil/x:1"]),
        ("FROM a\nADD\t--from=evil/x / /", ["a", "evil/x"]),
        ("FROM a\nRUN --mount=type=bind,from=evil/x,target=/x true", ["a", "evil/x"]),
        ("FROM a\nONBUILD COPY --from=evil/x / /", ["a", "evil/x"]),
        ("# syntax=evil/frontend:1\nFROM a", ["evil/frontend:1", "a"]),
        ("ARG TAG=1\nARG NAME=a/b\nFROM ${NAME}:$TAG", ["a/b:1"]),
        ("FROM ${NAME:-a/b}", ["a/b"]),
        ("FROM $NAME", ["$NAME"]),
        ("FROM ${NAME:+evil}", ["${NAME:+evil}"]),
        # a stage's variable names no base of the next stage
        ("ARG X=evil/x\nFROM a\nARG X=a\nFROM $X", ["a", "evil/x"]),
        ("FROM \\\n  # why\n\n evil/x", ["evil/x"]),
        # what continues a line, and where a here-document ends, depends on the reader
        ("# escape=`\nFROM a\nRUN dir c:\\\nFROM evil/x", ["a", "evil/x"]),
        ("FROM a\nRUN true `\nFROM evil/x", ["a", "evil/x"]),
        ("FROM a\nRUN <<E\nFROM a AS evil\nE\nFROM evil", ["a", "evil"]),
        ("FROM a\nRUN echo <<E\nFROM evil/x", ["a", "evil/x"]),
        ("\ufeffFROM a", ["a"]),
        ("", []),
    ],
)
def test_what_a_dockerfile_takes(dockerfile: str, bases: list[str]) -> None:
    assert bases_of(dockerfile) == bases


lines = st.sampled_from(
    ["RUN x \\", "RUN x `", "RUN <<E", "E", "# escape=`", "", "FROM a AS b", "ARG X=1", "COPY . ."]
)


@given(st.lists(lines, max_size=8))
def test_no_lines_before_it_hide_a_base(before: list[str]) -> None:
    """Only a line that it continues, for one reader and the other, takes a FROM its meaning."""
    text = "\n".join([*before, "", "FROM evil/x"])
    continued = "".join(before[-1:]).endswith(("\\", "`"))
    assert "evil/x" in bases_of(text) or continued


@given(st.text(alphabet="FROM ARGCPYUN\\`\n\"'$:{}<=-#as/0", max_size=200))
def test_nothing_is_a_crash(text: str) -> None:
    assert isinstance(bases_of(text), list)
