"""Completion in shells: words, options, and names that exist, asked when Tab is pressed."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from jupyter_gpu_containers.cli import main
from jupyter_gpu_containers.cli.completion import SHELLS
from jupyter_gpu_containers.cli.names import KINDS, LONGEST
from tests.cli.conftest import TORCH, Terminal
from tests.rooms import MEMORY_IMAGE, Room
from tests.servers import Server

BIN = Path(sys.executable).parent
ODD = [
    "my notes.ipynb",
    "it's.ipynb",
    'a"b$c.ipynb',
    "Über.ipynb",
    "repo/image:1",
    "repo/image:2",
]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def tell(terminal: Terminal, capsys: Capture) -> Teller:
    """Ask for names in this process, on the terminal's engine."""
    found = Path(os.environ["JUPYTER_CONFIG_DIR"], "jupyter_gpu_containers_config.json")
    found.parent.mkdir(exist_ok=True)
    found.symlink_to(terminal.config_file)
    return Teller(capsys)


class Teller:
    """Returns the names of a kind."""

    def __init__(self, capsys: Capture) -> None:
        self._capsys = capsys

    def __call__(self, kind: str, begin: str = "") -> list[str]:
        assert main(["complete", kind, begin]) == 0
        out, err = self._capsys.readouterr()
        assert err == ""
        return [line.partition("\t")[0] for line in out.splitlines()]


def test_names_of_what_is_here(terminal: Terminal, tell: Teller) -> None:
    """What begins as typed; images, environments and registries."""
    for name in ("torch", "tensor"):
        assert terminal("environments", "add", TORCH, "--name", name).status == 0
    assert tell("environments") == ["tensor", "torch"]
    assert tell("environments", "to") == ["torch"]
    assert tell("environments", "x") == []
    assert TORCH in tell("images", "pytorch/")
    assert all(name.startswith("nvcr.io/") for name in tell("catalogue", "nvcr.io/"))
    assert tell("registries") == []


def test_kernels_by_their_notebooks_and_ids(terminal: Terminal, tell: Teller) -> None:
    """Mine alone; ids alone where a notebook has two; `stop` takes what does not run, too."""
    one = terminal.container(notebook="my notes.ipynb", command=("sleep", "600"))
    two = [terminal.container(notebook="twice.ipynb") for _ in range(2)]
    terminal.container(user="somebody")
    assert tell("kernels") == []  # none of them was started
    ids = [container[:12] for container in (one, *two)]
    assert sorted(tell("stoppable")) == sorted([*ids, "my notes.ipynb"])
    terminal.wait(terminal.backend.start(one))
    assert "my notes.ipynb" in tell("kernels")


def test_gpus_by_index_and_number(terminal: Terminal, tell: Teller) -> None:
    terminal.configure(fixed_gpus=[{"count": 2}, {"mig": ["1g.10gb", "2g.20gb"]}])
    whole, parts = ["0", "1"], [gpu["uuid"] for gpu in terminal("gpus", "--json").json["gpus"][2:]]
    assert tell("gpus") == [*whole, *parts]
    assert tell("gpus_or_count", "device=") == [f"device={name}" for name in (*whole, *parts)]
    assert tell("gpus_or_count", "device=1,") == [f"device=1,{name}" for name in ("0", *parts)]
    assert [name for name in tell("gpus_or_count") if "=" not in name] == list("01234")
    assert tell("profiles") == ["1g.10gb", "2g.20gb"]


def test_what_servers_know(memory_room: Room, capsys: Capture) -> None:
    tell = Teller(capsys)
    memory_room.configure(fixed_gpus=[{"count": 1}])
    memory_room.environment_now(MEMORY_IMAGE, name="torch", gpus=1)
    server = Server(memory_room)
    assert tell("servers") == [f"{server.url}/".replace("127.0.0.1", "localhost")]
    runs = server.launch(environment="torch", path="a b.ipynb")
    waits = server.launch(environment="torch")
    server.reached(runs, "running")
    server.reached(waits, "waiting")
    assert sorted(tell("launches")) == sorted([runs[:8], waits[:8], "a b.ipynb"])
    assert tell("running") == ["a b.ipynb", runs[:8]]
    assert tell("waiting") == tell("cancellable") == [waits[:8]]
    assert tell("jobs") == []
    assert server.terminate() == 0


def test_what_cannot_be_told_is_silence(terminal: Terminal, capsys: Capture) -> None:
    """No server, no such kind: nothing in the shell, on neither stream."""
    assert main(["complete", "launches"]) == 1
    assert main(["complete", "cobol"]) == main(["complete"]) == 2
    assert capsys.readouterr() == ("", "")


def test_an_engine_that_is_silent_does_not_hold_the_shell_up(tmp_path: Path) -> None:
    """It takes the connection, and never answers."""
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(tmp_path / "s"))
        engine.listen()
        ran = subprocess.run(
            [BIN / "jupyter-gpu-containers", "complete", "kernels"],
            env={**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/s"},
            capture_output=True,
            timeout=LONGEST + 20,
        )
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, b"", b"")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_knows_every_command(terminal: Terminal, shell: str) -> None:
    ran = terminal("completion", shell)
    assert (ran.status, ran.err) == (0, "")
    for word in ("environments", "verdict", "logs", "run", "follow"):
        assert word in ran.out
    assert terminal("completion", "cobol").status == 2


@pytest.fixture
def bash(terminal: Terminal, tmp_path: Path) -> Bash:
    """A bash that has read our script, beside a program that tells odd names."""
    names = "".join(f"{name}\tabout it\n" for name in ODD)
    program = tmp_path / "bin" / "jupyter-gpu-containers"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nprintf %s {shlex.quote(names)}; echo noise >&2\n")
    program.chmod(0o755)
    script = tmp_path / "complete.bash"
    script.write_text(terminal("completion", "bash").out)
    return Bash(script, program.parent)


class Bash:
    """Returns what COMPREPLY is, as readline would ask for it."""

    def __init__(self, script: Path, folder: Path) -> None:
        self.script, self._path = script, f"{folder}:{os.environ['PATH']}"

    def __call__(self, *words: str, line: str | None = None) -> list[str]:
        """``words`` are COMP_WORDS as bash breaks them; the last one is being typed."""
        function = f"$(complete -p {words[0]} | sed 's/.* -F \\([^ ]*\\) .*/\\1/')"
        code = (
            f". {self.script}\nCOMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}\n"
            f"COMP_LINE={shlex.quote(' '.join(words) if line is None else line)}\n"
            f"{function}\n" + r"printf '%s\n' ${COMPREPLY[@]+" + '"${COMPREPLY[@]}"}'
        )
        ran = subprocess.run(
            ["bash", "-uc", code],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PATH": self._path, "LC_ALL": "C.UTF-8"},
        )
        assert ran.stderr == ""
        return [line for line in ran.stdout.split("\n") if line]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("my", [r"my\ notes.ipynb"]),
        (r"my\ no", [r"my\ notes.ipynb"]),
        ('"my n', ['"my notes.ipynb"']),
        ("it", [r"it\'s.ipynb"]),
        ('a"', [r"a\"b\$c.ipynb"]),
        ("Ü", ["Über.ipynb"]),
        ("none", []),
    ],
)
def test_odd_names_are_quoted(bash: Bash, typed: str, offered: list[str]) -> None:
    """As one word, whatever is in it."""
    assert bash("jupyter-gpu-containers", "logs", "--tail", "5", typed) == offered
    assert bash("jupyter", "gpu-containers", "logs", "--tail", "5", typed) == offered


def test_words_that_bash_breaks(bash: Bash) -> None:
    """Readline replaces what is behind the last break, which : and = are."""
    start = ["jupyter", "gpu-containers", "inspect", "repo/image"]
    assert bash(*start) == ["repo/image:1", "repo/image:2"]
    line = "jupyter gpu-containers inspect repo/image:"
    assert bash(*start, ":", line=line) == ["1", "2"]
    assert bash(*start, ":", "1", line=f"{line}1") == ["1"]
    line = "jupyter-gpu-containers start --image=repo/image:2"
    words = ["jupyter-gpu-containers", "start", "--image", "=", "repo/image", ":", "2"]
    assert bash(*words, line=line) == ["2"]


def test_words_and_options(bash: Bash) -> None:
    assert bash("jupyter-gpu-containers", "env") == ["environments"]
    assert bash("jupyter", "gpu-containers", "environments", "sh") == ["show"]
    assert bash("jupyter", "gpu-containers", "logs", "--fo") == ["--follow"]
    assert bash("jupyter", "gpu-con") == ["gpu-containers"]


def test_another_completion_of_jupyter_stays(bash: Bash) -> None:
    """And the script may be read twice."""
    own = "_own() { COMPREPLY=(lab); }; complete -F _own jupyter\n"
    ours = bash.script.read_text()
    bash.script.write_text(f"{own}{ours}\n{ours}")
    assert bash("jupyter", "l") == ["lab"]
    assert bash("jupyter", "gpu-containers", "environments", "sh") == ["show"]


@pytest.fixture
def typed(terminal: Terminal, tmp_path: Path) -> dict[str, str]:
    """The environment of a shell in which the real program finds one environment."""
    assert terminal("environments", "add", TORCH, "--name", "torch-one").status == 0
    return {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "dumb"}


@pytest.mark.parametrize(
    ("shell", "begin"),
    [
        (["bash", "--norc", "--noprofile", "-i"], "bind 'set enable-bracketed-paste off'; "),
        (["zsh", "-f", "-i"], "unset zle_bracketed_paste; autoload -U compinit; compinit -u -D; "),
    ],
    ids=["bash", "zsh"],
)
def test_a_name_at_a_terminal(typed: dict[str, str], shell: list[str], begin: str) -> None:
    """Typed, with the real program behind it."""
    size = (24, 200)
    with pexpect.spawn(shell[0], shell[1:], env=typed, encoding="utf-8", dimensions=size) as at:
        at.sendline(f'{begin}eval "$(jupyter-gpu-containers completion {shell[0]})"; echo REA""DY')
        at.expect("READY", timeout=30)
        for program in ("jupyter-gpu-containers", "jupyter gpu-containers"):
            at.send(f"{program} environments show torch-\t")
            at.expect("show torch-one", timeout=30)
            at.sendcontrol("u")


def test_names_in_fish(typed: dict[str, str]) -> None:
    code = (
        "jupyter-gpu-containers completion fish | source; "
        "complete -C 'jupyter gpu-containers environments show to'; "
        "complete -C 'jupyter-gpu-containers start --gpus='"
    )
    fish = shutil.which("fish")
    assert fish is not None
    ran = subprocess.run(
        [fish, "--no-config", "-c", code], env=typed, capture_output=True, text=True, timeout=60
    )
    assert ran.stderr == ""
    names = [line.split("\t")[0] for line in ran.stdout.splitlines()]
    assert names[0] == "torch-one"
    assert names[1] == "--gpus=0"


def test_every_kind_can_be_asked(terminal: Terminal) -> None:
    """By some argument of some command, in each shell."""
    for shell in SHELLS:
        text = terminal("completion", shell).out
        for kind in KINDS:
            call = f"_jupyter_gpu_containers_{'names ' if shell == 'fish' else ''}{kind}"
            assert text.count(call) > (shell != "fish"), (shell, kind)
