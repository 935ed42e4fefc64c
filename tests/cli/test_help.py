"""``--help`` of every command: examples that are understood, exit codes, and every option told."""

from __future__ import annotations

import re
import shlex

import pytest

from jupyter_gpu_containers.cli.examples import EXAMPLES, below
from jupyter_gpu_containers.cli.parser import PROGRAM, _parser, parse

COMMANDS = dict(below(_parser()))
LINES = [line for lines in EXAMPLES.values() for line in lines]


def test_every_command_has_examples() -> None:
    assert set(EXAMPLES) == set(COMMANDS)
    for name, lines in EXAMPLES.items():
        assert lines
        assert all(line.startswith(name) for line in lines)


@pytest.mark.parametrize("line", LINES)
def test_an_example_is_understood(line: str) -> None:
    words = shlex.split(re.split(" [|<>] ", line)[0])
    if words[0] == "completion":  # which prints and leaves
        with pytest.raises(SystemExit) as left:
            parse(words)
        assert left.value.code == 0
    else:
        assert callable(parse(words).command)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_whole(name: str) -> None:
    sub = COMMANDS[name]
    text = sub.format_help()
    assert sub.description
    assert text.index("examples:\n") < text.index("exit codes:\n")
    assert f"  {PROGRAM} {name}" in text
    for code in (0, 2, 130, 143):
        assert f"\n  {code:<4} " in text
    for action in sub._actions:
        if action.option_strings:
            assert action.help, (name, action.option_strings)
