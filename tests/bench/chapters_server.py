"""The page's chapters about the server and the page: memory, idling, images, verdicts, browser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from textwrap import fill
from typing import Any

from . import verdicts as judged
from .chapters_kernels import plain
from .idle import WITH, WITHOUT
from .rounds import median
from .tables import Cases, figures, table

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

IDLE = """\
Two servers idle side by side for {seconds:.0f} s, no page is open: processor time of the server's
process, and requests that it makes of the engine.
"""


def memory(found: Mapping[str, Any], picture: Any) -> list[str]:
    """Memory of the server's process."""
    return [MEMORY, _memory(found["cases"])]


def idle(found: Mapping[str, Any], picture: Any) -> list[str]:
    """An idle server."""
    lines = [
        "| case | n | CPU seconds a minute | p95 | engine requests a minute |",
        "|---|--:|--:|--:|--:|",
    ]
    for name in (WITHOUT, WITH):
        cpu, asked = (figures(found["cases"][name], key) for key in ("cpu", "requests"))
        assert cpu is not None
        assert asked is not None
        row = f"{cpu.count} | {cpu.median:.3f} | {cpu.p95:.3f} | {asked.median:.1f}"
        lines.append(f"| {name} | {row} |")
    seconds = found["window"] * len(found["cases"][WITH])
    return [IDLE.format(seconds=seconds), "\n".join([*lines, ""])]


def listing(found: Mapping[str, Any], picture: Any) -> list[str]:
    """The list of images."""
    text = LISTING.format(
        images=found["images"],
        count=found["made"],
        next=len(found["next"]),
        next_list=_codes(found["next"]),
        first=len(found["first"]),
        first_list=_codes(found["first"]),
    )
    text = fill(text, 100, break_long_words=False, break_on_hyphens=False)
    base = "one plain GET /images/json"
    return [text + "\n", table(found["samples"]["cases"], "list", base)]


def pulls(found: Mapping[str, Any], picture: Any) -> list[str]:
    """Pulls."""
    text = PULLS.format(layers=found["layers"], size=found["size"] / 1e6)
    return [fill(text, 100) + "\n", table(found["samples"]["cases"], "pull", "docker pull")]


def verdicts(found: Mapping[str, Any], picture: Any) -> list[str]:
    """Verdicts on images."""
    base = "one H200, nothing in common"
    return [VERDICTS.format(count=judged.COUNT), table(found["cases"], "judge", base)]


def page(found: Mapping[str, Any], picture: Any) -> list[str]:
    """The front end in a browser."""
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
    start = THE_PAGE.format(
        when=found["measured"]["date"], **{k: found[k] for k in ("browser", "load", "rounds")}
    )
    weight = {key: size / 1000 for key, size in found["bundle"].items()}
    return [
        start,
        "\n".join([*lines, ""]),
        SCROLLING.format(gpus=found["gpus"], images=f"{found['images']:,}"),
        "\n".join([*frames, ""]),
        fill(WEIGHT.format(asked=asked or "nothing", rest=found["rest"], **weight), 100) + "\n",
    ]


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


def _codes(requests: list[str]) -> str:
    counted = Counter(map(plain, requests))
    return ", ".join(f"`{name}`" + f" {n} times" * (n > 1) for name, n in counted.items())
