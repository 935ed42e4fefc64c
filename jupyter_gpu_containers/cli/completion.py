"""``completion``: scripts that have shells complete words, options, and names that exist.

shtab writes what the parser knows; what exists is asked by `names` when Tab is pressed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .names import KINDS

SHELLS = ("bash", "zsh", "fish")
FUNCTION = "_jupyter_gpu_containers_"
FILES = {
    "files": {"zsh": "_files", "fish": "(__fish_complete_path (commandline -ct))"},
    "folders": {"zsh": "_files -/", "fish": "(__fish_complete_directories (commandline -ct))"},
}
_FOLDER = Path(__file__).parent / "shells"


def offer(action: argparse.Action, kind: str) -> None:
    """Have shells offer names for an argument: a kind of `names`, or "files", or "folders"."""
    shells = {"bash": FUNCTION + kind, "zsh": FUNCTION + kind, "fish": f"({FUNCTION}names {kind})"}
    if kind in FILES:
        shells |= FILES[kind]
    elif kind not in KINDS:
        raise ValueError(f"nobody tells names of the kind {kind}")
    action.complete = shells  # type: ignore[attr-defined]  # which shtab looks for


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return what a shell of `SHELLS` reads."""
    import shtab  # no other command needs it

    own = (_FOLDER / f"complete.{shell}").read_text()
    own = own.replace("@kinds@\n", "".join(map(_function, KINDS)))
    parser.prog = parser.prog.replace(" ", "-")  # shells know the first word alone
    if shell == "bash":  # whose function ours takes the place of
        return f"{shtab.complete(parser, shell)}\n\n{own}"
    text = str(shtab.complete(parser, shell, preamble=own))
    return text.replace('"(*)::', '"*::')  # zsh: what may be given often, not once


def _function(kind: str) -> str:
    """Return the function of a kind, as bash and zsh call it: without arguments of ours."""
    return f'{FUNCTION}{kind}() {{ {FUNCTION}names {kind} "$@"; }}\n'
