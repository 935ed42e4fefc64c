"""What is aimed at, and whether a run holds it: computed, with where the time goes where not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import contenders as c
from . import peers
from .tables import UNITS, Cases, figures, label, parts_of, ratio

HEADER = "| work | native | best other product | ours | ratio | goal | | where it goes |"
RULE = "|---|--:|--:|--:|--:|--:|---|---|"
TITLE = "## Goals"


@dataclass(frozen=True)
class Goal:
    """One row.

    Parameters
    ----------
    work : str
        What is done, unique.
    part : str
        Of the run.
    path : sequence of str
        Keys that lead from the part's results to its cases.
    quantity, case, base : str
        What is compared with what.
    limit : float
        The highest ratio that holds; for ``absolute`` the highest figure.
    parts : sequence of str
        Quantities that explain a miss; one that ends in a space is a prefix of names.
    why : str
        What a miss consists of, where the quantities alone do not say so.
    note : str
        What is told of the row whether it holds or not.
    """

    work: str
    part: str
    quantity: str
    case: str
    limit: float
    base: str = c.NATIVE
    path: Sequence[str] = ("cases",)
    unit: str = "ms"
    parts: Sequence[str] = ()
    why: str = ""
    note: str = ""
    absolute: bool = False


PHASES = ("phase ", "start_kernel")
MEMORY = ("kernel", "own", "shim", "other")
ADDRESS = "the engine's network hook and an address: see “What a network costs”"
RESTART = "the next interpreter is begun when the restart is ordered: one that waits takes memory"
FORKS = "only forks of one process share what no file holds (own): each container has its own"
RUNS = "runs differ, and not all of them hold: see “50 MB of output”"

GOALS = (
    Goal("cold start to first answer, no network", "starts", "answer", c.COLD, 1.0, parts=PHASES),
    Goal(
        *("cold start, with internet access", "starts", "answer", c.COLD_BRIDGE, 1.05),
        parts=PHASES,
        why=ADDRESS,
    ),
    Goal("cold start, kernel carried in", "starts", "answer", c.CARRIED, 1.05, parts=PHASES),
    Goal("warm start to first answer", "starts", "answer", c.WARM, 0.12, parts=PHASES),
    Goal("start in a page, cold", "life", "answer", c.COLD, 0.95, parts=("phase ", "post")),
    Goal("start in a page, warm", "life", "answer", c.WARM, 0.22, parts=("phase ", "post")),
    *(
        Goal(
            f"10 starts at once, {word}",
            "bursts",
            "all",
            case,
            limit,
            path=("counts", "10", "cases"),
            parts=("first", "middle"),
        )
        for word, case, limit in (("cold", c.COLD, 1.1), ("warm", c.WARM, 0.15))
    ),
    Goal(
        "restart to first answer, cold", "life", "restart", c.COLD, 1.1, parts=("restart request",)
    ),
    Goal(
        *("restart to first answer, warm", "life", "restart", c.WARM, 0.3),
        parts=("restart request",),
        why=RESTART,
    ),
    Goal("shutdown as the user sees it", "life", "shutdown", c.COLD, 1.0),
    Goal("execute round trip", "traffic", "round_trip", c.COLD, 1.05, parts=("late",)),
    Goal("50 MB of output", "traffic", "output", c.COLD, 1.1, note=RUNS),
    Goal("memory of an idle kernel", "footprint", "pss", c.COLD, 1.10, unit="MB", parts=MEMORY),
    Goal("memory, warm", "footprint", "pss", c.WARM, 0.7, unit="MB", parts=MEMORY, why=FORKS),
    Goal(
        *("memory, warm, with numpy, pandas and pyplot", "footprint", "pss", c.WARM, 0.5),
        path=("libraries", "cases"),
        unit="MB",
        parts=MEMORY,
        why=FORKS,
    ),
    Goal(
        "200 images listed",
        "listing",
        "list",
        "Images.list()",
        1.5,
        base="one plain GET /images/json",
        path=("samples", "cases"),
    ),
)


def rows(results: Mapping[str, Any]) -> dict[str, str]:
    """Return a Markdown row for each goal whose part was measured, by the work's name."""
    return {goal.work: _row(goal, results[goal.part]) for goal in GOALS if goal.part in results}


def verdicts(results: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return ratio, goal and whether it holds, for JSON; ``holds`` is None where not measured."""
    found = {}
    for goal in GOALS:
        if goal.part in results:
            value = ratio(_cases(goal, results[goal.part]), goal.quantity, goal.case, goal.base)
            holds = None if value is None else value <= goal.limit
            found[goal.work] = {"ratio": value, "goal": goal.limit, "holds": holds}
    return found


def _cases(goal: Goal, found: Any) -> Cases:
    for key in goal.path:
        found = found.get(key, {})
    cases: Cases = found
    return cases


def _row(goal: Goal, found: Any) -> str:
    cases = _cases(goal, found)
    value = ratio(cases, goal.quantity, goal.case, goal.base)
    own = figures(cases.get(goal.case, ()), goal.quantity)
    base = figures(cases.get(goal.base, ()), goal.quantity)
    shown = [
        f"{one.median * UNITS[goal.unit]:.1f} {goal.unit}" if one else "" for one in (base, own)
    ]
    if value is None:
        ratio_text, word, why = "", "not measured", _reason(goal, found)
    else:
        holds = value <= goal.limit
        ratio_text, word = f"{value:.2f}", "holds" if holds else "**missed**"
        reasons = ["" if holds else _where(goal, cases), goal.note]
        why = "; ".join(reason for reason in reasons if reason)
    return (
        f"| {goal.work} | {shown[0]} | {_best(goal, cases, found)} | {shown[1]} | {ratio_text} "
        f"| ≤ {goal.limit:.2f} | {word} | {why} |"
    )


def _reason(goal: Goal, found: Any) -> str:
    for key in (*goal.path, ""):
        if "left_out" in found:
            return str(found["left_out"])
        found = found.get(key, {})
    if goal.case == c.WARM and not c.has_spares():
        return "this version keeps no containers ready"
    return ""


def _best(goal: Goal, cases: Cases, found: Any) -> str:
    """Return the best ratio among the other products, or that all of them fail."""
    there = [title for title in peers.TITLES if title in cases]
    values = [ratio(cases, goal.quantity, title, goal.base) for title in there]
    known = [value for value in values if value is not None]
    if known:
        return f"{min(known):.2f}"
    failed = found.get("failed_steps", {})
    if there and all(goal.quantity in failed.get(title, {}) for title in there):
        return "fails"
    return ""


def _where(goal: Goal, cases: Cases) -> str:
    """Return the medians of what a case consists of, beside the base's."""
    texts = []
    for name, case in (("ours", goal.case), ("native", goal.base)):
        mine = {case: cases.get(case, ())}
        names: list[str] = []
        for part in goal.parts:
            prefixed = parts_of(mine, part) if part.endswith(" ") else [part]
            names += [one for one in prefixed if one not in names]
        found = {one: figures(mine[case], one) for one in names}
        listed = [
            f"{label(one)} {known.median * UNITS[goal.unit]:.0f}"
            for one, known in found.items()
            if known is not None
        ]
        if listed:
            texts.append(f"{name}: {', '.join(listed)}")
    return "; ".join([*texts, goal.why] if goal.why else texts)
