"""JupyterLab's themes, and a quick way to look at everything in each of them."""

from __future__ import annotations

from playwright.sync_api import Page

LIGHT, DARK, CONTRAST = "JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"
_THEMES = {
    LIGHT: "theme-light-extension",
    DARK: "theme-dark-extension",
    CONTRAST: "theme-dark-high-contrast-extension",
}
# JupyterLab has the light theme's link at the end of the body; the others are put on over it.
_WEAR = """async ([name, wanted]) => {
  const light = 'theme-light-extension';
  if (wanted !== light && !document.querySelector(`link[href*="${wanted}"]`)) {
    const own = document.querySelector(`link[href*="${light}"]`);
    const link = own.cloneNode();
    link.href = own.href.replace(light, wanted);
    await new Promise((resolve, reject) => {
      link.onload = resolve;
      link.onerror = () => reject(new Error(`no ${link.href}`));
      document.body.append(link);
    });
  }
  for (const link of document.querySelectorAll('link[href*="-extension/index.css"]')) {
    const [, theme] = /(theme-[a-z-]+-extension)/.exec(link.href) ?? [];
    if (theme && theme !== light) {
      link.sheet.disabled = theme !== wanted;
    }
  }
  document.body.dataset.jpThemeName = name;
  document.body.dataset.jpThemeLight = String(wanted === light);
}"""


def wear(page: Page, name: str) -> None:
    """Put a theme's colours on a page that is in the light theme.

    As `Stage.theme`, without what JupyterLab keeps and redraws for it: once loaded, a theme is
    there at once.
    """
    page.evaluate(_WEAR, [name, _THEMES[name]])
