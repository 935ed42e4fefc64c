"""A fault: one line of a file that becomes another one; the list of them; where a fault fits."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

LIST = Path(__file__).with_name("faults.json")
NEAR = 50  # lines up and down among which the old line must be the only one


class Gone(Exception):
    """A file no longer has the line of a fault, or has several like it; the text says which."""


@dataclass(frozen=True)
class Fault:
    """One small fault. `old` and `new` are whole lines without their indentation."""

    id: str
    file: str  # relative to the checkout
    line: int  # from 1, in the version that it was drawn from
    kind: str
    old: str
    new: str

    @property
    def is_python(self) -> bool:
        """Whether pytest is what can find it; else jest."""
        return self.file.endswith(".py")


@dataclass(frozen=True)
class FaultList:
    """Faults and the seed that they were drawn by."""

    seed: int
    faults: tuple[Fault, ...]

    def write(self, path: Path = LIST) -> None:
        """Keep the list."""
        rows = {"seed": self.seed, "faults": [asdict(fault) for fault in self.faults]}
        path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")


def read_list(path: Path = LIST) -> FaultList:
    """Read a list that was kept."""
    kept = json.loads(path.read_text("utf-8"))
    return FaultList(kept["seed"], tuple(Fault(**row) for row in kept["faults"]))


def where(fault: Fault, text: str) -> int:
    """Return the number, from 1, of the line that has the fault.

    Raises
    ------
    Gone
        The old line is not there, or there are several of which it may be any.
    """
    numbers = lines_like(fault.old, text)
    near = [number for number in numbers if abs(number - fault.line) <= NEAR]
    for found in (near, numbers):
        if len(found) == 1:
            return found[0]
        if found:
            places = ", ".join(map(str, found))
            raise Gone(f"{fault.file} has the line several times: {places}")
    raise Gone(f"{fault.file} no longer has the line: {fault.old}")


def lines_like(line: str, text: str) -> list[int]:
    """Return the numbers, from 1, of lines that are the same but for their indentation."""
    return [n for n, one in enumerate(text.split("\n"), 1) if one.strip() == line]


def with_fault(fault: Fault, text: str) -> str:
    """Return a file's text with the fault in it; raises Gone as `where` does."""
    index = where(fault, text) - 1
    lines = text.split("\n")
    indent = lines[index][: len(lines[index]) - len(lines[index].lstrip())]
    lines[index] = indent + fault.new
    return "\n".join(lines)


def chosen(faults: Iterable[Fault], ids: Iterable[str]) -> list[Fault]:
    """Return the faults with these ids; raises KeyError for an id that there is not."""
    by_id = {fault.id: fault for fault in faults}
    return [by_id[one] for one in ids]
