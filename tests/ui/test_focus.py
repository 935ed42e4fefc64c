"""What the keyboard goes to is seen whole: no title that stays at the top hides it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .desk import Desk

pytestmark = pytest.mark.ui

# name of what has the focus, and whether something is over it or the list's end cuts it off;
# null outside of our lists
FOCUSED = """() => {
  const focused = document.activeElement;
  const list = focused.closest('.jp-GpuContainers-found, .jp-GpuContainers-panel');
  if (!list) return null;
  const item = focused.closest('.jp-GpuContainers-choice') ?? focused;
  const { top, bottom } = item.getBoundingClientRect();
  const over = [...list.querySelectorAll('*')].some(node => {
    if (getComputedStyle(node).position !== 'sticky' || node.contains(item)) return false;
    const title = node.getBoundingClientRect();
    return top < title.bottom - 1 && bottom > title.top + 1;
  });
  const { top: from, bottom: to } = list.getBoundingClientRect();
  const name = item.innerText || item.ariaLabel || item.title;
  return [name, over || top < from - 1 || bottom > to + 1];
}"""


def test_chosen_image_in_the_dialog(demo_desk: Desk) -> None:
    notebook = demo_desk()
    notebook.button.get_by_role("button").click()
    dialog = notebook.dialog
    expect(dialog.get_by_role("group", name="Recommended")).to_be_visible()
    found = dialog.locator(".jp-GpuContainers-found")
    assert found.evaluate("list => list.scrollHeight > 2 * list.clientHeight")
    dialog.get_by_role("searchbox").focus()
    notebook.page.keyboard.press("ArrowDown")
    expect(dialog.locator("[type=radio]:focus")).to_have_count(1)
    seen = set()
    for _ in range(dialog.get_by_role("radio").count() + 1):  # upwards and round
        notebook.page.keyboard.press("ArrowUp")
        name, hidden = notebook.page.evaluate(FOCUSED)
        assert not hidden, name
        seen.add(name)
    assert len(seen) > 10


def test_buttons_of_the_panel(demo_desk: Desk) -> None:
    notebook = demo_desk()
    window = notebook.page.viewport_size
    assert window is not None
    notebook.page.set_viewport_size({"width": 1280, "height": 420})
    panel = notebook.open_panel()
    expect(panel.get_by_label("Images").get_by_role("button", name="Actions")).to_have_count(5)
    assert panel.evaluate("list => list.scrollHeight > 2 * list.clientHeight")
    panel.get_by_role("button").last.focus()
    seen = []
    while found := notebook.page.evaluate(FOCUSED):  # from the last button to the first, and out
        name, hidden = found
        assert not hidden, name
        seen.append(name)
        notebook.page.keyboard.press("Shift+Tab")
    assert len(seen) > 20
    notebook.page.set_viewport_size(window)
