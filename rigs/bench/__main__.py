"""Measures, in one run: kernels natively, in containers of ours and of others; server; page."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.backends.docker.client import find_engine

from . import (
    bursts,
    footprint,
    framework,
    goals,
    idle,
    life,
    listing,
    machine,
    memory,
    network,
    page,
    peers,
    pulls,
    report,
    starts,
    tables,
    traffic,
    verdicts,
)
from .bench import Bench, close_bench, open_bench
from .contenders import NATIVE
from .place import Place
from .rounds import Gate

ROUNDS = 15
FEW = 7  # rounds that are enough where a sample takes seconds and is compared with no goal of ours


async def _listing(bench: Bench) -> dict[str, Any]:
    found = await listing.measure(
        bench.place, bench.client, bench.upstream, bench.rounds, bench.gate
    )
    return asdict(found) | {"made": listing.COUNT}


async def _pulls(bench: Bench) -> dict[str, Any]:
    rounds = min(bench.rounds, FEW)
    return asdict(
        await pulls.measure(bench.place, bench.client, bench.upstream, rounds, bench.gate)
    )


async def _memory(bench: Bench) -> dict[str, Any]:
    return asdict(await memory.measure(bench.place, min(bench.rounds, 5), bench.gate))


async def _verdicts(bench: Bench) -> dict[str, Any]:
    return asdict(await verdicts.measure(bench.rounds, bench.gate))


async def _page(bench: Bench) -> dict[str, Any]:
    return await page.measure(bench.rounds, bench.gate)


PARTS: dict[str, tuple[Callable[[Bench], Awaitable[dict[str, Any]]], str]] = {
    "starts": (starts.measure, "starts of kernels through jupyter_client"),
    "network": (network.measure, "networks of containers"),
    "life": (life.measure, "lives of kernels on servers"),
    "bursts": (bursts.measure, "many starts at once"),
    "traffic": (traffic.measure, "round trips and output"),
    "footprint": (footprint.measure, "memory of kernels"),
    "framework": (framework.measure, "a framework's image"),
    "idle": (idle.measure, "idle servers"),
    "memory": (_memory, "memory of the server"),
    "listing": (_listing, "listing of images"),
    "pulls": (_pulls, "pulls"),
    "verdicts": (_verdicts, "verdicts"),
    "page": (_page, "the page"),
}


def main() -> None:
    """Read the command line, measure, write."""
    options = _options()
    names = options.parts or list(PARTS)
    results = asyncio.run(measure(names, options))
    results["goals"] = goals.verdicts(results)
    if options.json:
        options.json.write_text(json.dumps({**results, "summary": summary(results)}, indent=1))
    if options.markdown:
        report.write(options.markdown, results, whole=set(names) == set(PARTS))
    else:
        print(report.page(results, report.Pictures(wanted=False)))
    errors = [error for name in names for error in results[name].get("errors", [])]
    # what another product cannot do stands in the tables; that is no failure of the run
    own = [error for error in errors if not error.startswith(peers.TITLES)]
    if own:
        sys.exit("Some rounds failed:\n" + "\n".join(own))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="NAME", help=f"of {', '.join(PARTS)}")
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help=f"samples per case (default: {ROUNDS})"
    )
    parser.add_argument(
        "--patience", type=float, default=10.0, help="seconds to wait for other load to pass"
    )
    parser.add_argument("--image", help="a framework's image, for the part `framework`")
    parser.add_argument(
        "--no-peers",
        action="store_true",
        help="leave the other products out, which are installed from the package index",
    )
    parser.add_argument("--json", type=Path, help="write all samples to this file")
    parser.add_argument(
        "--markdown",
        type=Path,
        help="write to this file, not to stdout; with NAMEs, only their chapters of it",
    )
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    if options.rounds < 1:
        parser.error("at least one round")
    return options


async def measure(names: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of these parts, ready for JSON."""
    address = find_engine()
    if address is None or not address.startswith("unix://"):
        sys.exit("No engine's Unix socket was found: ./run bench starts one.")
    gate = Gate(options.patience)
    with Place() as here:
        bench = open_bench(
            here,
            address,
            options.rounds,
            gate,
            framework=options.image,
            peers=not options.no_peers,
        )
        try:
            results: dict[str, Any] = {"machine": machine.describe(bench.client)}
            for name, (part, what) in PARTS.items():
                if name in names:
                    print(f"==> Measuring: {what}", file=sys.stderr, flush=True)
                    bench.gate = Gate(options.patience)
                    results[name] = {**await part(bench), "measured": _measured(bench)}
            if bench.peers is not None:
                results["left_out"] = bench.peers.left_out
        finally:
            close_bench(bench)
    return results


def _measured(bench: Bench) -> dict[str, Any]:
    date = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    return {"date": date, "rounds": bench.rounds, "gate": bench.gate.report()}


def summary(results: dict[str, Any]) -> dict[str, Any]:
    """Return medians, spread and ratios of everything that has cases, by part."""
    found: dict[str, Any] = {}
    for name, result in results.items():
        if name not in PARTS:
            continue
        cases = result.get("cases") or result.get("samples", {}).get("cases") or {}
        base = NATIVE if NATIVE in cases else next(iter(cases), "")
        found[name] = tables.summary(cases, base)
        if with_libraries := result.get("libraries", {}).get("cases"):
            found[f"{name} libraries"] = tables.summary(with_libraries, base)
        for count, samples in result.get("counts", {}).items():
            found[f"{name} {count}"] = tables.summary(samples["cases"], NATIVE)
    return {name: one for name, one in found.items() if one}


if __name__ == "__main__":
    main()
