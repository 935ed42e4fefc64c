"""What a link out of the documentation may be; nothing is fetched to check it."""

import re
from urllib.parse import urlsplit

LOCAL = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|::1|.*\.local)")
REGISTRY = re.compile(r"(.*\.)?(pypi|pythonhosted|npmjs|yarnpkg|anaconda)\.\w+")


def complaint(address: str) -> str:
    """Say what is wrong with the address of a link to another site; "" where nothing is."""
    parts = urlsplit(address)
    host = (parts.hostname or "").lower()
    if parts.scheme != "https":
        return f"{address} is not https"
    if not host or LOCAL.fullmatch(host):
        return f"{address} is on the reader's own machine"
    if REGISTRY.fullmatch(host):
        return f"{address} is a package registry's"
    return ""


def check(app, doctree) -> None:
    """Warn of each wrong link; the build takes warnings as errors."""
    from docutils import nodes
    from sphinx.util import logging

    log = logging.getLogger(__name__)
    for link in doctree.findall(nodes.reference):
        address = link.get("refuri", "")
        if urlsplit(address).scheme in ("", "mailto"):
            continue  # inside the site; Sphinx and MyST check these
        if words := complaint(address):
            log.warning(words, location=link)
