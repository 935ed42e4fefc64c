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
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

PROPERTIES = ("cuda", "driver", "arch", "brand")
OPERATORS = ("=", "!=", "<", "<=", ">", ">=")
_CONDITION = re.compile(r"([^<>=!]+)([<>=!]+)", re.ASCII)
_VERSION = re.compile(r"[0-9.]*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+", re.ASCII)
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


@dataclass(frozen=True)
class Condition:
    """``property operator value``; `property` may be one that nobody knows."""

    property: str
    operator: str
    value: str

    def holds(self, facts: Facts) -> bool | None:
        """Tell whether it holds; None where it cannot be understood."""
        if self.property not in PROPERTIES:
            return None
        known: str | None = getattr(facts, self.property)
        if known is None:
            return True
        if self.property != "brand":
            return compare(known, self.operator, self.value)
        if self.operator not in ("=", "!="):
            return None
        return (known.lower() == self.value.lower()) is (self.operator == "=")

    def __str__(self) -> str:
        return self.property + self.operator + self.value


@dataclass(frozen=True)
class Malformed:
    """A condition without a property, a known operator or a value."""

    text: str

    def holds(self, facts: Facts) -> None:
        """It cannot be understood."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Requirement:
    """One variable's value.

    ``Requirement.parse(str(r)) == r`` for every requirement that was parsed.
    """

    terms: tuple[tuple[Condition | Malformed, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Parse any text; nothing is refused, since errors count only when they are reached."""
        return _parse(text)

    def evaluate(self, facts: Facts) -> Outcome:
        """Tell what NVIDIA's runtime would say for one GPU."""
        holds: bool | None = True
        for term in self.terms:
            for condition in term:
                holds = condition.holds(facts)
                if holds is None:
                    return Outcome.ERROR
                if not holds:
                    break
            else:
                break  # also for a lone comma, which leaves the result as it was
        return Outcome.PASS if holds else Outcome.FAIL

    def __str__(self) -> str:
        return " ".join(",".join(map(str, term)) or "," for term in self.terms)


@lru_cache(maxsize=512)  # a machine's images share a few base images, and so a few requirements
def _parse(text: str) -> Requirement:
    return Requirement(
        tuple(
            tuple(_condition(factor) for factor in term.split(",") if factor)
            for term in text.split(" ")
            if term
        )
    )


def _condition(text: str) -> Condition | Malformed:
    match = _CONDITION.match(text)
    if match is None or match.end() == len(text):
        return Malformed(text)
    name, run = match[1], match[2]
    operator = "!=" if run == "!" else run
    if operator not in OPERATORS:
        return Malformed(text)
    if name.lower() in PROPERTIES:
        name = name.lower()
    return Condition(name, operator, text[match.end() :])


@lru_cache(maxsize=4096)
def evaluate(text: str, facts: Facts) -> Outcome:
    """Evaluate one variable's value for one GPU."""
    return Requirement.parse(text).evaluate(facts)


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
    while left and right:
        ours, theirs = _NUMBER.match(left), _NUMBER.match(right)
        if ours is None or theirs is None:
            return None
        a, b = _size(ours[0]), _size(theirs[0])
        if a != b:
            return operator == "!=" or operator[0] == ("<" if a < b else ">")
        left, right = left[ours.end() :].lstrip("."), right[theirs.end() :].lstrip(".")
    more, less = bool(left.lstrip(".0")), bool(right.lstrip(".0"))
    if more == less:  # never both: one side is at its end
        return operator in ("=", "<=", ">=")
    return operator == "!=" or operator[0] == (">" if more else "<")


def _size(digits: str) -> tuple[int, str]:
    """Order numbers without converting them: Python refuses to convert thousands of digits."""
    digits = digits.lstrip("0")
    return len(digits), digits


def driver_branches(requirements: Iterable[str], facts: Facts) -> tuple[int, ...]:
    """Return the older driver branches that the requirements admit: ``driver>=470,driver<471``.

    They are those for which the image carries NVIDIA's forward-compatibility package. Branches
    of terms that name another brand than the GPU's are left out.
    """
    return tuple(
        sorted({branch for text in requirements for branch in _branches(text, facts.brand)})
    )


@lru_cache(maxsize=2048)
def _branches(text: str, brand: str | None) -> frozenset[int]:
    found = set()
    for term in Requirement.parse(text).terms:
        lowest = None
        for condition in term:
            if not isinstance(condition, Condition):
                break
            if condition.property == "brand" and not condition.holds(Facts(brand=brand)):
                break
            if (condition.property, condition.operator) == ("driver", ">="):
                lowest = condition.value.partition(".")[0]
        else:
            if lowest is not None and lowest.isdecimal() and len(lowest) < 6:
                found.add(int(lowest))
    return frozenset(found)
