"""``report``: what GPUs were used for, by kernel, notebook or user; as a table, JSON or CSV."""

from __future__ import annotations

import argparse
import csv
import io
from datetime import datetime
from typing import Any

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.accounting.report import By, Report, Row, Sums
from jupyter_gpu_containers.service.services import Services
from jupyter_gpu_containers.web.report_serializers import report_model

from .outcome import Outcome
from .tables import Style, table

SINCE = "7d"
KNOWN = 0.95  # a share of the time above which a row does not say how much of it is known
FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # what spreadsheets take for one
WAITING = "(waiting)"
_TITLES = {
    By.USER: ("USER", "KERNELS"),
    By.NOTEBOOK: ("USER", "NOTEBOOK", "KERNELS"),
    By.KERNEL: ("USER", "KERNEL", "NOTEBOOK", "ENVIRONMENT"),
}


def add_report_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``report`` takes."""
    parser.add_argument(
        "--since",
        default=SINCE,
        metavar="TIME",
        help="12h, 7d, 2026-11-16 or 2026-11-16T08:00; default: 7d",
    )
    parser.add_argument(
        "--by",
        choices=[by.value for by in By],
        default=By.USER.value,
        help="what a row stands for; default: user",
    )
    parser.add_argument("--csv", action="store_true", help="print CSV, for spreadsheets")


async def report(services: Services, arguments: Any) -> Outcome:
    """``report``: schema ``Report`` of the contract; needs neither server nor engine."""
    if arguments.csv and arguments.json:
        raise InvalidRequestError("--json and --csv were both given.", "Choose one of them.")
    if services.operations.accounting.ledger is None:
        raise InvalidRequestError(
            "No ledger of GPU use is kept.", "Set c.GpuContainers.accounting_dir."
        )
    made = await services.gpu_report(arguments.since, By(arguments.by))
    model = report_model(made)
    return Outcome(model, lambda style: _csv(model) if arguments.csv else _text(made, style))


def _text(made: Report, style: Style) -> str:
    since = datetime.fromtimestamp(made.since).astimezone()
    if not made.rows:
        return f"No GPU was held since {since:%Y-%m-%d %H:%M}."
    titles = (*_TITLES[made.by], "GPUS", "HELD", "USED", "ENERGY", "MEASURED")
    rows = [(*_who(row, made.by), _gpus(row), *_sums(row.sums, row.running)) for row in made.rows]
    if len(rows) > 1:
        blank = [""] * (len(_TITLES[made.by]) - 1)
        rows.append(("all", *blank, "", *_sums(made.total, running=False)))
    when = f"Since {since:%Y-%m-%d %H:%M}."
    notes = [f"{when} HELD is hours times GPUs; USED is of the time that was measured."]
    if any(row.running for row in made.rows):
        notes.append("+ goes on; other servers write down every few minutes what they hold.")
    if any(row.waiting for row in made.rows):
        notes.append(f"{WAITING}: containers that hold GPUs for the next kernels (spare_gpus).")
    return "\n".join([table(titles, rows, style), "", *notes])


def _who(row: Row, by: By) -> tuple[str, ...]:
    user = row.user or "other users"
    if row.waiting:
        return {
            By.USER: (user, WAITING),
            By.NOTEBOOK: (user, WAITING, ""),
            By.KERNEL: (user, "", WAITING, row.environment),
        }[by]
    notebook = row.notebook or "(no notebook)"
    if by is By.USER:
        return user, str(row.kernels)
    if by is By.NOTEBOOK:
        return user, notebook if row.user else "", str(row.kernels)
    return user, row.kernel[:8], notebook if row.user else "", row.environment


def _gpus(row: Row) -> str:
    return ", ".join(
        dict.fromkeys(uuid if index is None else str(index) for uuid, index in row.gpus)
    )


def _sums(sums: Sums, running: bool) -> tuple[str, str, str, str]:
    idle = sums.idle_share
    energy = "" if sums.energy is None else _energy(sums.energy)
    if energy and sums.metered_share < KNOWN:
        energy += f" in {sums.metered_share:.0%}"
    return (
        f"{sums.held / 3600:.1f} h{' +' if running else ''}",
        "" if idle is None else f"{1 - idle:.0%}",
        energy,
        f"{sums.sampled_share:.0%}",
    )


def _energy(joules: float) -> str:
    hours = joules / 3600
    return f"{hours / 1000:.2f} kWh" if hours >= 1000 else f"{hours:.0f} Wh"


def _csv(model: dict[str, Any]) -> str:
    """Return the rows; what a spreadsheet would take for a formula is quoted."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["since", "until", *_columns(model["total"]), "gpus"])
    for row in model["rows"]:
        gpus = " ".join(gpu["uuid"] for gpu in row["gpus"])
        cells = [model["since"], model["until"], *(row.get(n) for n in _columns(model["total"]))]
        writer.writerow([_cell(value) for value in [*cells, gpus]])
    return file.getvalue().rstrip("\n")


def _columns(total: dict[str, Any]) -> list[str]:
    who = ["user", "notebook", "kernel", "environment", "image", "kernels", "first", "last"]
    return [*who, "waiting", "running", *total]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        plain = "".join(filter(str.isprintable, value))
        return f"'{plain}" if plain.startswith(FORMULAS) else plain
    return str(value).lower() if isinstance(value, bool) else str(value)
