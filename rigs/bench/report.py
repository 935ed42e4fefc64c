"""The figures as a Markdown page with pictures, whose chapters can be replaced one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import chapters_kernels as kernels
from . import chapters_server as server
from . import goals, plots
from .tables import cell

INTRODUCTION = """\
# Performance

Written by `./run bench --markdown docs/performance.md`; do not edit. All times are medians of
interleaved rounds on one machine, in milliseconds: read the ratios, which other machines share,
rather than the times. The machine's other load is waited out, where it passes, and said in each
chapter; the ratio of minima is what it disturbs least.
"""

GOALS = """\
Ratios of medians to the native kernel of the same interleaved run. A goal that is missed is
explained by what the time consists of.
"""

PICTURES = "images/bench"  # below the page's folder

Chapter = Callable[[Mapping[str, Any], Any], list[str]]
CHAPTERS: dict[str, tuple[str, Chapter]] = {
    "starts": ("Start to first answer", kernels.starts),
    "network": ("What a network costs", kernels.network),
    "life": ("A kernel's life in a page", kernels.life),
    "bursts": ("Many starts at once", kernels.bursts),
    "traffic": ("Round trip and output", kernels.traffic),
    "footprint": ("Memory of kernels", kernels.footprint),
    "framework": ("A framework's image", kernels.framework),
    "idle": ("An idle server", server.idle),
    "memory": ("Memory of the server", server.memory),
    "listing": ("Listing images", server.listing),
    "pulls": ("Pulling an image", server.pulls),
    "verdicts": ("Verdicts", server.verdicts),
    "page": ("The page", server.page),
}


class Pictures:
    """Draws what chapters show; without a place for files nothing is drawn.

    Parameters
    ----------
    wanted : bool
        Whether there will be files beside the page.
    """

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self.files: dict[str, str] = {}  # content by name

    def __call__(self, stem: str, title: str, *arguments: Any, **options: Any) -> str:
        """Draw bars (`plots.bars`); return the Markdown that shows them."""
        if not self._wanted:
            return ""
        name = f"{stem}.svg"
        self.files[name] = plots.bars(title, *arguments, **options)
        return f"![{title}]({PICTURES}/{name})\n"


def page(results: Mapping[str, Any], pictures: Pictures) -> str:
    """Return the page for the results that `__main__` gathered; parts not measured are left out.

    Parameters
    ----------
    results : dict
        As written to JSON: ``machine``, ``left_out`` and a key for each part.
    """
    parts = [INTRODUCTION, _machine(results["machine"])]
    if rows := goals.rows(results):
        table = [goals.HEADER, goals.RULE, *rows.values()]
        parts += [goals.TITLE + "\n", GOALS, "\n".join([*table, ""])]
    for name, (title, chapter) in CHAPTERS.items():
        if name in results:
            found = results[name]
            parts += [f"## {title}\n", _measured(found["measured"])]
            if reason := found.get("left_out"):
                parts.append(f"Left out: {reason}.\n")
            else:
                parts += chapter(found, pictures)
                parts.append(kernels.failing(found))
    if left_out := results.get("left_out"):
        lines = [f"- {title} {cell(words, 200)}" for title, words in left_out.items()]
        parts += ["## Left out\n", "\n".join([*lines, ""])]
    return "\n".join(part for part in parts if part)


def write(file: Path, results: Mapping[str, Any], *, whole: bool) -> None:
    """Write the page and its pictures; of some parts, replace theirs in the page that is there."""
    pictures = Pictures(wanted=True)
    text = page(results, pictures)
    if not whole and file.exists():
        text = merged(file.read_text(encoding="utf-8"), text)
    file.write_text(text, encoding="utf-8")
    folder = file.parent / PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in pictures.files.items():
        (folder / name).write_text(content, encoding="utf-8")


def merged(old: str, new: str) -> str:
    """Return the old page with the new one's chapters and rows of goals in place of its own."""
    before, after = _chapters(old), _chapters(new)
    result = {**before, **{title: after[title] for title in after if title}}
    if goals.TITLE in after:
        result[goals.TITLE] = _merged_goals(before.get(goals.TITLE, ""), after[goals.TITLE])
    order = ["", goals.TITLE, *(f"## {title}" for title, _ in CHAPTERS.values())]
    names = sorted(result, key=lambda name: order.index(name) if name in order else len(order))
    return "\n".join(result[name].strip("\n") + "\n" for name in names)


def _merged_goals(old: str, new: str) -> str:
    """Replace rows by their first cell, in the order of the goals."""
    rows = {**_rows(old), **_rows(new)}
    order = [goal.work for goal in goals.GOALS]
    names = [name for name in order if name in rows]
    table = [goals.HEADER, goals.RULE, *(rows[name] for name in names)]
    return "\n".join([goals.TITLE + "\n", GOALS, "\n".join([*table, ""])])


def _rows(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return {line.split("|")[1].strip(): line for line in lines}


def _chapters(text: str) -> dict[str, str]:
    """Split a page at its headings of the second level; what comes before has no title."""
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    return {part.partition("\n")[0] if part.startswith("## ") else "": part for part in parts}


def _machine(machine: Mapping[str, Any]) -> str:
    lines = [f"| {key.replace('_', ' ')} | {value} |" for key, value in machine.items()]
    return "\n".join(["| measured on | |", "|---|---|", *lines, ""])


def _measured(how: Mapping[str, Any]) -> str:
    load = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in how["gate"].items())
    return f"Measured {how['date']}, {how['rounds']} rounds; other load: {load}.\n"
