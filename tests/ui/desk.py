"""A page of JupyterLab that stays: one notebook after the other is opened on it, and put away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.canary_pages import watch

from .page import OLD_OR_NEW, START_TIMEOUT, NotebookPage
from .server import TOKEN, LabServer

_READY = "() => window.jupyterapp?.commands?.hasCommand('docmanager:open')"
_SHOWS = """path => window.jupyterapp?.shell?.currentWidget?.context?.path === path"""
# Nobody is asked whether to save.
_PUT_AWAY = """() => {
  const { shell } = window.jupyterapp;
  [...shell.widgets('main')].forEach(widget => widget.dispose());
  shell.activateById('filebrowser');
}"""
# JupyterLab puts a launcher where there is nothing.
_ALONE = """() => {
  const { shell } = window.jupyterapp;
  [...shell.widgets('main')].forEach(widget => widget === shell.currentWidget || widget.dispose());
}"""
# What leaves the page takes most of a second for it, in which the page is painted again and again.
_HASTEN = """() => {
  window.hasten = document.createElement('style');
  window.hasten.textContent = '.Toastify__toast { animation-duration: 1ms !important; }';
  document.head.append(window.hasten);
}"""
# One that comes meanwhile, such as a warning, is closed, too.
_NO_NOTICE = """() => {
  if (document.querySelector('.Toastify__toast')) {
    document.querySelectorAll('.jp-Notification-Toast-Close').forEach(button => button.click());
    return false;
  }
  window.hasten.remove();
  return true;
}"""
_OPEN = "async path => { await window.jupyterapp.commands.execute('docmanager:open', { path }); }"
# What others did since is told only to a page in which somebody looks at it.
_LOOK = """async () => {
  const { commands, serviceManager } = window.jupyterapp;
  await serviceManager.kernelspecs.refreshSpecs();
  await commands.execute('gpu-containers:refresh');
}"""


def close_notices(page: Page) -> None:
    """Close all notifications, and wait until they are gone."""
    page.evaluate(_HASTEN)
    page.wait_for_function(_NO_NOTICE)


def close_dialogs(page: Page) -> None:
    """Close all dialogs, as Escape does; JupyterLab shows one after the other."""
    dialogs = page.locator(".jp-Dialog")
    while dialogs.count():
        node = dialogs.last.element_handle()
        dialogs.last.dispatch_event("keydown", {"keyCode": 27, "key": "Escape"})
        page.wait_for_function("node => !node.isConnected", arg=node)


class NotebookOnDesk(NotebookPage):
    """A notebook that is opened where JupyterLab is already."""

    def open(self) -> None:
        """Open it as from the file browser, in a page that knows what is there."""
        self.page.evaluate(_LOOK)
        self.page.evaluate(_OPEN, self.path)
        self.page.wait_for_function(_SHOWS, arg=self.path)
        self.page.evaluate(_ALONE)
        self.wait_until_open()

    def reload(self) -> None:
        """Load the page anew, with this notebook in a workspace of its own."""
        super().open()

    def reopen(self) -> None:
        """Close it, whose changes are lost, and open it once more."""
        self.page.evaluate(_PUT_AWAY)
        self.open()


class Desk:
    """A page of JupyterLab, loaded before the first test that uses it.

    What a page does when it is loaded belongs to tests that load one. These are about what it does
    with a notebook.

    Parameters
    ----------
    browser : Browser
    window : mapping
        Of its context.
    lab : LabServer
    """

    def __init__(self, browser: Browser, window: Mapping[str, Any], lab: LabServer) -> None:
        self._browser = browser
        self._window = window
        self._page: Page | None = None
        self.lab = lab
        self.folder = ""

    @property
    def page(self) -> Page:
        """The page, once it is loaded."""
        assert self._page is not None
        return self._page

    def load(self) -> None:
        """Load the page, if there is none."""
        if self._page is None:
            context = self._browser.new_context(**self._window)
            watch(context)
            self._page = context.new_page()
            self._page.goto(f"{self.lab.url}/lab?token={TOKEN}&reset")
            self._page.wait_for_function(_READY, timeout=START_TIMEOUT)
            self._page.evaluate("() => window.jupyterapp.restored")
            self._page.locator("#jupyterlab-splash").wait_for(state="detached")

    def __call__(
        self,
        *cells: str,
        name: str = "train",
        kernel: str = "python3",
        metadata: Mapping[str, object] | None = None,
        wait: bool = True,
    ) -> NotebookOnDesk:
        """Put a notebook on it in place of what is there, as `opener` opens one."""
        self.page.evaluate(_PUT_AWAY)
        notebook = NotebookOnDesk(self.page, self.lab, f"{self.folder}/{name}.ipynb")
        notebook.write(cells or ("x = 1", OLD_OR_NEW), kernel, metadata)
        notebook.open()
        if wait:
            notebook.wait_for_kernel()
        return notebook

    @contextmanager
    def used(self, request: pytest.FixtureRequest, folder: str) -> Iterator[Desk]:
        """Clear it after a test; one that failed leaves it to nobody."""
        self.folder = folder
        failed = request.session.testsfailed
        self.load()
        yield self
        if request.session.testsfailed > failed:
            self.close()
            return
        try:
            self._clear(self.page)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the page; the next notebook is put on another."""
        if self._page is not None:
            self._page.context.close()
            self._page = None

    @staticmethod
    def _clear(page: Page) -> None:
        """Leave neither notebook nor dialog nor notification."""
        close_dialogs(page)
        page.evaluate(_PUT_AWAY)
        close_notices(page)
