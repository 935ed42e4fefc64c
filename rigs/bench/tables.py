"""Samples as tables: medians, spread, and ratios to a case of the same run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .rounds import Sample, median, percentile

Cases = Mapping[str, Sequence[Sample]]

UNITS = {"ms": 1e3, "s": 1.0, "MB": 1e-6}  # what a figure is multiplied by


@dataclass(frozen=True)
class Figures:
    """One case's samples of one quantity, in the quantity's own unit."""

    count: int
    median: float
    p95: float
    minimum: float


def figures(samples: Iterable[Sample], quantity: str) -> Figures | None:
    """Return the statistics of a quantity; None where no sample has it."""
    values = [sample[quantity] for sample in samples if quantity in sample]
    if not values:
        return None
    return Figures(len(values), median(values), percentile(values, 0.95), min(values))


def ratio(cases: Cases, quantity: str, case: str, base: str) -> float | None:
    """Return a case's median over the base's; None where either was not measured."""
    one = figures(cases.get(case, ()), quantity)
    other = figures(cases.get(base, ()), quantity)
    if one is None or other is None or not other.median:
        return None
    return one.median / other.median


def table(
    cases: Cases,
    quantity: str,
    base: str,
    *,
    unit: str = "ms",
    failures: Mapping[str, str] | None = None,
    digits: int = 1,
) -> str:
    """Return a Markdown table of all cases; one that failed has its words in the place of figures.

    Parameters
    ----------
    failures : mapping
        By case, why it has no samples.
    """
    lines = [
        f"| case | n | median, {unit} | p95 | minimum | ratio | ratio of minima |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    other = figures(cases.get(base, ()), quantity)
    for name, samples in cases.items():
        found = figures(samples, quantity)
        if found is not None:
            values = (found.median, found.p95, found.minimum)
            shown = " | ".join(f"{value * UNITS[unit]:.{digits}f}" for value in values)
            ratios = " | "
            if other is not None and other.median and other.minimum:
                ratios = f"{found.median / other.median:.2f} | {found.minimum / other.minimum:.2f}"
            lines.append(f"| {name} | {found.count} | {shown} | {ratios} |")
        elif words := (failures or {}).get(name):
            lines.append(f"| {name} | 0 | fails: {cell(words)} | | | | |")
    return "\n".join([*lines, ""])


def composition(cases: Cases, parts: Sequence[str], *, unit: str = "ms", digits: int = 1) -> str:
    """Return a table of the medians of several quantities, for the cases that have any of them."""
    lines = [f"| case | {' | '.join(label(part) for part in parts)} |"]
    lines.append("|---|" + "--:|" * len(parts))
    for name, samples in cases.items():
        found = [figures(samples, part) for part in parts]
        if any(found):
            shown = [f"{one.median * UNITS[unit]:.{digits}f}" if one else "" for one in found]
            lines.append(f"| {name} | {' | '.join(shown)} |")
    return "\n".join([*lines, ""])


def parts_of(cases: Cases, prefix: str) -> list[str]:
    """Return the names of quantities with a prefix, in the order in which samples have them."""
    names: dict[str, None] = {}
    for samples in cases.values():
        for sample in samples:
            names.update(dict.fromkeys(name for name in sample if name.startswith(prefix)))
    return list(names)


def label(quantity: str) -> str:
    """Return a quantity's name for people."""
    return quantity.removeprefix("phase ").replace("_", " ")


def cell(text: str, length: int = 120) -> str:
    """Return text that stays within a cell of a table, and within a line."""
    plain = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
    return plain if len(plain) <= length else plain[: length - 1].rstrip() + "…"


def summary(cases: Cases, base: str) -> dict[str, dict[str, dict[str, float]]]:
    """Return all figures by case and quantity, with ratios, for JSON."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, samples in cases.items():
        quantities = dict.fromkeys(key for sample in samples for key in sample)
        for quantity in quantities:
            one = figures(samples, quantity)
            assert one is not None
            row = {"n": one.count, "median": one.median, "p95": one.p95, "minimum": one.minimum}
            if (value := ratio(cases, quantity, name, base)) is not None:
                row["ratio"] = value
            found.setdefault(name, {})[quantity] = row
    return found
