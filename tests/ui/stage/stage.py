"""One page of JupyterLab on which one state of ours after the other is brought about."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.ui.desk import close_dialogs, close_notices
from tests.ui.page import NotebookPage
from tests.ui.server import LabServer

from .answers import Answers
from .samples import LIMITS, NOW, STATUS, Sample, identity

EVENTS = "https://events.jupyter-gpu-containers.dev"
NOTEBOOK = "moons/train.ipynb"
# Of the page: the same wherever it is made.
STAGE: dict[str, Any] = {
    "viewport": {"width": 1280, "height": 900},
    "locale": "en-US",
    "timezone_id": "Europe/Berlin",
    "reduced_motion": "reduce",
}

_EXECUTE = "([id, args]) => window.jupyterapp.commands.execute(id, args)"
_START = "([id, args]) => void window.jupyterapp.commands.execute(id, args)"

_DISPOSE = """name => {
  [...window.jupyterapp.shell.widgets('main')]
    .filter(({ title }) => title.label === name)
    .forEach(widget => widget.dispose());
}"""
_CLOSE = """content => {
  [...window.jupyterapp.shell.widgets('main')]
    .filter(({ node }) => node.querySelector(content))
    .forEach(widget => widget.dispose());
}"""
_KERNEL = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.id"


class Stage:
    """A notebook and our panel; the answers of the REST API are the states' to give.

    Parameters
    ----------
    page : Page
        Its clock stands still at `samples.NOW` once the stage is set.
    lab : LabServer
        On the memory backend: what no state gives is answered by it.
    translate : callable, optional
        From the interface's English to the language that it is in.
    """

    def __init__(
        self, page: Page, lab: LabServer, translate: Callable[[str], str] = lambda text: text
    ) -> None:
        self.page = page
        self._translate = translate
        self.lab = lab
        self.answers = Answers(page, f"{lab.url}/gpu-containers/")
        self.notebook = NotebookPage(page, lab, NOTEBOOK)
        self._launches: dict[str, Sample] = {}
        self._jobs: list[Sample] = []
        self._undo: list[Callable[[], object]] = []
        self._plays = 0
        self._seconds = 0.0

    # --- the page --------------------------------------------------------------------------------

    def set(self, cells: Sequence[str] = ("import torch", "torch.cuda.is_available()")) -> None:
        """Open the notebook, with our panel beside it."""
        self.page.clock.set_fixed_time(NOW)
        self._dress()
        self.notebook.write(cells)
        self.notebook.open()
        self.notebook.wait_for_kernel()
        self.open_panel()

    def _dress(self) -> None:
        """Have the server say what it would say with an engine."""
        self.give("GET status", STATUS)
        self.give("GET limits", LIMITS)

    def open_panel(self) -> None:
        """Show our panel."""
        self.execute("gpu-containers:open-panel")
        expect(self.panel).to_be_visible()

    def theme(self, name: str) -> None:
        """Change the theme."""
        self.execute("apputils:change-theme", theme=name)
        self.page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=name)

    def panel_width(self, pixels: int) -> None:
        """Make the panel so wide, as one does with the mouse."""
        handles = self.page.locator("#jp-main-split-panel > .lm-SplitPanel-handle")
        place = handles.locator("visible=true").first.bounding_box()
        now = self.panel.bounding_box()
        assert place is not None
        assert now is not None
        x, y = place["x"] + place["width"] / 2, place["y"] + 200
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + pixels - now["width"], y, steps=3)
        self.page.mouse.up()
        assert self.panel.bounding_box()["width"] == pixels  # type: ignore[index]

    def execute(self, command: str, **args: Any) -> Any:
        """Execute a command and wait for it."""
        return self.page.evaluate(_EXECUTE, [command, args])

    def start(self, command: str, **args: Any) -> None:
        """Execute a command that waits for its user."""
        self.page.evaluate(_START, [command, args])

    @property
    def panel(self) -> Locator:
        """Our panel."""
        return self.page.locator("#jupyter-gpu-containers-panel")

    def section(self, name: str) -> Locator:
        """A section of the panel, by its heading."""
        label = self.page.get_by_label(self.say(name), exact=True)
        return self.panel.locator("section").and_(label)

    def say(self, text: str) -> str:
        """What the interface says for a text of the sources, up to its first placeholder."""
        return self._translate(text).partition("%")[0]

    @property
    def dialog(self) -> Locator:
        """The dialog that is open, without the veil behind it."""
        return self.page.locator(".jp-Dialog-content")

    @property
    def notice(self) -> Locator:
        """The notification that is shown."""
        return self.page.locator(".Toastify__toast").last

    @property
    def button(self) -> Locator:
        """Our button in the notebook's toolbar."""
        return self.notebook.button

    @property
    def toolbar(self) -> Locator:
        """The toolbar of the notebook that is shown."""
        return self.page.locator(".jp-NotebookPanel-toolbar:visible")

    @property
    def banner(self) -> Locator:
        """Our banner above the cells of the notebook that is shown."""
        return self.page.locator(".jp-GpuContainers-banner:visible")

    def main_width(self, pixels: int) -> None:
        """Make the main area so wide, by the window; until the state is over."""
        area = self.page.locator("#jp-main-dock-panel").bounding_box()
        assert area is not None
        size = self.page.viewport_size
        assert size is not None
        width = size["width"] - round(area["width"]) + pixels
        self.page.set_viewport_size({"width": width, "height": size["height"]})
        self.afterwards(lambda: self.page.set_viewport_size(size))

    def afterwards(self, undo: Callable[[], object]) -> None:
        """Have something done when the state is over; what was asked for last comes first."""
        self._undo.append(undo)

    def close_afterwards(self, content: str) -> None:
        """Have what holds this, by its selector, closed when the state is over."""
        self.afterwards(lambda: self.page.evaluate(_CLOSE, content))

    def open_another(self, path: str, metadata: dict[str, Any]) -> None:
        """Open one more notebook, with this metadata, beside the first one."""
        content = {"cells": [], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
        body = {"type": "notebook", "content": content}
        self.lab.request(f"api/contents/{path}", "PUT", body)
        self.start("docmanager:open", path=path)
        self.afterwards(lambda: self.page.evaluate(_DISPOSE, path.rpartition("/")[2]))

    # --- what the server says --------------------------------------------------------------------

    def give(self, what: str, body: object, status: int = 200) -> None:
        """Answer a request so from now on, see `Answers.give`."""
        self.answers.give(what, body, status)

    def refresh(self) -> None:
        """Have the page ask again."""
        self.execute("gpu-containers:refresh")

    def launches(self, *launches: Sample) -> list[Sample]:
        """Have these launches, in the server's answer and on its event bus; returns them."""
        known = [self._of_this_play(launch) for launch in launches]
        self._launches |= {launch["id"]: launch for launch in known}
        self.give("GET launches", {"launches": list(self._launches.values())})
        for launch in known:
            self.emit("launch", launch)
        self.refresh()
        return known

    def jobs(self, *jobs: Sample) -> None:
        """Have these jobs, in the server's answer and on its event bus."""
        self._jobs = [self._of_this_play(job) for job in jobs]
        self.give("GET jobs", {"jobs": self._jobs})
        for job in self._jobs:
            self.emit("job", job)

    def begin(self, launch: Sample, **choice: Any) -> Sample:
        """Have the notebook's start asked for, and answered with this launch, which is returned."""
        known = self._of_this_play(launch)
        self._launches[known["id"]] = known
        self.give("GET launches", {"launches": list(self._launches.values())})
        self.give("POST launches", known, 202)
        self.start("gpu-containers:launch", path=NOTEBOOK, image=launch["image"], **choice)
        return known

    def emit(self, event: str, data: Sample) -> None:
        """Put an event on Jupyter's bus; the server holds it to the schema."""
        body = {"schema_id": f"{EVENTS}/{event}/v1", "version": "1", "data": data}
        self.lab.request("api/events", "POST", body)

    @property
    def kernel_id(self) -> str:
        """Id of the kernel that the notebook has."""
        return str(self.page.evaluate(_KERNEL))

    def go_on(self, launch: Sample, phase: str, **changes: Any) -> Sample:
        """Have a launch enter a phase; returns it as it is then."""
        at = {"phase": phase, "at": (NOW + timedelta(seconds=self._seconds)).isoformat()}
        none = {"queue": None, "pull": None, "idle": None}
        later = {**launch, **none, "phase": phase, "phases": [*launch["phases"], at], **changes}
        self._launches[later["id"]] = later
        self.give("GET launches", {"launches": list(self._launches.values())})
        self.emit("launch", later)
        return later

    def later(self, seconds: float) -> None:
        """Let time pass, without waiting for it."""
        self._seconds += seconds
        self.page.clock.set_fixed_time(NOW + timedelta(seconds=self._seconds))

    def _of_this_play(self, sample: Sample) -> Sample:
        """With ids of its own: what ended in one state does not begin again in another."""
        names = {name: sample.get(name) for name in ("id", "kernel_id")}
        return sample | {
            name: identity(value, self._plays) for name, value in names.items() if value
        }

    # --- between two states ----------------------------------------------------------------------

    def close_dialogs(self) -> None:
        """Close all dialogs, as Escape does; JupyterLab shows one after the other."""
        close_dialogs(self.page)

    def clear(self) -> None:
        """Close, end and forget all that a state has brought about."""
        self.close_dialogs()
        at = {"phase": "cancelled", "at": NOW.isoformat()}
        for launch in self._launches.values():
            if launch["phase"] not in ("cancelled", "failed"):
                phases = [*launch["phases"], at]
                self.emit(
                    "launch", {**launch, "phase": "cancelled", "phases": phases, "queue": None}
                )
        for job in self._jobs:
            if job["state"] in ("queued", "running"):
                self.emit("job", {**job, "state": "cancelled", "ended": NOW.isoformat()})
            else:
                self.execute("gpu-containers:cancel-job", id=job["id"])
        expect(self.section("Jobs")).to_have_count(0)
        self._launches.clear()
        self._jobs.clear()
        while self._undo:
            self._undo.pop()()
        self._plays += 1
        self.later(-self._seconds)
        self.answers.clear()
        self._dress()
        self.refresh()
        close_notices(self.page)


@dataclass(frozen=True)
class State:
    """A state of the interface.

    Attributes
    ----------
    name : str
        Of its picture, without ending.
    what : str
        One line for people.
    play : callable
        Brings it about and returns what of the page it is about.
    words : tuple of str
        What is to be read there, in English.
    fits : bool
        Whether what it is about stands in little room itself, beside the panel.
    """

    name: str
    what: str
    play: Callable[[Stage], Locator]
    words: tuple[str, ...]
    fits: bool = False

    def __repr__(self) -> str:
        return json.dumps(self.name)


STATES: list[State] = []


def state(
    name: str, what: str, *words: str, fits: bool = False
) -> Callable[[Callable[[Stage], Locator]], Callable[[Stage], Locator]]:
    """Enter a function into the table of states, in the order of the pictures."""

    def enter(play: Callable[[Stage], Locator]) -> Callable[[Stage], Locator]:
        STATES.append(State(name, what, play, words, fits))
        return play

    return enter
