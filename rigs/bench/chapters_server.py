"""The page's chapters about the server and the page: memory, idling, images, verdicts, browser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from . import verdicts as judged
from .chapters_kernels import plain
from .idle import WITH, WITHOUT
from .rounds import Sample, median
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
“More” is more than without the extension; “painted” is the first GPU in the panel that was open
when the page was left. “Busy” is processor time of the page's main thread until nothing was asked
for any more, which other load disturbs least. The goal is that the panel adds at most 50 ms to the
start.
"""

SCROLLING = """\
Frames while {gpus} GPUs and {images} images scroll at 4,000 pixels a second. This browser has
neither a screen nor a GPU: it makes 60 frames a second at most, and paints them on the processor.
So the same scroll of an empty page is what counts as 60. “Busy” is processor time of the page's
main thread for each frame, of the 16.7 ms that there are.
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
    lines = [
        "| start | n | restored | more | painted | busy | more |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    first = next(iter(found["starts"].values()))
    for name, samples in found["starts"].items():
        row = [
            _milliseconds(samples, "restored"),
            _milliseconds(samples, "restored", first),
            _milliseconds(samples, "painted"),
            _milliseconds(samples, "busy"),
            _milliseconds(samples, "busy", first),
        ]
        lines.append(f"| {name} | {len(samples)} | {' | '.join(row)} |")
    frames = [
        "| scrolled | n | frames a second | missed | ms a frame | p95 | busy | ratio |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    base = median([sample["per_second"] for sample in next(iter(found["scrolls"].values()))])
    for name, samples in found["scrolls"].items():
        rate, *times = (
            median([sample[key] for sample in samples])
            for key in ("per_second", "median", "p95", "busy")
        )
        missed = max(0.0, 1 - rate / 60)
        spent = " | ".join(f"{time * 1000:.1f}" for time in times)
        frames.append(
            f"| {name} | {len(samples)} | {rate:.1f} | {missed:.1%} | {spent} | {rate / base:.2f} |"
        )
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


def _milliseconds(samples: Sequence[Sample], key: str, base: Sequence[Sample] = ()) -> str:
    """Return the median, less that of a base; nothing where it was not measured."""
    values, less = ([sample[key] for sample in of if key in sample] for of in (samples, base))
    if not values or samples is base:
        return ""
    return f"{(median(values) - (median(less) if less else 0)) * 1000:.0f}"


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
