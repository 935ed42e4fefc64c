"""``NVIDIA_REQUIRE_*``: its grammar, and its meaning as NVIDIA's container runtime takes it.

Nobody else checks these conditions where GPUs come by CDI, and where the runtime checks them it
knows nothing of minor-version compatibility; so they are evaluated here, quirks included. ::

    requirement = term {" " term}            any of the terms is to hold
    term        = condition {"," condition}  all of the conditions are to hold
    condition   = property operator value
    property    = "cuda" | "driver" | "arch" | "brand"     in any case
    operator    = "=" | "!=" | "<" | "<=" | ">" | ">=" | "!"

Versions are compared number by number, and missing numbers are zeros. What is not known of a
machine counts as fulfilled. A condition that cannot be understood is an error, but only when it is
reached.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from operator import eq, ge, gt, le, lt, ne
from typing import Any

PROPERTIES = ("cuda", "driver", "arch", "brand")
_CONDITION = re.compile(r"([^<>=!]+)(!=|<=|>=|[<>=!])(?![<>=!])(.+)", re.DOTALL)
# A term of the form in which NVIDIA names the driver branches of its cuda-compat packages.
_BRANCH = re.compile(
    r"(?<![^ ])(?:brand=([^<>=!, ]+),)?driver>=([1-9]\d{0,4})[\d.]*,driver<[\d.]+(?![^ ])", re.ASCII
)
_VERSION = re.compile(r"[0-9.]*", re.ASCII)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": eq,
    "!=": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}
_HINT = ", please update your driver to a newer version, or use an earlier cuda container"


class Outcome(str, Enum):
    """What became of a requirement."""

    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"  # it cannot be understood; NVIDIA's runtime refuses the container


@dataclass(frozen=True)
class Facts:
    """What a requirement is held against: one GPU and its driver. None is "not known"."""

    cuda: str | None = None  # the newest that the driver supports
    driver: str | None = None
    arch: str | None = None  # compute capability, "8.6"
    brand: str | None = None


Condition = tuple[str, str, str]  # property, operator, value; the property may be unknown
_Parsed = Condition | None  # None: without a property, a known operator or a value


def read_terms(text: str) -> Iterator[Iterator[_Parsed]]:
    """Parse term by term, each condition when it is asked for: mostly the first few decide.

    Nothing is refused, since errors count only when they are reached.
    """
    for term in text.split(" "):
        if term:
            yield map(_condition, filter(None, term.split(",")))


def _condition(text: str) -> _Parsed:
    match = _CONDITION.fullmatch(text)
    if match is None:
        return None
    name, operator, value = match.groups()
    if name not in PROPERTIES and name.lower() in PROPERTIES:
        name = name.lower()
    return name, "!=" if operator == "!" else operator, value


def holds(condition: _Parsed, facts: Facts) -> bool | None:
    """Tell whether a condition holds; None where it cannot be understood."""
    if condition is None:
        return None
    name, operator, value = condition
    if name not in PROPERTIES:
        return None
    known: str | None = getattr(facts, name)
    if known is None:
        return True
    if name != "brand":
        return compare(known, operator, value)
    if operator not in ("=", "!="):
        return None
    return (known.lower() == value.lower()) is (operator == "=")


def evaluate(text: str, facts: Facts) -> Outcome:
    """Tell what NVIDIA's runtime would say of one variable's value for one GPU."""
    result: bool | None = True
    for term in read_terms(text):
        for condition in term:
            result = holds(condition, facts)
            if result is None:
                return Outcome.ERROR
            if not result:
                break
        else:
            break  # also for a lone comma, which leaves the result as it was
    return Outcome.PASS if result else Outcome.FAIL


def unsatisfied(text: str) -> str:
    """Return the sentence with which NVIDIA's runtime refuses: it names the first term."""
    first = text.split(" ")[0]
    return f"unsatisfied condition: {first}" + (_HINT if first.startswith("cuda>=") else "")


def compare(left: str, operator: str, right: str) -> bool | None:
    """Compare two versions number by number; None where one of them is no version.

    >>> compare("12.4", "=", "12.4.0"), compare("470.182.03", ">=", "470")
    (True, True)
    """
    if not _VERSION.fullmatch(left) or not _VERSION.fullmatch(right):
        return None
    if left and right and "." in (left[0], right[0]):
        return None
    return _COMPARISONS[operator](_numbers(left), _numbers(right))


def _numbers(text: str) -> list[tuple[int, str]]:
    """Return what orders as the numbers do: Python refuses to convert thousands of digits."""
    digits = [part.lstrip("0") for part in text.split(".") if part]
    while digits and not digits[-1]:
        digits.pop()
    return [(len(part), part) for part in digits]


def driver_branches(requirements: Iterable[str], facts: Facts) -> dict[int, bool]:
    """Return the older driver branches that the requirements admit: ``driver>=470,driver<471``.

    They are those for which the image carries NVIDIA's forward-compatibility package, in order;
    True where no other brand than the GPU's is named with it.
    """
    named = [pair for text in requirements for pair in _BRANCH.findall(text.lower())]
    brands = {brand for brand, _ in named}
    if facts.brand is not None:
        brands &= {"", facts.brand.lower()}
    here = {branch for brand, branch in named if brand in brands}
    return {int(branch): branch in here for branch in sorted({b for _, b in named}, key=int)}
