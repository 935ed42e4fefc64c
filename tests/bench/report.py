"""The figures as a Markdown page."""

from __future__ import annotations

import re
from collections import Counter
from textwrap import fill
from typing import Any

from . import verdicts
from .rounds import Sample, median, percentile

Cases = dict[str, list[Sample]]

INTRODUCTION = """\
# Performance

Written by `./run bench --markdown docs/performance.md`; do not edit. All times are medians of
interleaved rounds on one machine, in milliseconds: read the ratios, which other machines share,
rather than the times. The machine's other load is waited out, where it passes, and said below; the
ratio of minima is what it disturbs least.
"""

START = """\
From asking for a kernel until it has answered `1+1`, nothing warm: a new process or container each
time. “Native” is the ipykernel of the same virtual environment as Jupyter itself. The goals are
1.5 times the native start without a network and 1.8 times with a bridge network.
"""

SAME = """\
The image “same ipykernel” holds the very files of the native kernel's ipykernel, so that only the
container makes the difference; “{base}” is the distribution's own, older ipykernel,
which imports more. Into “kernel carried in” that same ipykernel is mounted, beside the packages of
an image that has none; it may take at most 1.10 times as long as “same ipykernel”.
"""

SERVER = """\
`POST /api/kernels` on a Jupyter server, then a websocket, until its `execute_reply` for `1+1`.
"""

PHASES = """\
Where a container's start spends its time, from the launches of the run above: *queued* (folders,
connection file), *creating* (GPU claim, the engine's create), *starting* (the engine's start, the
interpreter, ipykernel's imports, until the heartbeat answers).
"""

MEMORY = """\
Memory of the server's process after a page and the panel have loaded: what it shares counts by its
part (PSS) or not at all (USS). The goal is less than 40 MB more than without the extension.
"""

LISTING = """\
{images} images on the engine, {count} of them made for this. A listing makes **{next} request** of
the engine ({next_list}); the first one in a process makes {first} ({first_list}), since it
learns the engine's version and processor, too.
"""

PULLS = """\
An image of {layers} layers and {size:.0f} MB, from a registry on the same machine's loopback, and
so at a speed that hides nothing. A job asks the registry for the size before, and the engine for
its images' layers. The goal is a ratio of at most 1.03.
"""


VERDICTS = """\
{count} images judged on a machine: driver, GPU architectures, conditions, disk, processor. The goal
is less than 50 ms.
"""

THE_PAGE = """\
What the front end adds to JupyterLab in {browser}, headless, on the memory backend. Measured
{when}, load average {load}, {rounds} interleaved rounds; times are medians in milliseconds.

JupyterLab's start is from the navigation until it is restored and painted; the caches are warm.
“Painted” is the first GPU in the panel that was open when the page was left. “Busy” is what the
page's main thread did until nothing was asked for any more, which other load disturbs least. The
goal is that the panel adds at most 50 ms to the start.
"""

SCROLLING = """\
Frames while {gpus} GPUs and {images} images scroll at 4,000 pixels a second. This browser has
neither a screen nor a GPU: it makes 60 frames a second at most, and paints them on the processor.
So the same scroll of an empty page is what counts as 60.
"""

WEIGHT = """\
The bundle is {start:.0f} kB at JupyterLab's start and {all:.0f} kB in all, after gzip; the goal is
at most 150 kB. A page at rest with the panel open asked {asked} in {rest} s.
"""


def page(results: dict[str, Any]) -> str:
    """Return the page for the results that `__main__` gathered; sections not measured are left out.

    Parameters
    ----------
    results : dict
        As written to JSON: ``machine``, ``gate``, ``rounds`` and a key for each section.
    """
    parts = [INTRODUCTION, _machine(results)]
    if "starts" in results:
        parts += ["## Cold start through jupyter_client\n", START]
        if results["same_ipykernel"]:
            parts.append(SAME.format(base=results["base_image"]))
        parts += [
            _table(results["starts"]["cases"], "answer", "native"),
            "### Of it: until `start_kernel` returned\n",
            _table(results["starts"]["cases"], "start_kernel", "native"),
            "### Shutdown\n",
            _table(results["starts"]["cases"], "shutdown", "native"),
            "### Requests that a start and a shutdown make of the engine\n",
            _requests(results["engine_requests"]),
        ]
    if "server" in results:
        cases = results["server"]["cases"]
        parts += ["## Cold start through a Jupyter server\n", SERVER]
        parts.append(_table(cases, "answer", "native, stock server"))
        parts += [PHASES, _phases(results["phases"])]
    if "memory" in results:
        parts += ["## Memory of the server\n", MEMORY, _memory(results["memory"]["cases"])]
    if "listing" in results:
        listing = results["listing"]
        text = LISTING.format(
            images=listing["images"],
            count=listing["made"],
            next=len(listing["next"]),
            next_list=_codes(listing["next"]),
            first=len(listing["first"]),
            first_list=_codes(listing["first"]),
        )
        table = _table(listing["samples"]["cases"], "list", "one plain GET /images/json")
        text = fill(text, 100, break_long_words=False, break_on_hyphens=False)
        parts += ["## Listing images\n", text + "\n", table]
    if "pulls" in results:
        pulls = results["pulls"]
        text = PULLS.format(layers=pulls["layers"], size=pulls["size"] / 1e6)
        table = _table(pulls["samples"]["cases"], "pull", "docker pull")
        parts += ["## Pulling an image\n", fill(text, 100) + "\n", table]
    if "verdicts" in results:
        table = _table(results["verdicts"]["cases"], "judge", "one H200, nothing in common")
        parts += ["## Verdicts\n", VERDICTS.format(count=verdicts.COUNT), table]
    if "page" in results:
        parts += ["## The page\n", *_the_page(results["page"], results["machine"]["date"])]
    return "\n".join(parts)


def merged(old: str, new: str) -> str:
    """Return the old page with the sections of the new one in place of its own."""
    sections, found = _sections(old), _sections(new)
    replaced = {**sections, **{title: found[title] for title in found if title}}
    return "".join(replaced.values())


def _sections(text: str) -> dict[str, str]:
    """Split a page at its headings of the second level; what comes before has no title."""
    parts = re.split(r"^(?=## )", text.rstrip() + "\n\n", flags=re.MULTILINE)
    named = {part.partition("\n")[0] if part.startswith("## ") else "": part for part in parts}
    last = list(named)[-1]
    return {**named, last: named[last].rstrip() + "\n"} if len(named) == 1 else named


def _the_page(found: dict[str, Any], date: str) -> list[str]:
    lines = ["| start | n | restored | painted | busy |", "|---|--:|--:|--:|--:|"]
    for name, samples in found["starts"].items():
        figures = [
            f"{median(values) * 1000:.0f}" if values else ""
            for key in ("restored", "painted", "busy")
            for values in [[sample[key] for sample in samples if key in sample]]
        ]
        lines.append(f"| {name} | {len(samples)} | {' | '.join(figures)} |")
    frames = [
        "| scrolled | n | frames a second | ms a frame | p95 | ratio |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    base = median([sample["per_second"] for sample in next(iter(found["scrolls"].values()))])
    for name, samples in found["scrolls"].items():
        rate, middle, late = (
            median([sample[key] for sample in samples]) for key in ("per_second", "median", "p95")
        )
        row = f"{rate:.1f} | {middle * 1000:.1f} | {late * 1000:.1f} | {rate / base:.2f}"
        frames.append(f"| {name} | {len(samples)} | {row} |")
    asked = ", ".join(f"`{what}` {n} times" for what, n in sorted(found["requests"].items()))
    start = THE_PAGE.format(when=date, **{k: found[k] for k in ("browser", "load", "rounds")})
    weight = {key: size / 1000 for key, size in found["bundle"].items()}
    return [
        start,
        "\n".join([*lines, ""]),
        SCROLLING.format(gpus=found["gpus"], images=f"{found['images']:,}"),
        "\n".join([*frames, ""]),
        fill(WEIGHT.format(asked=asked or "nothing", rest=found["rest"], **weight), 100) + "\n",
    ]


def _machine(results: dict[str, Any]) -> str:
    machine, gate = results["machine"], results["gate"]
    lines = [f"| {key.replace('_', ' ')} | {value} |" for key, value in machine.items()]
    load = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in gate.items())
    lines.append(f"| rounds | {results['rounds']} |")
    lines.append(f"| other load | {load} |")
    return "\n".join(["| measured on | |", "|---|---|", *lines, ""])


def _table(cases: Cases, quantity: str, base: str) -> str:
    native = [sample[quantity] * 1000 for sample in cases[base]]
    lines = [
        "| case | n | median | p95 | minimum | ratio | ratio of minima |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, samples in cases.items():
        values = [sample[quantity] * 1000 for sample in samples]
        if values:
            figures = [median(values), percentile(values, 0.95), min(values)]
            ratios = f"{median(values) / median(native):.2f} | {min(values) / min(native):.2f}"
            lines.append(f"| {name} | {len(values)} | {_one_decimal(figures)} | {ratios} |")
    return "\n".join([*lines, ""])


def _phases(phases: dict[str, list[Sample]]) -> str:
    lines = ["| network | queued | creating | starting |", "|---|--:|--:|--:|"]
    for network, samples in phases.items():
        names = ("queued", "creating", "starting")
        times = [f"{median([s[name] for s in samples]) * 1000:.1f}" for name in names]
        lines.append(f"| {network} | {' | '.join(times)} |")
    return "\n".join([*lines, ""])


def _memory(cases: Cases) -> str:
    lines = ["| case | n | PSS, MB | USS, MB | RSS, MB |", "|---|--:|--:|--:|--:|"]
    medians: list[list[float]] = []
    for name, samples in cases.items():
        values = [median([s[key] for s in samples]) / 1e6 for key in ("pss", "uss", "rss")]
        medians.append(values)
        lines.append(f"| {name} | {len(samples)} | {_one_decimal(values)} |")
    more = [after - before for before, after in zip(*medians, strict=True)]
    lines.append(f"| **more with it** | | {_one_decimal(more)} |")
    return "\n".join([*lines, ""])


def _one_decimal(values: list[float]) -> str:
    return " | ".join(f"{value:.1f}" for value in values)


def _requests(requests: list[str]) -> str:
    return "\n".join([*(f"- `{_plain(request)}`" for request in requests), ""])


def _plain(request: str) -> str:
    """Leave out what differs from run to run: API version, ids, names."""
    request = re.sub(r"/v\d+\.\d+/", "/", request)
    return re.sub(r"[0-9a-f]{64}", "ID", re.sub(r"(?<=name=)[\w-]+", "NAME", request))


def _codes(requests: list[str]) -> str:
    counted = Counter(map(_plain, requests))
    return ", ".join(f"`{name}`" + f" {n} times" * (n > 1) for name, n in counted.items())
