"""The interface's German: what it says, what that is in English, and what was left in English."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from playwright.sync_api import Locator

from jupyter_gpu_containers import __file__ as package

LANGUAGE = {"@jupyterlab/translation-extension:plugin": {"locale": "de_DE"}}  # of JupyterLab
_CATALOGUE = Path(package).parent / "locale/de_DE/LC_MESSAGES/jupyter_gpu_containers.json"
_WORD = re.compile("[A-Za-z]{3}")
_PLACEHOLDER = re.compile(r"%\d")
_DEEPEST = 3  # translations within translations

# What can be read, and what screen readers and pointers are told.
_TEXTS = """root => {
  const texts = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = root; node; node = walker.nextNode()) {
    if (node.nodeType === Node.TEXT_NODE) {
      texts.push(node.data);
    } else {
      for (const name of ['title', 'aria-label', 'placeholder', 'label']) {
        texts.push(node.getAttribute?.(name) ?? '');
      }
    }
  }
  return texts.map(text => text.trim()).filter(Boolean);
}"""

# The next change of what can be read, or one since.
_CHANGED = """(root, [seen, patience]) => new Promise((resolve, reject) => {
  const look = () => {
    if (root.textContent !== seen) {
      observer.disconnect();
      resolve();
    }
  };
  const observer = new MutationObserver(look);
  observer.observe(root, { subtree: true, childList: true, characterData: true });
  look();
  setTimeout(() => reject(new Error('nothing changes any more')), patience);
})"""
_PATIENCE = 20_000  # milliseconds


class German:
    """The translations of the interface."""

    def __init__(self) -> None:
        content: dict[str, list[str]] = json.loads(_CATALOGUE.read_text(encoding="utf-8"))
        del content[""]
        self._forms = content
        sources = {key.rpartition("\x04")[2]: forms for key, forms in content.items()}
        every = [form for forms in content.values() for form in forms]
        self._german = _any([form for form in every if _WORD.search(form)], ".*")
        self._english = _any(
            [source for source, forms in sources.items() if source not in forms],
            r"\S+( \S+)?",  # a name or a number with its unit, not a sentence
        )
        pairs = [(source, form) for source, forms in sources.items() for form in forms]
        self._plain: dict[str, list[str]] = {}
        self._patterns: list[tuple[re.Pattern[str], list[str], str]] = []
        for source, form in pairs:
            names = _PLACEHOLDER.findall(form)
            if not names:
                self._plain.setdefault(form, []).append(source)
            else:
                self._patterns.append((_any([form], "(.+?)"), names, source))

    def say(self, text: str) -> str:
        """Return what the interface says for a text of the sources."""
        return self._forms[text][0]

    def left(self, what: Locator, told: Iterable[str]) -> set[str]:
        """Return what was left in English.

        Parameters
        ----------
        what : Locator
        told : iterable of str
            What the page was told: the server speaks English, and so does the engine.
        """
        allowed = {piece.strip() for text in told for piece in (text, *text.split("`"))}
        parts = _parts(what.evaluate(_TEXTS))
        return {
            part
            for part in parts
            if self._english.fullmatch(part) and not self._german.fullmatch(part)
        } - allowed

    def expect(self, what: Locator, words: Iterable[str]) -> None:
        """Wait until these English words are said, in German; what others said stays as it is.

        Raises
        ------
        AssertionError
            Some are not, and nothing changes any more.
        """
        while True:
            seen = what.text_content() or ""
            said = " ".join(seen.split())
            missing = [word for word in words if word not in said]
            if missing:
                english = "\n".join(self._in_english(_parts(what.evaluate(_TEXTS))))
                missing = [word for word in missing if word not in english]
            if not missing:
                return
            try:
                what.evaluate(_CHANGED, [seen, _PATIENCE])
            except Exception as exc:
                raise AssertionError(f"{missing} are not said in {said!r}") from exc

    def _in_english(self, parts: Iterable[str]) -> list[str]:
        """Return every English text that one of these stands for."""
        return [reading for part in parts for reading in self._readings(part, _DEEPEST)]

    def _readings(self, text: str, depth: int) -> list[str]:
        found = list(self._plain.get(text, ()))
        for pattern, names, source in self._patterns if depth else ():
            match = pattern.fullmatch(text)
            if match:
                values = [(self._readings(each, depth - 1) or [each])[0] for each in match.groups()]
                for name, value in zip(names, values, strict=True):
                    source = source.replace(name, value)
                found.append(source)
        return found


def _parts(texts: Iterable[str]) -> set[str]:
    """Return the texts and what they were put together from."""
    return {
        part.strip()
        for text in texts
        for line in text.split("\n")
        for part in (line, *line.split(" · "))
    }


def _any(texts: Iterable[str], placeholder: str) -> re.Pattern[str]:
    """Return what matches any of these texts."""
    parts = [[re.escape(part) for part in _PLACEHOLDER.split(text)] for text in texts]
    return re.compile("|".join(placeholder.join(part) for part in parts), re.DOTALL)
