"""Draws faults by a seed: so many of each part of the product, one for a file."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rigs.mutations.faults import NEAR, Fault, FaultList, lines_like
from rigs.mutations.python_sites import Site, python_sites
from rigs.mutations.typescript_sites import typescript_sites


@dataclass(frozen=True)
class Area:
    """A part of the product, and how many of 30 faults are drawn from it."""

    letter: str  # what the ids of its faults begin with
    folder: str
    suffix: str
    share: int


AREAS = (
    Area("s", "jupyter_gpu_containers/service", ".py", 12),
    Area("d", "jupyter_gpu_containers/backends/docker", ".py", 9),
    Area("m", "labextension/src/model", ".ts", 9),
)
_WHOLE = sum(area.share for area in AREAS)


def draw(root: Path, seed: int, number: int = _WHOLE) -> FaultList:
    """Draw faults from the files of a checkout; the same ones for the same files and seed."""
    faults: list[Fault] = []
    for area in AREAS:
        sites = _sites(root, area)
        random.Random(f"{seed} {area.folder}").shuffle(sites)
        one_for_a_file: dict[str, Site] = {}
        for file, site in sites:
            one_for_a_file.setdefault(file, site)
        wanted = round(number * area.share / _WHOLE)
        for index, (file, site) in enumerate(islice(one_for_a_file.items(), wanted), 1):
            name = f"{area.letter}{index:02}"
            faults.append(Fault(name, file, site.line, site.kind, site.old, site.new))
    return FaultList(seed, tuple(faults))


def _sites(root: Path, area: Area) -> list[tuple[str, Site]]:
    found = []
    for path in sorted((root / area.folder).rglob(f"*{area.suffix}")):
        if "__tests__" in path.parts:
            continue
        text = path.read_text("utf-8")
        sites = python_sites(text) if area.suffix == ".py" else typescript_sites(text)
        file = path.relative_to(root).as_posix()
        found += [(file, site) for site in sites if _can_be_found_again(site, text)]
    return found


def _can_be_found_again(site: Site, text: str) -> bool:
    """Whether its line is the only one of its kind around it."""
    numbers = lines_like(site.old, text)
    return site.old != site.new and sum(abs(n - site.line) <= NEAR for n in numbers) == 1
