"""The command: draw a list of faults, try them, show what came of it. `--help` tells more."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rigs.mutations.draw import draw
from rigs.mutations.faults import LIST, Fault, chosen, read_list
from rigs.mutations.jest_run import parses
from rigs.mutations.pytest_run import PytestOptions
from rigs.mutations.stages import Suite, engine_answers
from rigs.mutations.tree import resolved, work_tree
from rigs.mutations.trial import NothingRuns, Trial
from rigs.mutations.verdicts import Report, line, read_report, table

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the work tree is removed
    options = _parser().parse_args(arguments)
    if options.command == "list":
        made = draw(ROOT, options.seed, options.number)
        made.write(options.faults)
        print(f"{len(made.faults)} faults in {options.faults}")
        return 0
    faults = read_list(options.faults).faults
    if options.command == "table":
        print(table(read_report(options.report), faults))
        return 0
    return _run(options, faults)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rigs.mutations", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    drawn = commands.add_parser("list", help="draw faults")
    drawn.add_argument("--seed", type=int, default=20261125)
    drawn.add_argument("--number", type=int, default=30)
    run = commands.add_parser("run", help="try faults")
    run.add_argument("--ids", nargs="+", help="these alone")
    run.add_argument("--missed", type=Path, metavar="REPORT", help="what that run has not found")
    run.add_argument("--out", type=Path, default=Path("mutations.json"), help="the report")
    run.add_argument("--tests", nargs="+", default=["tests"], help="of these files and folders")
    run.add_argument("--commit", default="HEAD", help="the code; HEAD by default")
    run.add_argument(
        "--suite", help="the commit that the tests are of; that of the code by default"
    )
    run.add_argument("--whole", action="store_true", help="also the browser's tests")
    run.add_argument("--limit", type=float, default=3600, help="seconds for the tests of a stage")
    run.add_argument("--test-limit", type=int, default=120, help="seconds for a test")
    run.add_argument("--workers", type=int, default=2, help="of pytest, side by side")
    shown = commands.add_parser("table", help="show a report")
    shown.add_argument("report", type=Path)
    for command in (drawn, run, shown):
        command.add_argument("--faults", type=Path, default=LIST, help="another list")
    return parser


def _run(options: argparse.Namespace, all_faults: tuple[Fault, ...]) -> int:
    faults = list(all_faults)
    if options.missed:
        faults = chosen(faults, read_report(options.missed).missed())
    if options.ids:
        faults = chosen(faults, options.ids)
    commit = resolved(ROOT, options.commit)
    suite = resolved(ROOT, options.suite) if options.suite else commit
    report = _begun(options.out, Report(commit, suite, whole=options.whole, tests=options.tests))
    done = {verdict.id for verdict in report.verdicts}
    with work_tree(ROOT, commit, suite if suite != commit else None) as tree:
        report.engine = engine_answers(tree)
        limits = PytestOptions(options.limit, options.test_limit, options.workers)
        tests = Suite(tree, limits, options.tests, options.whole, report.engine)
        trial = Trial(
            tree, report.broken, lambda fault: fault.is_python or parses(tree, fault.file)
        )
        for fault in (one for one in faults if one.id not in done):
            try:
                verdict = trial.try_fault(fault, tests.stages(fault))
            except NothingRuns as exc:
                print(exc, file=sys.stderr)
                return 2
            report.verdicts.append(verdict)
            report.write(options.out)
            print(line(verdict), flush=True)
    print(table(report, all_faults))
    return 0


def _begun(path: Path, report: Report) -> Report:
    """Return what an interrupted run of the same has kept, else the report that begins."""
    if not path.exists():
        return report
    kept = read_report(path)
    if not kept.is_same_run(report):
        raise SystemExit(f"{path} is of another run: name another file with --out, or remove it")
    return kept


if __name__ == "__main__":
    sys.exit(main())
