"""Measures, in one run: starts, the server's memory, listing, pulls, verdicts, the page."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import docker

from jupyter_gpu_containers.backends.docker.client import find_engine

from . import listing, machine, memory, page, place, pulls, report, server, starts, verdicts
from .rounds import Gate

SECTIONS = ("starts", "server", "memory", "listing", "pulls", "verdicts", "page")


def main() -> None:
    """Read the command line, measure, write."""
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--rounds", type=int, default=15, help="samples per case (default: 15)")
    parser.add_argument(
        "--patience", type=float, default=10.0, help="seconds to wait for other load to pass"
    )
    parser.add_argument("--json", type=Path, help="write all samples to this file")
    parser.add_argument(
        "--markdown",
        type=Path,
        help="write to this file, not to stdout; with SECTIONs, only theirs are replaced in it",
    )
    options = parser.parse_args()
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    sections = options.sections or list(SECTIONS)
    results = asyncio.run(measure(sections, options.rounds, Gate(options.patience)))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    text = report.page(results)
    if options.markdown:
        if set(sections) < set(SECTIONS) and options.markdown.exists():
            text = report.merged(options.markdown.read_text(), text)
        options.markdown.write_text(text)
    else:
        print(text)
    errors = [error for name in SECTIONS for error in results.get(name, {}).get("errors", [])]
    if errors:
        sys.exit("Some rounds failed:\n" + "\n".join(errors))


async def measure(sections: list[str], rounds: int, gate: Gate) -> dict[str, Any]:
    """Return the figures of these sections, ready for JSON."""
    address = find_engine()
    if address is None or not address.startswith("unix://"):
        sys.exit("No engine's Unix socket was found: ./run bench starts one.")
    upstream = address.removeprefix("unix://")
    client = docker.DockerClient(base_url=address)
    base = place.base_image()
    results: dict[str, Any] = {"machine": machine.describe(client), "rounds": rounds}
    with place.Place() as here:
        try:
            same = place.same_ipykernel_image(client)
            images = {"same ipykernel": same} if same else {}
            images[base] = base
            results |= {"same_ipykernel": same is not None, "base_image": base}
            if "starts" in sections:
                if carried := place.carried_image():
                    images["kernel carried in"] = carried
                _say("cold starts through jupyter_client")
                results["starts"] = asdict(await starts.measure(here, images, rounds, gate))
                first = next(iter(images.values()))
                results["engine_requests"] = await starts.engine_requests(here, first, upstream)
            if "server" in sections:
                _say("cold starts through a server")
                names = await starts.environments(here, dict([next(iter(images.items()))]))
                samples, results["phases"] = await server.measure(here, names, rounds, gate)
                results["server"] = asdict(samples)
            if "memory" in sections:
                _say("memory of the server")
                results["memory"] = asdict(await memory.measure(here, min(rounds, 5), gate))
            if "listing" in sections:
                _say("listing of images")
                found = await listing.measure(here, client, upstream, rounds, gate)
                results["listing"] = asdict(found) | {"made": listing.COUNT}
            if "pulls" in sections:
                _say("pulls")
                results["pulls"] = asdict(await pulls.measure(here, client, upstream, rounds, gate))
            if "verdicts" in sections:
                _say("verdicts")
                results["verdicts"] = asdict(await verdicts.measure(rounds, gate))
            if "page" in sections:
                _say("the page")
                results["page"] = await page.measure(rounds, gate)
        finally:
            place.remove_images(client, [place.SAME])
            client.close()
    results["gate"] = gate.report()
    return results


def _say(what: str) -> None:
    print(f"==> Measuring: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
