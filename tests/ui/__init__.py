"""Browser tests: a real JupyterLab, with our extension, in Debian's Chromium."""
