"""The page: what we add to JupyterLab's start, how long lists scroll, what is asked at rest."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, CDPSession, Page, Response, Route, async_playwright

from tests.ui.server import ASSETS, TOKEN, LabServer, lab_server
from tests.ui.stage import samples as s

from .rounds import Case, Gate, Sample, interleave

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
EXTENSION = "jupyter-gpu-containers"
PANEL = "#jupyter-gpu-containers-panel"
FILES = "filebrowser"  # JupyterLab's own panel
LAYOUT = "layout-restorer:data"  # its key in a workspace
GPUS, IMAGES = 64, 1000
REST = 60  # seconds for which requests are counted
SCROLLS = 7  # rounds at most: each has hundreds of frames
DISTANCE, SPEED = 12_000, 4_000  # pixels, pixels per second
TIMEOUT = 120_000  # milliseconds
SIZE = {"width": 1280, "height": 800}
DISABLED, CLOSED, OPEN = "extension disabled", "panel closed", "panel open"
EMPTY = "an empty page"
THREAD_TIME = {"timeDomain": "threadTicks"}  # of the processor: other load is not counted

# When JupyterLab is there, and when our panel shows its first GPU: each once it is on the screen.
_WATCH = """() => {
  window.seen = {};
  const painted = name => requestAnimationFrame(() => setTimeout(() => {
    window.seen[name] ??= performance.now();
  }));
  const look = new MutationObserver(() => {
    if (document.querySelector(ROW)) {
      look.disconnect();
      painted('painted');
    }
  });
  look.observe(document, { subtree: true, childList: true });
  const timer = setInterval(() => {
    if (window.jupyterapp) {
      clearInterval(timer);
      window.jupyterapp.restored.then(() => painted('restored'));
    }
  }, 1);
}"""

# Milliseconds between frames, while something scrolls.
_FRAMES = """() => {
  window.frames_ = [];
  window.scrolling = true;
  let last = null;
  const frame = now => {
    if (last !== null) window.frames_.push(now - last);
    last = now;
    if (window.scrolling) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""

_EMPTY_PAGE = "<!DOCTYPE html><body style='margin:0'><div style='height:200000px'></div>"


async def measure(rounds: int, gate: Gate) -> dict[str, Any]:
    """Return the figures of the page, ready for JSON."""
    h100 = {"name": "NVIDIA H100 80GB HBM3", "memory_gib": 80, "count": 2}
    config = {"GpuContainers": {"backend": "memory", "fixed_gpus": [h100]}}
    with (
        tempfile.TemporaryDirectory() as folder,
        lab_server(Path(folder) / "lab", config=config) as lab,
    ):
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox"]
            )
            context = await browser.new_context(viewport=SIZE)  # type: ignore[arg-type]
            await _make_workspaces(context, lab)
            starts: dict[str, Case] = {
                name: partial(_start, context, lab, name) for name in (DISABLED, CLOSED, OPEN)
            }
            started = await interleave(starts, rounds, gate)
            async with _long_panel(context, lab) as panel, _page(context) as empty:
                await empty.set_content(_EMPTY_PAGE)
                scrolls: dict[str, Case] = {
                    EMPTY: partial(_scroll, empty, "html"),
                    f"{GPUS} GPUs and {IMAGES} images": partial(_scroll, panel, PANEL),
                }
                scrolled = await interleave(scrolls, min(rounds, SCROLLS), gate)
            requests = await _at_rest(context, lab)
            result = {
                "browser": f"Chromium {browser.version}",
                "starts": started.cases,
                "scrolls": scrolled.cases,
                "errors": [*started.errors, *scrolled.errors],
                "requests": requests,
                "rest": REST,
                "gpus": GPUS,
                "images": IMAGES,
                "bundle": bundle(await _loaded(context, lab)),
                "rounds": rounds,
                "load": round(os.getloadavg()[0], 1),
            }
            await browser.close()
            return result


def bundle(at_start: set[str]) -> dict[str, int]:
    """Return what the front end weighs, in bytes after gzip: at the start, and in all."""
    files = [path for path in (ASSETS / "static").iterdir() if path.suffix == ".js"]
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in files}
    return {
        "start": sum(size for name, size in sizes.items() if name in at_start),
        "all": sum(sizes.values()),
    }


# --- starts --------------------------------------------------------------------------------------


async def _start(context: BrowserContext, lab: LabServer, case: str) -> Sample:
    plugins = [EXTENSION] if case == DISABLED else []
    with lab.without(*plugins):
        async with _page(context) as page:
            row = f"{PANEL} [aria-label=GPUs] li"
            await page.add_init_script(f"({_WATCH.replace('ROW', json.dumps(row))})()")
            session = await context.new_cdp_session(page)
            await session.send("Performance.enable", THREAD_TIME)
            await _open(page, lab, case)
            found = await page.evaluate("window.seen")
            await page.wait_for_load_state("networkidle")
            busy = await _busy(session)
            return {name: ms / 1000 for name, ms in found.items()} | {"busy": busy}


async def _busy(session: CDPSession) -> float:
    """Return what the page's main thread has computed, in seconds of processor time."""
    metrics = (await session.send("Performance.getMetrics"))["metrics"]
    return float(next(m["value"] for m in metrics if m["name"] == "TaskDuration"))


async def _open(page: Page, lab: LabServer, case: str) -> None:
    await page.goto(_address(lab, case), timeout=TIMEOUT)
    wanted = "painted" if case == OPEN else "restored"
    await page.wait_for_function(f"window.seen?.restored && window.seen.{wanted}", timeout=TIMEOUT)


def _address(lab: LabServer, case: str) -> str:
    return f"{lab.url}/lab/workspaces/{case.replace(' ', '-')}?token={TOKEN}"


async def _make_workspaces(context: BrowserContext, lab: LabServer) -> None:
    """Leave each case a workspace to come back to; they differ in which panel is open."""
    async with _page(context) as page:
        await page.goto(_address(lab, OPEN), timeout=TIMEOUT)
        async with page.expect_response(_is_saved_open, timeout=TIMEOUT):
            await _execute(page, "gpu-containers:open-panel")
    saved = lab.request(_workspace(OPEN))
    saved["data"][LAYOUT]["left"]["current"] = FILES
    for case in (DISABLED, CLOSED):
        saved["metadata"]["id"] = case.replace(" ", "-")
        lab.request(_workspace(case), "PUT", saved)


def _workspace(case: str) -> str:
    return f"lab/api/workspaces/{case.replace(' ', '-')}"


def _is_saved_open(response: Response) -> bool:
    """Whether a workspace was saved that shows our panel; JupyterLab saves it before, too."""
    request = response.request
    if request.method != "PUT" or "/api/workspaces/" not in request.url:
        return False
    layout = json.loads(request.post_data or "")["data"].get(LAYOUT, {})
    return bool(layout.get("left", {}).get("current") == PANEL.removeprefix("#"))


# --- scrolling -----------------------------------------------------------------------------------


@asynccontextmanager
async def _long_panel(context: BrowserContext, lab: LabServer) -> AsyncIterator[Page]:
    """The panel on a large machine, with a store of images beside it."""
    gpus = s.gpus([s.gpu(n, n % 80, n % 100) for n in range(GPUS)])
    images = [s.image(f"registry.example.org/team/image-{n}:1", 1 + n % 9) for n in range(IMAGES)]
    async with _page(context) as page:
        await _answer(page, lab, "gpus", gpus)
        await _answer(page, lab, "images", {"images": images})
        await page.goto(_address(lab, OPEN), timeout=TIMEOUT)
        rows = page.locator(f"{PANEL} [aria-label=Images] li")
        await rows.nth(IMAGES - 1).wait_for(state="attached", timeout=TIMEOUT)
        yield page


async def _answer(page: Page, lab: LabServer, what: str, body: object) -> None:
    async def route(route: Route) -> None:
        await route.fulfill(json=body)

    pattern = f"^{re.escape(lab.url)}/gpu-containers/{what}([?]|$)"
    await page.route(re.compile(pattern), route)


async def _scroll(page: Page, what: str) -> Sample:
    await page.bring_to_front()
    place = await page.locator(what).bounding_box()
    assert place is not None
    session = await page.context.new_cdp_session(page)
    gesture = {
        "x": place["x"] + place["width"] / 2,
        "y": place["y"] + min(place["height"], SIZE["height"]) / 2,
        "speed": SPEED,
        "preventFling": True,
    }
    await session.send("Performance.enable", THREAD_TIME)
    before = await _busy(session)
    await page.evaluate(_FRAMES)
    await session.send("Input.synthesizeScrollGesture", {**gesture, "yDistance": -DISTANCE})
    await page.evaluate("window.scrolling = false")
    frames = sorted(await page.evaluate("window.frames_"))
    busy = await _busy(session) - before
    await session.send(
        "Input.synthesizeScrollGesture", {**gesture, "yDistance": DISTANCE, "speed": 100_000}
    )
    await session.detach()
    return {
        "median": frames[len(frames) // 2] / 1000,
        "p95": frames[int(len(frames) * 0.95)] / 1000,
        "per_second": 1000 * len(frames) / sum(frames),
        "busy": busy / len(frames),
    }


# --- at rest -------------------------------------------------------------------------------------


async def _at_rest(context: BrowserContext, lab: LabServer) -> dict[str, int]:
    """Count what a page with the open panel asks of us, by resource."""
    asked: dict[str, int] = {}
    async with _page(context) as page:
        await page.goto(_address(lab, OPEN), timeout=TIMEOUT)
        await page.wait_for_load_state("networkidle")
        prefix = f"{lab.url}/gpu-containers/"

        def count(url: str) -> None:
            if url.startswith(prefix):
                what = url.removeprefix(prefix).partition("?")[0]
                asked[what] = asked.get(what, 0) + 1

        page.on("request", lambda request: count(request.url))
        await asyncio.sleep(REST)
    return asked


async def _loaded(context: BrowserContext, lab: LabServer) -> set[str]:
    """Return the names of our files that JupyterLab's start asks for."""
    names: set[str] = set()
    async with _page(context) as page:
        page.on("request", lambda request: names.add(request.url.partition("?")[0]))
        await page.goto(_address(lab, CLOSED), timeout=TIMEOUT)
        await page.wait_for_load_state("networkidle")
    return {url.rpartition("/")[2] for url in names if f"/{EXTENSION}/static/" in url}


@asynccontextmanager
async def _page(context: BrowserContext) -> AsyncIterator[Page]:
    page = await context.new_page()
    try:
        yield page
    finally:
        await page.close()


async def _execute(page: Page, command: str) -> None:
    """Execute a command once JupyterLab has its layout, which would undo what is done before."""
    await page.wait_for_function("window.jupyterapp !== undefined", timeout=TIMEOUT)
    await page.evaluate(
        "id => jupyterapp.restored.then(() => jupyterapp.commands.execute(id))", command
    )
