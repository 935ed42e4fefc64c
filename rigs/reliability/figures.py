"""A figure of the documentation: what was measured, and what it has to be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    name: str
    measured: str
    goal: str
    met: bool

    def __str__(self) -> str:
        mark = "" if self.met else "  <-- missed"
        return f"{self.name} | {self.measured} | {self.goal}{mark}"
